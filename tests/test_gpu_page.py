"""The commands and numbers of docs/gpu.md are the code's."""

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from steer.cli import COMMANDS
from steer.configs.load import load_config
from steer.plan.assumed import Assumptions
from steer.plan.command import made
from steer.plan.facts import facts_of
from steer.plan.rates import GPUS

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs/gpu.md").read_text(encoding="utf-8")
LINES = [line for line in re.search(r"```sh\n(.*?)```", PAGE, re.S).group(1).splitlines()]
WORDS = [shlex.split(line, comments=True) for line in LINES]


def after(words, option):
    return words[words.index(option) + 1]


def test_ten_commands_are_numbered():
    assert [int(re.search(r"# (\d+)", line).group(1)) for line in LINES] == list(range(1, 11))


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_command_names_what_is_there(words):
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.M)
        assert set(rest) <= set(targets)
    elif program == "snakemake":
        assert (REPOSITORY / after(rest, "--profile") / "config.yaml").is_file()
        assert load_config(REPOSITORY / after(rest, "--configfile")).name == "paper-math-1.5b"
    elif program == "steer":
        parser = argparse.ArgumentParser()
        importlib.import_module(COMMANDS[rest[0]][0]).configure(parser)
        given = vars(parser.parse_args(rest[1:]))
        files = [word for word in rest if word.endswith(".yaml")]
        assert given and all((REPOSITORY / file).is_file() for file in files)
    elif program == "python":
        assert (REPOSITORY / rest[0]).is_file() and f'"{rest[1]}"' in (REPOSITORY / rest[0]).read_text()
    elif program == "hf":
        model = load_config(REPOSITORY / "configs/paper/math_1.5b.yaml").model
        assert rest == ["download", model.path, "--revision", model.revision]
    else:
        assert words == ["export", "PATH=$PWD/.venv-vllm-gpu/bin:$PATH"]


def test_its_costs_are_those_of_the_plan():
    gpu, columns = GPUS["H100"], []
    for name in ("math_1.5b", "math_7b"):
        changes = {"hardware.tflops": gpu.bf16 / 1e12, "hardware.memory_gb": gpu.memory_gb}
        config = load_config(REPOSITORY / f"configs/paper/{name}.yaml", changes)
        plan = made(config, facts_of(config), Assumptions(), "grpo")
        hours, memory, disk = plan["gpu_hours"], plan["memory_gb"], plan["disk_gb"]
        columns.append([
            f"{len(config.methods)} × {len(config.seeds)}",
            f"{hours['train']:,.0f}",
            f"{hours['validate'] + hours['generate']:.0f}",
            f"{memory['updates']:.0f} GB; {memory['rollouts']:.0f} GB",
            f"{memory['host']:.0f} GB",
            f"{disk['models'] / 1000:.1f} TB; {disk['checkpoints'] / 1000:.1f} TB",
        ])  # fmt: skip
    table = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.M)
    for found in zip(*columns, strict=True):
        assert found in table
