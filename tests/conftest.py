"""Fixtures shared by all tests."""

import os
from importlib.metadata import distributions
from pathlib import Path

import pytest

# Before torch is imported. A forked child has one thread, and sums in another order than two would; products as small
# as the tests' gain nothing from a second.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Those of the environment that has verl: `make test-verl`.
collect_ignore = [] if any(found.name == "verl" for found in distributions()) else ["verl"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real benchmark rows: `STEER_SHARED_DATA`, else `../shared/data` beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("STEER_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real benchmark rows: {folder} is not a folder (set STEER_SHARED_DATA)")
    return folder


# What tests of training begin with. Imported where it is asked for: most tests need no torch.
@pytest.fixture
def tokenizer():
    from steer.models.tokenizer import character_tokenizer

    return character_tokenizer()


@pytest.fixture
def model(tokenizer):
    from training import SMALL

    from steer.models.load import new_model

    return new_model(SMALL, tokenizer, seed=0)


@pytest.fixture
def problems():
    from steer.data.tasks import distinct_problems

    return distinct_problems("sums", "train", 0, 10)


@pytest.fixture
def batch(model):
    from training import ragged_batch

    return ragged_batch(model)
