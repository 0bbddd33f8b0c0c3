"""The table of what a step costs, from metrics made by hand."""

import pandas as pd
import pytest
from fake_results import fake_config, write_fake_results

from steer import cli
from steer.analyse.collect import Collected
from steer.analyse.timing import step_time_table, step_times


def collected(rows):
    curves = pd.DataFrame(rows)
    labels = {run: run.upper() for run in curves["run"].unique()}
    return Collected(fake_config({}, [0]), None, labels, {}, pd.DataFrame(), curves, {})


ROWS = [
    {"run": "a", "seed": 0, "step": 1, "seconds": 1.0, "seconds_rollout": 0.5, "seconds_verify": 0.1},
    {"run": "a", "seed": 0, "step": 2, "seconds": 3.0, "seconds_rollout": 1.0, "seconds_verify": 0.1},
    {"run": "a", "seed": 1, "step": 1, "seconds": 4.0, "seconds_rollout": 2.5, "seconds_verify": 0.2},
    {"run": "b", "seed": 0, "step": 1, "seconds": 4.0, "seconds_rollout": 1.0, "memory_gb_update": 7.0},
    {"run": "b", "seed": 0, "step": 2, "seconds": 4.0, "seconds_rollout": 1.0, "memory_gb_rollout": 9.0},
    {"run": "c", "seed": 0, "step": 1, "accuracy": 0.5},
]


def test_means_shares_and_ratio_by_hand():
    frame = step_times(collected(ROWS)).set_index("run")
    assert list(frame.index) == ["a", "b"], "a trainer that says no times has no row"
    a, b = frame.loc["a"], frame.loc["b"]
    assert (a["steps"], a["seeds"]) == (3, 2)
    assert [a["seconds"], a["seconds_low"], a["seconds_high"]] == pytest.approx([8 / 3, 2, 4])
    assert [a["share_rollout"], a["share_verify"]] == pytest.approx([0.5, 0.05])
    assert b["times_first"] == pytest.approx(1.5)
    assert pd.isna(b["share_verify"]) and pd.isna(a["share_sync"])
    assert b["memory_gb"] == 9.0 and pd.isna(a["memory_gb"])


def test_the_page_shows_what_was_said_and_the_share_that_waited():
    table = step_time_table(collected(ROWS), step_times(collected(ROWS)))
    assert table.header == [
        "method",
        "steps",
        "seconds a step",
        "times the first",
        "rollout, %",
        "verify, %",
        "memory, GB",
    ]
    assert [cell.text for cell in table.rows[0]] == ["A", "3", "2.67 (2 to 4)", "1.00", "50.0", "5.0", "–"]
    assert any("5.0 % of the time waited" in note for note in table.notes), "b, which does not say, is left out"


def test_tabulate_writes_it_where_runs_say_their_times(tmp_path):
    write_fake_results(tmp_path, {"grpo": "GRPO"}, (0,), steps=4, questions=2)
    arguments = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", f"{tmp_path}/tables"]
    assert cli.main(["tabulate", *arguments]) == 0
    assert "GRPO" in (tmp_path / "tables" / "E_time.md").read_text()
