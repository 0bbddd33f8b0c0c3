"""The part of `benchmarks/gpu_evidence.py` that tries vLLM, with its CPU build: it has run before it is paid for."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.vllm


def test_the_part_that_tries_vllm_passes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import gpu_checks

    found = {}
    gpu_checks.served(tmp_path, True, 600, found)
    assert found["passed"] is True
    for name in ("first", "after_sleep"):
        assert found[name]["checksum"]
        assert found[name]["greedy_equal"]
        assert found[name]["refuses_asleep"]
        assert 0 < found[name]["mismatch_mean"] <= found[name]["mismatch_max"] < 1e-3
