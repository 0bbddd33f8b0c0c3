"""Statistics under repetition: unbiased over simulations and enumerations, errors at their level; degenerate input."""

import math
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.analyse.accuracy import cells, pass_table
from steer.analyse.comparison import DIFFERENCE
from steer.analyse.statistics import (
    Estimate,
    average_at_k,
    cluster_mean,
    combine,
    holm,
    majority,
    pass_at_k,
    powers_of_two,
    question_scores,
    run_mean,
    seed_spread,
    t_p_value,
)


def test_seeds_of_a_question_are_averaged_before_any_spread_is_taken():
    two_seeds = average_at_k([[4, 0, 2], [0, 4, 2]], [[4, 4, 4], [4, 4, 4]])
    assert two_seeds.value == 0.5
    assert two_seeds.questions == 3, "six rows, but three questions: seeds are no new questions"
    assert question_scores([[1, 0, 0.5], [0, 1, 0.5]]).tolist() == [0.5, 0.5, 0.5]


def test_sampling_part_is_unknown_with_one_sample_and_taken_from_the_questions_that_have_more():
    assert math.isnan(average_at_k([[1, 0, 1]], [[1, 1, 1]]).sampling_variance)
    whole = average_at_k([[1, 2, 3]], [[4, 4, 4]]).sampling_variance
    partly = average_at_k([[1, 2, 3, 1]], [[4, 4, 4, 1]]).sampling_variance
    assert partly == pytest.approx(whole * 3 / 4), "the mean within-question variance, over four questions"


def _simulate(questions: int, samples: int, repetitions: int = 3000) -> tuple[np.ndarray, np.ndarray, list[Estimate]]:
    """Repetitions of an evaluation with new questions each: chances, shares, estimates."""
    random = np.random.default_rng(questions)
    chances = random.beta(1.0, 1.5, (repetitions, questions))
    correct = random.binomial(samples, chances)
    estimates = [average_at_k(row, np.full(questions, samples)) for row in correct]
    return chances, correct / samples, estimates


def test_standard_error_separates_question_from_sampling_variance_in_a_simulation():
    questions, samples = 30, 4
    a, b = 1.0, 1.5
    mean = a / (a + b)
    between = mean * (1 - mean) / (a + b + 1)
    within = (mean * (1 - mean) - between) / samples
    _, shares, estimates = _simulate(questions, samples)
    assert np.mean([e.variance for e in estimates]) == pytest.approx((between + within) / questions, rel=0.02)
    assert np.var(shares.mean(axis=1)) == pytest.approx((between + within) / questions, rel=0.08)
    assert np.mean([e.sampling_variance for e in estimates]) == pytest.approx(within / questions, rel=0.02)


def test_pooling_samples_as_if_independent_would_claim_too_much():
    correct, verified = np.array([[16, 0, 16, 0, 16, 0]]), np.full((1, 6), 16)
    naive = math.sqrt(0.5 * 0.5 / 96)
    assert average_at_k(correct, verified).se > 4 * naive


@pytest.mark.parametrize("scores", [[], [0.5], [math.nan, 0.5]])
def test_fewer_than_two_questions_have_no_interval(scores):
    estimate = cluster_mean(scores)
    assert all(math.isnan(end) for end in estimate.interval())
    assert math.isnan(estimate.p_value())


def _enumerated(samples: int, correct: int, k: int) -> float:
    subsets = list(combinations([True] * correct + [False] * (samples - correct), k))
    return sum(any(subset) for subset in subsets) / len(subsets)


def test_pass_at_k_equals_the_count_over_all_subsets():
    cases = [(n, c, k) for n in range(1, 8) for c in range(n + 1) for k in range(1, n + 1)]
    for n, c, k in cases:
        assert pass_at_k(n, c, k) == pytest.approx(_enumerated(n, c, k)), (n, c, k)
    assert len(cases) == 168


@given(st.integers(1, 40), st.floats(0, 1), st.integers(1, 40))
def test_pass_at_k_is_unbiased(samples, chance, k):
    k = min(k, samples)
    expected = sum(
        math.comb(samples, c) * chance**c * (1 - chance) ** (samples - c) * pass_at_k(samples, c, k)
        for c in range(samples + 1)
    )
    assert expected == pytest.approx(1 - (1 - chance) ** k, abs=1e-9)


def test_pass_at_k_beyond_the_samples_is_unknown_and_stays_exact_for_many():
    assert math.isnan(pass_at_k(4, 4, 5))
    assert pass_at_k(1024, 1, 512) == 0.5


def test_powers_of_two_end_with_all_samples():
    assert [powers_of_two(n) for n in (0, 1, 4, 6)] == [[], [1], [1, 2, 4], [1, 2, 4, 6]]


@pytest.mark.parametrize(
    "answers, right, expected",
    [
        (["1/2", "0.5", "3", "3"], [True, True, False, False], 0.5),  # equal answers in two spellings vote together
        (["7", "8", "9"], [True, False, False], 1 / 3),  # a tie counts by share
        ([None, "", "8"], [False, False, False], 0.0),
        ([None, "", "7"], [False, False, True], 1.0),  # samples without an answer do not vote
        ([None, None], [False, False], 0.0),
        (["a", "a", "b", "c"], [False, False, False, True], 0.0),
    ],
)
def test_majority_by_hand(answers, right, expected):
    assert majority(answers, right) == pytest.approx(expected)


