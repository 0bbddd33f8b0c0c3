"""Methods compared over runs: by hand, called from three runs up, calibrated, with the power that is claimed."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steer import cli
from steer.analyse.comparison import comparison_table, paired, seeds_as_methods, supported_best
from steer.analyse.power import runs_needed, smallest_difference, spread_of_differences
from steer.analyse.spread import CURVES


def frame(rows, seeds=None):
    return pd.DataFrame(rows, index=seeds or range(len(rows)), columns=[f"q{i}" for i in range(len(rows[0]))])


def test_a_difference_by_hand_over_runs_and_over_questions():
    """Three seeds, two questions: by seed +0.5, 0 and +0.25 (mean 0.25, variance 1/16); by question 1/3 and 1/6."""
    scores = {
        ("a", "x"): frame([[1, 1], [0.5, 0.5], [1, 0.5]]),
        ("b", "x"): frame([[0.5, 0.5], [0, 1], [1, 0]]),
    }
    found = paired(scores, "a", "b", ["x"])
    assert found.by_run.tolist() == [0.5, 0, 0.25]
    half = 4.30265 * math.sqrt(1 / 16 / 3)
    assert found.over_runs.interval() == pytest.approx((0.25 - half, 0.25 + half), abs=1e-4)
    assert found.over_questions.value == pytest.approx(0.25)
    assert found.over_questions.se == pytest.approx((1 / 3 - 1 / 6) / 2)
    assert found.p == pytest.approx(0.2254, abs=1e-4)  # t = √3 with two degrees of freedom


def test_seeds_are_paired_by_their_number_and_the_base_model_stands_beside_each():
    scores = {
        ("a", "x"): frame([[1.0], [0.5], [0.25]], [0, 1, 2]),
        ("b", "x"): frame([[0.5], [1.0]], [1, 0]),
        ("base", "x"): frame([[0.25]], [0]),
    }
    assert paired(scores, "a", "b", ["x"]).by_run.to_dict() == {0: 0.0, 1: 0.0}
    assert paired(scores, "a", "base", ["x"]).by_run.to_dict() == {0: 0.75, 1: 0.25, 2: 0}
    assert paired(scores, "base", "a", ["x"]).by_run.to_dict() == {0: -0.75, 1: -0.25, 2: 0}
    assert paired(scores, "a", "b", ["x", "y"]) is None
    assert paired(scores | {("b", "x"): frame([[1.0]], [7])}, "a", "b", ["x"]) is None


def test_a_question_that_one_seed_could_not_verify_counts_in_the_others():
    scores = {("a", "x"): frame([[1, math.nan], [1, 1]]), ("b", "x"): frame([[0, 0], [0, 0.5]])}
    found = paired(scores, "a", "b", ["x"])
    assert found.by_run.tolist() == [1, 0.75] and found.left_out == 0


def scores_of(methods, seeds, questions=30, gain=0.3, seed=0):
    """The last method is better by `gain` in every seed; the others differ by chance."""
    random = np.random.default_rng(seed)
    hard = random.uniform(0.2, 0.5, questions)
    return {
        (f"m{i}", "x"): frame(
            (random.binomial(8, hard + gain * (i == methods - 1), (seeds, questions)) / 8).tolist(), list(range(seeds))
        )
        for i in range(methods)
    }


@pytest.mark.parametrize(("seeds", "called"), [(1, False), (2, False), (3, True), (5, True)])
def test_no_comparison_is_called_and_nothing_is_bold_under_three_runs(seeds, called):
    scores = scores_of(3, seeds)
    table = comparison_table(scores, ["m0", "m1", "m2"], {"x": ["x"]})
    assert table["p"].notna().all() == table["p_holm"].notna().all() == called
    assert table["runs"].tolist() == [seeds] * 3
    assert table["low"].notna().all() == (seeds > 1)
    means = {run: score.mean(axis=None) for (run, _), score in scores.items()}
    accuracy = pd.DataFrame([{"run": run, "column": "x", "mean": mean} for run, mean in means.items()])
    assert supported_best(accuracy, table) == ({("m2", "x")} if called else set())


def test_the_test_over_runs_keeps_its_level_where_the_one_over_questions_does_not():
    """Methods that differ by nothing, of which each run is off by 3 points of its own: 100 experiments of 4 seeds."""
    random = np.random.default_rng(1)
    runs, questions = [], []
    for _ in range(100):
        hard = random.uniform(0.2, 0.6, 400)
        scores = {
            (name, "x"): frame([(random.binomial(16, hard + random.normal(0, 0.03)) / 16).tolist() for _ in range(4)])
            for name in "ab"
        }
        found = paired(scores, "a", "b", ["x"])
        runs.append(found.p < 0.05)
        questions.append(found.over_questions.p_value() < 0.05)
    assert np.mean(runs) < 0.10
    assert np.mean(questions) > 0.25


def test_seeds_compared_as_methods_show_it():
    random = np.random.default_rng(2)
    hard = random.uniform(0.2, 0.6, 400)
    rows = [(random.binomial(16, hard + shift) / 16).tolist() for shift in (-0.05, 0.0, 0.05)]
    table = seeds_as_methods({("a", "x"): frame(rows)}, ["a"], {"x": ["x"]})
    assert table[["seed", "against_seed"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2]]
    assert (table["question_p"] < 0.05).all()
    same = seeds_as_methods({("a", "x"): frame([rows[0], rows[0]])}, ["a"], {"x": ["x"]})
    assert same["question_p"].tolist() == [1] and same["difference"].tolist() == [0]


@pytest.mark.parametrize("runs", [3, 5, 12])
def test_the_smallest_difference_is_shown_four_times_in_five(runs):
    """Simulated: differences with that mean and spread 2, tested with Student's t."""
    from scipy.stats import ttest_1samp

    difference = smallest_difference(2.0, runs)
    random = np.random.default_rng(3)
    draws = random.normal(difference, 2.0, (20_000, runs))
    assert np.mean(ttest_1samp(draws, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.012)


@given(st.floats(0.01, 10), st.floats(0.05, 10))
def test_the_runs_that_are_needed_are_the_fewest(spread, difference):
    found = runs_needed(spread, difference, 3)
    if found is None:
        assert smallest_difference(spread, 10_000) > difference
    else:
        assert smallest_difference(spread, found) <= difference
        assert found == 3 or smallest_difference(spread, found - 1) > difference


def test_the_spread_is_pooled_and_one_run_has_none():
    assert spread_of_differences([[1, 3], [0, 0, 3]]) == pytest.approx(math.sqrt((2 + 6) / 3))
    assert math.isnan(spread_of_differences([[1.0]]))
    assert spread_of_differences([[1, 3], [0, 0, 0]]) == pytest.approx(math.sqrt(2)), "the same runs twice tell nothing"
    assert math.isnan(smallest_difference(1.0, 1))
    assert runs_needed(math.nan, 1.0, 3) is None


def test_steer_power_reads_the_committed_default_experiment(capsys):
    assert cli.main(["power", "results/reference/tiny", "--difference", "3"]) == 0
    out = capsys.readouterr().out
    assert "average accuracy: " in out and "pass@4: " in out and "final entropy: " in out
    assert "3 points: " in out


def test_steer_power_of_runs_that_were_not_evaluated_is_that_of_their_entropy(tmp_path, capsys):
    (tmp_path / "tables").mkdir()
    ends = {"a": [0.10, 0.12, 0.11], "b": [0.20, 0.26, 0.20]}  # b - a: 0.10, 0.14, 0.09
    rows = [
        {"run": run, "seed": seed, "step": 1, "entropy": x} for run, xs in ends.items() for seed, x in enumerate(xs)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "tables" / CURVES)
    assert cli.main(["power", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "final entropy alone" in out and "differ by 26.46 thousandths of a nat" in out and "accuracy:" not in out


def test_steer_power_says_what_it_lacks(tmp_path, capsys):
    assert cli.main(["power", str(tmp_path)]) == 2
    assert f"{CURVES}: no such table; make it" in capsys.readouterr().err
    assert cli.main(["power", "results/reference/all-methods"]) == 2
    assert "two methods with two seeds each" in capsys.readouterr().err
    assert cli.main(["power", "results/reference/tiny", "--difference", "0"]) == 2
    assert "above 0" in capsys.readouterr().err
