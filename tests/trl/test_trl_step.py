"""TRL's step as `benchmarks/gpu_evidence.py` times it beside ours, with the tiny model of its `--cpu`."""

from pathlib import Path


def test_a_step_of_trl_is_timed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import gpu_steps

    place, weights = gpu_steps.made(tmp_path, cpu=True, served=False)
    assert weights == "random"
    found = gpu_steps.beside_trl(place, on_cpu=True)
    assert set(found) == {"seconds_a_step", "tokens_per_second"}
    assert found["seconds_a_step"] > 0
