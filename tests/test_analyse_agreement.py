"""Agreement of an estimate with a measurement: by hand, against pandas, and its bootstrap over clusters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.analyse.agreement import STATISTICS, _linear, _spearman, agreement
from steer.analyse.theory.tables import ESTIMATORS, agreements, positions

ENDS = [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]


def data(seed, tokens=60, clusters=9, levels=None):
    random = np.random.default_rng(seed)
    x = random.normal(size=tokens) + 2.0
    y = 0.7 * x + random.standard_t(2, size=tokens)
    if levels:
        x, y = np.round(levels * x), np.round(levels * y)
    return x, y, random.integers(0, clusters, tokens)


def test_by_hand():
    """x = (1, 2, 3), y = (2, 1, 6): c = (2 + 2 + 18)/14 = 11/7; the ranks are (1, 2, 3) and (2, 1, 3)."""
    found = agreement([1, 2, 3], [2, 1, 6], [0, 1, 2], draws=10)
    assert found["scale"] == pytest.approx(11 / 7)
    assert found["mse"] == pytest.approx((41 - 22**2 / 14) / 3)
    assert found["unexplained"] == pytest.approx(1 - 22**2 / 14 / 41)
    assert found["pearson"] == pytest.approx(4 / (2 * 14) ** 0.5)
    assert found["spearman"] == pytest.approx(0.5)
    assert (found["tokens"], found["clusters"]) == (3, 3)


@given(st.integers(0, 10_000), st.sampled_from([None, 1, 2]))
@settings(max_examples=25, deadline=None)
def test_a_weighted_draw_is_the_statistic_of_the_resampled_tokens(seed, levels):
    """Each cluster repeated as often as it was drawn, tied values included, by pandas and by the definitions."""
    x, y, cluster = data(seed, levels=levels)
    names, index = np.unique(cluster, return_inverse=True)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=3)
    found = {**_linear(x, y, index, weights), "spearman": _spearman(x, y, index, weights)}
    for draw, weight in enumerate(weights):
        table = pd.DataFrame({"x": x, "y": y}).loc[np.repeat(np.arange(len(x)), weight[index])]
        scale = (table.x * table.y).sum() / (table.x**2).sum()
        residual = ((table.y - scale * table.x) ** 2).mean()
        expected = {
            "scale": scale,
            "mse": residual,
            "unexplained": residual / (table.y**2).mean(),
            "pearson": table.x.corr(table.y),
            "spearman": table.x.rank().corr(table.y.rank()),
        }
        for name, value in expected.items():
            assert found[name][draw] == pytest.approx(value, abs=1e-9), name


def test_tokens_repeated_within_their_response_are_no_new_evidence():
    x, y, cluster = data(1)
    twice = [np.repeat(values, 2) for values in (x, y, cluster)]
    once, again = agreement(x, y, cluster, draws=200), agreement(*twice, draws=200)
    assert [again[name] for name in ENDS] == pytest.approx([once[name] for name in ENDS])


def test_responses_repeated_as_new_ones_narrow_the_interval():
    x, y, cluster = data(2)
    more = [np.tile(values, 9) for values in (x, y)]
    fresh = np.concatenate([cluster + 100 * copy for copy in range(9)])
    widths = [
        found["pearson_high"] - found["pearson_low"]
        for found in (agreement(x, y, cluster, draws=400), agreement(*more, fresh, draws=400))
    ]
    assert widths[0] / widths[1] == pytest.approx(3, rel=0.4)


def test_the_interval_covers_the_correlation_of_the_population():
    """120 samples of 40 clusters with a common shift each; a fifth of the shifts are shared by x and y."""
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(120):
        shift = random.normal(size=(2, 40, 1))
        shift[1] = 0.6 * shift[0] + 0.8 * shift[1]
        x, y = (shift + 0.5 * random.normal(size=(2, 40, 5))).reshape(2, -1)
        found = agreement(x, y, np.arange(200) // 5, draws=100)
        covered += found["pearson_low"] <= 0.6 / 1.25 <= found["pearson_high"]
    assert 0.86 <= covered / 120 <= 0.99


def test_an_estimate_that_says_nothing_has_no_correlation():
    x, y, cluster = data(4)
    zero, constant = agreement(0 * x, y, cluster, draws=20), agreement(0 * x + 3, y, cluster, draws=20)
    assert all(np.isnan(zero[name]) for name in ENDS)
    assert np.isnan([constant["pearson"], constant["spearman"]]).all()
    assert constant["scale"] == pytest.approx(y.mean() / 3)
    assert agreement([], [], [])["tokens"] == 0


def test_one_prompt_has_no_interval():
    """Drawing from one cluster gives the same set each time: an interval of no width is not certainty."""
    x, y, _ = data(6)
    found = agreement(x, y, np.zeros(len(x)), draws=20)
    assert not np.isnan([found[name] for name in STATISTICS]).any()
    assert np.isnan([found[f"{name}{end}"] for name in STATISTICS for end in ("_low", "_high")]).all()


def test_any_factor_on_the_estimate_changes_its_scale_alone():
    x, y, cluster = data(5)
    once, scaled = agreement(x, y, cluster, draws=50), agreement(-1e-6 * x, y, cluster, draws=50)
    assert scaled["scale"] == pytest.approx(-1e6 * once["scale"])
    assert scaled["unexplained"] == pytest.approx(once["unexplained"])
    assert scaled["spearman"] == pytest.approx(-once["spearman"])
    assert scaled["pearson_low"] == pytest.approx(-once["pearson_high"])


def measurement(copies, prompts=6, length=10):
    """Tokens of `copies` equal responses to each prompt, with the facts beside them."""
    random = np.random.default_rng(0)
    place = {"prompt": np.repeat(np.arange(prompts), length), "position": np.tile(np.arange(length), prompts)}
    one = pd.DataFrame(place)
    values = ["advantage", "entropy", "gradient", "change_sgd", *(f"omega_{name}" for name in ESTIMATORS)]
    one[values] = random.exponential(size=(len(one), len(values)))
    one = one.assign(step=0, kind="math", length=length, change_own=np.nan)
    parts = [one.assign(response=copies * one["prompt"] + copy) for copy in range(copies)]
    tokens = pd.concat(parts, ignore_index=True)
    return {"main": (tokens, {"parameters": 1, "steps": {"0": {"updates": {"sgd": {}}}}})}


def test_the_same_response_sampled_again_makes_no_interval_narrower():
    """A sharp policy answers a prompt alike eight times; prompts, not responses, are independent."""
    once, again = (agreements(measurement(copies), draws=200).set_index("estimator") for copies in (1, 8))
    assert again["clusters"].tolist() == once["clusters"].tolist() == [6] * len(ESTIMATORS)
    assert again[ENDS].to_numpy(float) == pytest.approx(once[ENDS].to_numpy(float))
    names = [f"{name}{end}" for name in ("entropy", "gradient") for end in ("", "_low", "_high")]
    once, again = (positions(measurement(copies))[names] for copies in (1, 8))
    assert again.to_numpy() == pytest.approx(once.to_numpy())
