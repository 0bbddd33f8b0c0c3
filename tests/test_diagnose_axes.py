"""Curves against steps, tokens and seconds: sums by hand, and what a log lacks is said."""

import pandas as pd
import pytest

from steer.cli import main
from steer.diagnose.axes import along
from steer.diagnose.health import health
from steer.figures.runs import _means, draw
from steer.io import write_jsonl

CONFIG = {"training": {"prompts": 4, "rollouts": 2}}


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"step": [1, 2, 3], **columns})


def test_sums_by_hand():
    rows = frame(response_length=[10.0, 20.0, 30.0], seconds=[1.0, 2.0, 4.0])
    assert along(rows, CONFIG, "tokens")[0].tolist() == [80, 240, 480]
    assert along(rows, CONFIG, "seconds")[0].tolist() == [1, 3, 7]
    assert along(rows, {"training": "damaged"}, "tokens")[0] is None
    assert along(rows, {}, "step")[0].tolist() == [1, 2, 3]


def test_a_step_without_a_value_counts_as_the_mean_and_is_told():
    x, note = along(frame(seconds=[1.0, None, 3.0]), {}, "seconds")
    assert x.tolist() == [1, 3, 6] and "1 step without a value" in note


def test_a_row_stands_for_the_steps_since_the_one_before():
    """Logged every tenth step: 10 · 1, then 10 · 2 and, after a gap, 20 · 3 seconds."""
    rows = pd.DataFrame({"step": [10, 20, 40], "seconds": [1.0, 2.0, 3.0]})
    assert along(rows, {}, "seconds")[0].tolist() == [10, 30, 90]
    assert along(rows[:1], {}, "seconds")[0].tolist() == [10]


@pytest.mark.parametrize(
    ("columns", "last"),
    [({"other/perf/total_num_tokens": [5, 5, 6]}, 16), ({"other/num_tokens": [5, None, 9]}, 9)],
)
def test_a_trainers_own_count(columns, last):
    """verl's is of a batch, TRL's is cumulative; both hold the prompts."""
    x, note = along(frame(**columns), {}, "tokens")
    assert x.iloc[-1] == last and "prompts included" in note


def test_dynamic_sampling_throws_tokens_away_that_no_log_counts():
    config = {"training": {**CONFIG["training"], "dynamic_sampling": 3}}
    assert "threw away" in along(frame(response_length=[1.0, 1.0, 1.0]), config, "tokens")[1]


def test_the_figure_says_what_it_leaves_out(tmp_path, capsys):
    rows = [{"step": s, "entropy": 1 / s, "seconds": 2.0} for s in range(1, 5)]
    write_jsonl(tmp_path / "mine/seed0/metrics.jsonl", rows)
    write_jsonl(tmp_path / "other/seed0/metrics.jsonl", [{k: r[k] for k in ("step", "entropy")} for r in rows])
    places = [str(tmp_path / "mine"), str(tmp_path / "other")]
    assert main(["plot", "--runs", *places, "--against", "seconds", "--out", str(tmp_path / "f")]) == 0
    assert (tmp_path / "f/curves.png").stat().st_size > 1000
    said = " ".join(text.get_text() for text in draw(places, "seconds").texts).replace("\n", " ")
    assert "other: not drawn, the log has no `seconds` of its steps." in said
    assert "mine: the log has no reward." in said
    assert main(["plot", "FE_policy_entropy", "--against", "tokens"]) == 2 and "--runs" in capsys.readouterr().err


TEXT = {"training": {"prompts": "8", "rollouts": "abc", "dynamic_sampling": "yes", "updates": [1]}, "verl": [1]}


@pytest.mark.parametrize(
    "config",
    [TEXT, {"training": [1], "verl": "x"}, {"training": {"prompts": True, "rollouts": 10**400}}, {"training": 3}],
)
def test_settings_that_are_no_numbers_count_as_absent(config):
    """A log of another trainer, or an edited config.yaml, may hold anything."""
    rows = frame(response_length=[1.0, 1.0, 1.0], unverifiable=[0, 8, 8], ratio_p99=[1, 1, 1], ratio_p01=[1, 1, 1])
    x, note = along(rows, config, "tokens")
    assert x is None and "prompts and rollouts in config.yaml" in note
    seen = {row["check"]: row["seen"] for row in health(rows, config)}
    assert "67 % of the steps" in seen["verifier fails"]
    x, note = along(rows, {"training": {**CONFIG["training"], "dynamic_sampling": "abc"}}, "tokens")
    assert x.tolist() == [8, 16, 24] and note == ""


def test_a_mean_over_seeds_against_minutes_ends_with_the_shortest_seed():
    """By hand: seed 0 takes 30 minutes a step for 3 steps, seed 1 takes 5 for 5; seed 2 has no step 2."""
    slow = [(0, step, 30 * step) for step in (1, 2, 3)]
    fast = [(1, step, 5 * step) for step in (1, 2, 3, 4, 5)]

    def places(seeds, axis):
        rows = pd.DataFrame(seeds, columns=["seed", "step", "x"]).assign(run="r", metric="entropy", value=1.0)
        return _means(rows, axis)["x"].tolist()

    assert places(slow + fast, "seconds") == [17.5, 35, 52.5]
    assert places(slow + fast + [(2, 1, 1), (2, 3, 3)], "seconds") == [12, 36]
    assert len(places(slow + fast, "step")) == 5, "steps are at one place in every seed"


@pytest.mark.parametrize("metric", ["entropy", "reward"])
def test_seeds_without_a_common_step_are_drawn_apart(tmp_path, metric):
    for seed in (0, 1):
        rows = [{"step": s, metric: 1.0, "seconds": 60.0} for s in (1 + seed, 3 + seed)]
        write_jsonl(tmp_path / f"mine/seed{seed}/metrics.jsonl", rows)
    figure = draw([str(tmp_path / "mine")], "seconds")
    assert "every seed of its run has a value" in " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
