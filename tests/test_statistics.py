"""Each statistic against a closed form, an enumeration or a simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steer.analyse import statistics as s


def test_avg_at_k_by_hand():
    """Two seeds, three questions, four samples: shares 1, 1/2, 0 and 1, 0, 1/2."""
    found = s.average_at_k([[4, 2, 0], [4, 0, 2]], [[4, 4, 4], [4, 4, 4]])
    scores = np.array([1.0, 0.25, 0.25])
    assert found.value == pytest.approx(0.5)
    assert found.se == pytest.approx(scores.std(ddof=1) / math.sqrt(3))
    sampling = np.array([0, 0.25 / 3, 0.25 / 3]) / 4
    assert found.se_sampling == pytest.approx(math.sqrt(sampling.sum()) / 3)
    assert found.se_question**2 + found.se_sampling**2 == pytest.approx(found.variance)


def test_unverifiable_samples_are_in_no_mean():
    found = s.average_at_k([[1, 2]], [[1, 4]])
    assert found.value == pytest.approx((1 + 0.5) / 2)
    assert s.average_at_k([[0, 2]], [[0, 4]]).questions == 1


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Questions of beta-distributed difficulty; the mean over the population is 1/3."""
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        chance = random.beta(1, 2, size=60)
        correct = random.binomial(4, chance)[None]
        low, high = s.average_at_k(correct, np.full_like(correct, 4)).interval()
        covered += low <= 1 / 3 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_questions_that_all_agree_still_have_an_interval():
    low, high = s.average_at_k([[4] * 20], [[4] * 20]).interval()
    assert high == 1
    assert low == pytest.approx(0.025 ** (1 / 20), abs=1e-6)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 0, 2), (4, 1, 2), (5, 3, 2), (6, 2, 6), (6, 6, 1)])
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n, c, k):
    marks = [True] * c + [False] * (n - c)
    subsets = list(itertools.combinations(marks, k))
    assert s.pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_more_samples_than_there_are_is_not_a_number():
    assert math.isnan(s.pass_at_k(3, 1, 4))


def test_pairing_by_question_removes_what_makes_questions_hard():
    random = np.random.default_rng(1)
    difficulty = random.uniform(0, 1, 200)
    first, second = difficulty + 0.05 + random.normal(0, 0.02, 200), difficulty + random.normal(0, 0.02, 200)
    found = s.cluster_mean(first - second)
    low, high = found.interval()
    assert low < 0.05 < high
    assert high - low < 0.02
    assert found.p_value() < 1e-6
    assert s.cluster_mean(first - first).p_value() == 1


def test_questions_that_one_side_lacks_are_left_out():
    assert s.cluster_mean([1, 0, math.nan]).questions == 2


def test_a_mean_over_runs_is_students():
    """By hand: 1, 2 and 6 have mean 3 and variance 7; the quantile of t with two degrees of freedom is 4.3027."""
    found = s.run_mean([1, 2, 6, math.nan])
    half = 4.30265 * math.sqrt(7 / 3)
    assert found.value == 3
    assert found.interval() == pytest.approx((3 - half, 3 + half), abs=1e-4)
    assert all(math.isnan(end) for end in s.run_mean([0.5]).interval())
    assert math.isnan(s.run_mean([]).value)


def test_t_quantiles_are_those_of_the_table():
    for df, quantile in ((1, 12.7062), (2, 4.30265), (10, 2.22814), (math.inf, 1.95996)):
        assert s.t_quantile(0.975, df) == pytest.approx(quantile, abs=1e-3)


def test_holm_by_hand():
    assert s.holm([0.01, 0.04, 0.03, math.nan])[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(s.holm([0.01, math.nan])[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(values):
    adjusted = s.holm(values)
    assert all(a >= p and a <= 1 for a, p in zip(adjusted, values, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_combining_benchmarks_weighs_them_equally():
    parts = [s.average_at_k([[4, 0]], [[4, 4]]), s.average_at_k([[4] * 9 + [0]], [[4] * 10])]
    found = s.combine(parts)
    assert found.value == pytest.approx((0.5 + 0.9) / 2)
    assert found.variance == pytest.approx(sum(p.variance for p in parts) / 4)
    assert found.questions == 12
