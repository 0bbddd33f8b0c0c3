"""The report without a browser: what stands where, colours, the scoreboard, and what an old or damaged file does."""

import base64
import csv
import gzip
import json
from pathlib import Path

import pytest
from fake_results import write_fake_results

from steer import cli
from steer.configs.load import load_config
from steer.figures.looks import KNOWN, looks
from steer.report.collect import Run, Seed, collect
from steer.report.colours import DARK_GROUND, LEAST_CONTRAST, LIGHT_GROUND, contrast, dashes, on_dark, on_light
from steer.report.curves import axis_chunks
from steer.report.estimates import comparison
from steer.report.figures import TRIED, Figure, embed
from steer.report.scoreboard import scoreboard
from steer.report.sections import arrange
from steer.report.tables import Table, cell, read_tables

HEADER = "model,parameters,step,update,tasks,estimator,tokens,clusters," + ",".join(
    f"{name}{end}" for name in ("pearson", "spearman", "unexplained") for end in ("", "_low", "_high")
)


def table(stem, caption="A caption. More.", rows=()):
    id, _, name = stem.partition("_")
    return Table(id, name, f"{stem}.csv", stem, ["a"], list(rows), len(rows), caption)


def unpacked(chunk):
    return json.loads(gzip.decompress(base64.b64decode(chunk)))


def test_curves_have_an_axis_for_what_some_log_has_and_a_note_for_what_one_lacks():
    timed = [{"step": 1, "seconds": 60.0}, {"step": 3, "seconds": None}]
    seeds = {"timed": timed, "bare": [{"step": 2, "reward": "?"}]}
    runs = [Run(name, name, True, [Seed(0, Path(name), {}, rows)]) for name, rows in seeds.items()]
    axes, chunks = axis_chunks(runs)
    assert [axis["name"] for axis in axes] == ["step", "seconds"], "nothing has tokens"
    assert unpacked(chunks["axis-step"]) == {"timed/0": [1, 3], "bare/0": [2]}
    assert unpacked(chunks["axis-seconds"]) == {"timed/0": [1, 3]}, "minutes; the second row stands for two steps"
    assert "1 step without a value" in axes[1]["notes"]["timed/0"] and "no `seconds`" in axes[1]["notes"]["bare/0"]


def test_steps_of_a_million_stay_apart():
    steps = [1_000_000, 1_000_001, 123_456_789_012]
    _, chunks = axis_chunks([Run("r", "r", True, [Seed(0, Path("r"), {}, [{"step": step} for step in steps])])])
    assert unpacked(chunks["axis-step"]) == {"r/0": steps}


@pytest.mark.parametrize(("text", "number"), [("<0.001", True), ("+0.3 [-1.7, +2.3]", True), ("too few runs", False)])
def test_a_small_p_value_stands_under_the_other_numbers(text, number):
    assert cell(text).number == number


def figure(stem, category="Studies"):
    return Figure(stem, stem.partition("_")[2], stem, "", category, None, [f"{stem}.png"])


def test_a_study_is_a_table_and_a_figure_of_one_name_and_everything_has_one_place():
    tables = [table(s) for s in ("E_dial", "E_rates", "F18_F19_lambda_min", "T1_estimators", "T3_main_results")]
    tables += [table(s) for s in ("T3_against_paper", "T6_against_paper", "T6_extreme_clipping", "T11_mapping")]
    figures = [figure(s) for s in ("E_dial", "F8_extreme_clipping", "F18_F19_lambda_min")]
    figures += [
        figure("FE_policy_entropy", "Training"),
        figure("F1_entropy_change", "Estimates"),
        figure("Z_own", "Other"),
    ]
    found = arrange(tables, figures)
    assert [[t.file for t in study.tables] for study in found.studies] == [
        ["E_dial.csv"],
        ["F18_F19_lambda_min.csv"],
        ["T6_extreme_clipping.csv", "T6_against_paper.csv"],
    ]
    assert [study.title for study in found.studies] == ["A caption"] * 3
    assert [t.file for t in found.main] == ["T3_main_results.csv", "T3_against_paper.csv"]
    assert [t.file for t in found.rest] == ["E_rates.csv", "T11_mapping.csv"], "a study without its figure is a table"
    shown = [f.stem for study in found.studies for f in study.figures] + [f.stem for f in found.estimate_figures]
    shown += [f.stem for of in found.figures.values() for f in of]
    assert sorted(shown) == sorted(f.stem for f in figures)