def test_majority_of_no_sample_is_unknown():
    assert math.isnan(majority([], []))


def test_a_difference_by_question_by_hand():
    estimate = cluster_mean([0.25, 0.75, 0.0, math.nan], bounds=DIFFERENCE)
    differences = np.array([0.25, 0.75, 0.0])
    assert estimate.value == pytest.approx(differences.mean())
    assert estimate.se == pytest.approx(differences.std(ddof=1) / math.sqrt(3))
    assert (estimate.questions, estimate.df) == (3, 2), "a question that one of them lacks is left out"
    half = 4.30265 * estimate.se
    assert estimate.interval()[1] == pytest.approx(min(estimate.value + half, 1), rel=1e-5)
    assert estimate.p_value() == pytest.approx(t_p_value(estimate.value / estimate.se, 2))


def test_paired_test_rejects_equal_methods_at_its_level():
    random = np.random.default_rng(1)
    chances = random.beta(1, 1.5, (2000, 25))
    scores = [random.binomial(4, chances) / 4 for _ in range(2)]
    p = np.array([cluster_mean(a - b, bounds=DIFFERENCE).p_value() for a, b in zip(*scores, strict=True)])
    assert 0.035 <= (p < 0.05).mean() <= 0.065


def test_no_difference_anywhere_is_no_evidence():
    same = cluster_mean([0, 0, 0], bounds=DIFFERENCE)
    assert (same.value, same.p_value()) == (0, 1)
    assert same.interval()[0] < 0 < same.interval()[1]


def test_equal_runs_leave_no_spread_to_judge_by():
    """Three seeds that differ by the same few answers are no evidence without end."""
    assert math.isnan(run_mean([0.25, 0.25, 0.25], (-1, 1)).p_value())
    assert run_mean([0, 0, 0], (-1, 1)).p_value() == 1


def test_differences_of_rounding_alone_are_no_evidence():
    """Means over seeds of equal counts, summed in another order: 0.6 and 0.6000000000000001 by three."""
    one, other = (
        question_scores([[0.3, 0.5], [0.3, 0.5], [0.0, 0.5]]),
        question_scores([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]]),
    )
    assert one[0] != other[0]
    low, high = cluster_mean(one - other, bounds=DIFFERENCE).interval()
    assert low < -0.1 and high > 0.1


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_plain_and_the_bonferroni_p_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_keeps_the_family_wise_error():
    random = np.random.default_rng(2)
    families = random.uniform(size=(4000, 10))
    wrong = np.mean([min(holm(family.tolist())) < 0.05 for family in families])
    assert wrong == pytest.approx(0.05, abs=0.012)


def test_average_over_benchmarks_by_hand():
    parts = [Estimate(0.2, 0.01, 4, 5, 0.004), Estimate(0.6, 0.03, 9, 10, 0.006)]
    mean = combine(parts)
    assert (mean.value, mean.questions) == (pytest.approx(0.4), 15)
    assert mean.variance == pytest.approx((0.01 + 0.03) / 4)
    assert mean.sampling_variance == pytest.approx((0.004 + 0.006) / 4)
    assert mean.df == pytest.approx(0.04**2 / (0.01**2 / 4 + 0.03**2 / 9))
    assert math.isnan(combine([]).value)


def test_seed_spread_is_the_sample_standard_deviation():
    assert seed_spread([0.1, 0.3]) == pytest.approx(math.sqrt(0.02))
    assert seed_spread([0.1, math.nan, 0.3]) == pytest.approx(math.sqrt(0.02))
    assert math.isnan(seed_spread([0.1]))


def test_intervals_stay_inside_what_can_be():
    for scores in product([0.0, 1.0], repeat=3):
        low, high = cluster_mean(scores).interval()
        assert 0 <= low <= high <= 1
    assert cluster_mean([1, -1, 1], bounds=DIFFERENCE).interval() == (-1, 1)


def test_a_curve_of_pass_at_k_is_of_the_same_seeds_at_every_k():
    """With four samples of one seed and two of another the curve is of the first alone; it cannot fall with k."""
    counts = {0: (4, (1, 2)), 1: (2, (2, 2))}
    rows = [
        {"run": "a", "seed": seed, "benchmark": "b", "id": i, "samples": n, "correct": c, "wrong": n - c}
        for seed, (n, right) in counts.items()
        for i, c in enumerate(right)
    ]
    questions = pd.DataFrame(rows)
    config = SimpleNamespace(data=SimpleNamespace(benchmarks=["b"]))
    collected = SimpleNamespace(questions=questions, labels={"a": "A"}, kinds={"b": "math"}, config=config)
    table = pass_table(collected, cells(questions))
    table = table[table["column"] == "b"].set_index("k")
    # Of four samples one and two are right: pass@2 is 1/2 and 5/6.
    assert table["mean"].to_dict() == pytest.approx({1: 3 / 8, 2: 2 / 3, 4: 1.0})
    assert set(table["runs"]) == {1}
