"""The local `evaluate` module scores as the tables do."""

import math

import pytest


@pytest.fixture
def metric(monkeypatch, tmp_path):
    import evaluate  # takes a second, which only the process that runs these tests need spend

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return evaluate.load("src/steer/analyse/steer_accuracy", cache_dir=str(tmp_path))


def test_accuracy_and_pass_at_k_of_three_questions(metric):
    predictions = [["\\boxed{7}", "\\boxed{8}"], ["\\boxed{1/2}", "\\boxed{0.5}"], ["no", "idea"]]
    found = metric.compute(predictions=predictions, references=["7", "\\frac12", "3"], k=[1, 2])
    assert found["accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert found["avg@1"] == pytest.approx(2 / 3)
    assert found["avg@2"] == found["accuracy"]
    assert found["pass@1"] == pytest.approx(0.5)
    assert found["pass@2"] == pytest.approx(2 / 3)
    assert found["unverifiable"] == 0
    variance = sum((x - 0.5) ** 2 for x in (0.5, 1, 0)) / 2 / 3
    assert found["accuracy_stderr"] == pytest.approx(math.sqrt(variance))


def test_more_samples_than_there_are_is_not_a_number(metric):
    found = metric.compute(predictions=[["7"], ["8"]], references=["7", "7"], k=[4])
    assert math.isnan(found["pass@4"])
    assert math.isnan(found["avg@4"])