@pytest.mark.parametrize("run", [*KNOWN, "a method of one's own"])
def test_a_run_has_its_colour_of_the_figures_and_is_seen_on_either_page(run):
    colour = looks([run])[run]["color"]
    for moved, ground in ((on_dark, DARK_GROUND), (on_light, LIGHT_GROUND)):
        assert contrast(moved(colour), ground) >= LEAST_CONTRAST
        if contrast(colour, ground) >= LEAST_CONTRAST:
            assert moved(colour) == colour.lower()
    assert (dashes([run])[run] is None) == (looks([run])[run]["linestyle"] == "-")


def test_black_turns_white_on_a_dark_page():
    assert on_dark("#000000") == "#ffffff"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts")
    write_fake_results(path, {"grpo": "GRPO", "steer": "STEER"}, steps=20, questions=4)
    place = ["--config", f"{path}/config.yaml", "--results", str(path), "--out", f"{path}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    return path


def test_the_scoreboard_holds_the_numbers_of_the_tables(folder):
    board = scoreboard(collect(load_config(folder / "config.yaml"), folder))
    with open(folder / "tables" / "T0_claims.csv", newline="") as file:
        claims = {row["run"]: row for row in csv.DictReader(file)}
    assert [score.label for score in board.scores] == ["base model", "GRPO", "STEER"]
    for score, run in zip(board.scores[1:], ("grpo", "steer"), strict=True):
        assert score.gain.value == pytest.approx(100 * float(claims[run]["gain"]))
        assert score.entropy[1] == pytest.approx(float(claims[run]["entropy_last"]))
        assert len(score.curve) == 20 and all(0 <= x <= 100 and 0 < y <= 1 for x, y in score.curve)
        ends = [board.at_gain(value) for value in (score.gain.low, score.gain.value, score.gain.high)]
        assert 0 <= ends[0] < ends[1] < ends[2] <= 100
    assert board.scores[0].gain is None and board.base == board.scores[0].accuracy.value


def test_a_table_of_an_older_version_gives_no_comparison_and_a_line(tmp_path):
    path = tmp_path / "T1_estimators.csv"
    missing: list[str] = []
    assert comparison(tmp_path, missing) == [] and missing == []
    path.write_text(f"{HEADER}\nmain,100,0,sgd,all,theorem,50,9,0.4,0.3,0.5,,,,nan,nan,nan\n")
    (row,) = comparison(tmp_path, missing)
    assert row["pearson"] == [0.4, 0.3, 0.5] and row["spearman"] == [None] * 3 == row["unexplained"]
    path.write_text("model,step\nmain,0\n")
    assert comparison(tmp_path, missing) == []
    assert "no column update, tasks" in missing[0]


def test_figures_are_whole_where_there_is_room_and_small_where_not(tmp_path):
    from PIL import Image

    path = tmp_path / "x.png"
    Image.effect_noise((2000, 300), 80).convert("RGB").save(path)
    one = [Figure("X", "", "X", "", "Other", path, ["x.png"])]
    whole, width = embed(one, 10_000_000, [])
    assert width == 1800 and whole["X"].width == 1800
    small, width = embed(one, 100_000, [])
    assert width < 1800 and len(small["X"].uri) < len(whole["X"].uri) / 4
    assert TRIED[-1][0] == embed(one, 10, [])[1]


def test_averages_stand_right_after_the_runs(tmp_path):
    """As the last columns of nine benchmarks they would be out of view."""
    head = "| method | sums (n=6 × k=4) | lists (n=6 × k=4) | math average (n=6 × k=4) | average (n=12 × k=4) |"
    (tmp_path / "T3_main_results.md").write_text(head + "\n|---|---|---|---|---|\n| GRPO | 1 | 2 | 3 | 4 |\n")
    found = read_tables(tmp_path, [])[0]
    names = [name.split(" (")[0] for name in found.header]
    assert names == ["method", "average", "math average", "sums", "lists"]
    assert [cell.text for cell in found.rows[0]] == ["GRPO", "4", "3", "1", "2"]
