"""Single checks of the script for GPUs, on the CPU: what is right passes, what is wrong does not."""

import sys
from pathlib import Path

import pytest
import torch
from test_varlen import wrong

from steer.models import varlen

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checks():
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    import gpu_checks

    yield gpu_checks
    sys.path.pop(0)


@pytest.mark.parametrize(("kernel", "passed"), [(varlen.plain, True), (wrong, False)])
def test_attention_in_a_model_must_be_as_close_as_the_padded_one(checks, monkeypatch, kernel, passed):
    """In the kernel's place the plain form, and one that lines up its keys otherwise."""
    monkeypatch.setattr(varlen, "serves", lambda query: query.dtype == torch.bfloat16)
    monkeypatch.setattr(varlen, "flash", kernel)
    found = checks.in_a_model(CPU)
    assert found["without_padding"]
    assert found["passed"] is passed
    for name in ("log_probabilities", "gradient_of_keys"):
        assert 0 < found[name]["blocks"] < 0.2, "bf16 rounds"


def test_a_device_is_taken_in_a_process_of_its_own(checks, tmp_path):
    assert checks.locked(tmp_path, cpu=True)["passed"] is True
    assert checks.locked(tmp_path, cpu=False)["passed"] is False, "there is no GPU here"


@pytest.mark.parametrize("broken", [False, True])
def test_products_must_be_as_the_precision_wants(checks, monkeypatch, broken):
    if broken:
        monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)
    assert checks.products(CPU) is not broken
