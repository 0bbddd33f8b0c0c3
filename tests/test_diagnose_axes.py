"""Curves against steps, tokens and seconds: sums by hand, and what a log lacks is said."""

import pandas as pd
import pytest

from steer.cli import main
from steer.diagnose.axes import along
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
    from steer.figures.runs import draw

    rows = [{"step": s, "entropy": 1 / s, "seconds": 2.0} for s in range(1, 5)]
    write_jsonl(tmp_path / "mine/seed0/metrics.jsonl", rows)
    write_jsonl(tmp_path / "other/seed0/metrics.jsonl", [{k: r[k] for k in ("step", "entropy")} for r in rows])
    places = [str(tmp_path / "mine"), str(tmp_path / "other")]
    assert main(["plot", "--runs", *places, "--against", "seconds", "--out", str(tmp_path / "f")]) == 0
    assert (tmp_path / "f/curves.png").stat().st_size > 1000
    said = " ".join(text.get_text() for text in draw(places, "seconds").texts).replace("\n", " ")
    assert "other, seed 0 is left out: the log has no `seconds` of its steps." in said
    assert "mine, seed 0: the log has no reward." in said
    assert main(["plot", "FE_policy_entropy", "--against", "tokens"]) == 2 and "--runs" in capsys.readouterr().err
