"""Fixtures shared by all tests."""

import gc
import json
import os
import shutil
from importlib.metadata import distributions
from pathlib import Path

import pytest

# Before torch is imported. A forked child has one thread, and sums in another order than two would; products as small
# as the tests' gain nothing from a second.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Until all tests are collected, nothing imported goes away: looking through it takes a fifth of that time.
gc.disable()

# Those of the environments that have verl, TRL and Slurm: `make test-verl`, `make test-trl`, `make test-slurm`.
INSTALLED = {found.name for found in distributions()}
collect_ignore = sorted({"verl", "trl"} - INSTALLED)
# Debian keeps daemons where the path of most users does not look.
slurm = shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin")
if slurm is None or "snakemake-executor-plugin-slurm" not in INSTALLED:
    collect_ignore.append("slurm")


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real benchmark rows: `STEER_SHARED_DATA`, else `../shared/data` beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("STEER_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real benchmark rows: {folder} is not a folder (set STEER_SHARED_DATA)")
    return folder


# What tests of training begin with. Imported where it is asked for: most tests need no torch.
@pytest.fixture(scope="module")
def tokenizer():
    from steer.models.tokenizer import character_tokenizer

    return character_tokenizer()


@pytest.fixture
def model(tokenizer):
    from training import SMALL

    from steer.models.load import new_model

    return new_model(SMALL, tokenizer, seed=0)


@pytest.fixture(scope="module")
def problems():
    from steer.data.tasks import distinct_problems

    return distinct_problems("sums", "train", 0, 10)


@pytest.fixture(scope="module")
def prompts(tokenizer):
    """Tokens of prompts of several lengths."""
    from training import PROMPTS

    return [tokenizer.encode(prompt, add_special_tokens=False) for prompt in PROMPTS]


@pytest.fixture
def batch(model):
    from training import ragged_batch

    return ragged_batch(model)


@pytest.fixture
def imported(tmp_path, capsys):
    """Import text (or files) and return metrics, validations, import.json."""

    from steer.cli import main
    from steer.io import read_jsonl

    def run(text, *options, name="train.log"):
        log = tmp_path / name
        if isinstance(text, str | bytes):
            log.write_bytes(text.encode() if isinstance(text, str) else text)
        status = main(["import", str(log), "--out", str(tmp_path / "run"), *options])
        said = capsys.readouterr()
        assert status == 0, said.err
        out = tmp_path / "run"
        assert {path.name for path in out.iterdir()} == {
            "metrics.jsonl",
            "validation.jsonl",
            "config.yaml",
            "import.json",
        }
        return (
            read_jsonl(out / "metrics.jsonl"),
            read_jsonl(out / "validation.jsonl"),
            json.loads((out / "import.json").read_text()),
        )

    return run


@pytest.fixture
def refused(tmp_path, capsys):
    """Import text and return the one line that refuses it."""
    from steer.cli import main

    def run(text, *options, name="train.log"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        assert main(["import", str(tmp_path / name), "--out", str(tmp_path / "run"), *options]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and str(tmp_path / name) in said
        assert not (tmp_path / "run").exists()
        return said

    return run


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no browser for this test: run `sh tests/install_browser.sh`, or install the package chromium"
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()
