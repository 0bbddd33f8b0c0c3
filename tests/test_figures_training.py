"""Figures over training steps: every curve, entry and label is there, for one run or twenty, whatever they lack."""

import shutil
from functools import cache

import pandas as pd
import pytest
from fake_results import METHODS, write_fake_results
from pictures import GENERAL, assert_tidy, drawn, words

from steer import cli
from steer.figures import page
from steer.figures.looks import look
from steer.figures.wanted import about_figures, figure_ids
from steer.io import read_jsonl, write_jsonl
from steer.report.sections import CATEGORIES

TRAINING = [
    "D1_stages",
    "D2_entropy_correct_wrong",
    "F7_accuracy",
    "FE_policy_entropy",
    "L_response_length",
    "Q_quadrants",
]
QUADRANTS = ["exploitation", "exploration", "release", "pruning"]


def results(folder, methods, seeds=(0, 1), steps=40, changed=None):
    """A folder with tables; `changed(row)` alters each line of the metrics before they are made."""
    changes = {"training": {"steps": steps, "prompts": 8, "updates": 2}}
    changes["data"] = {"benchmarks": ["synthetic-sum", "synthetic-list-code"]}
    write_fake_results(folder, methods, seeds, steps=steps, questions=3, **changes)
    for path in folder.glob("runs/*/seed*/metrics.jsonl"):
        added = {f"quadrant_{kind}/{name}": 0.25 for kind in ("share", "change") for name in QUADRANTS}
        write_jsonl(path, [row | added | (changed(row) if changed else {}) for row in read_jsonl(path)])
    place = ["--config", f"{folder}/config.yaml", "--results", str(folder), "--out", f"{folder}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    return folder


# Figures of the fixtures' folders, which no test changes: drawn once.
drawn_once = cache(drawn)


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    return results(tmp_path_factory.mktemp("six"), METHODS)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    return results(tmp_path_factory.mktemp("twenty"), {f"variant_{i}": f"variant {i}" for i in range(20)}, (0,), 12)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return results(tmp_path_factory.mktemp("two"), {"grpo": "GRPO", "steer": "STEER"}, (0,), 24)


@pytest.mark.parametrize("name", ["F7_accuracy", "FE_policy_entropy", "L_response_length", "Q_quadrants"])
def test_every_run_is_a_line_of_its_own_colour_in_every_panel(six, name):
    figure = drawn_once(six, name)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(METHODS.values())
    for ax in figure.axes:
        lines = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
        assert set(lines) == set(METHODS.values())
        for run, label in METHODS.items():
            assert lines[label].get_color() == look(run)["color"]
            assert len(lines[label].get_xdata()) == 40
            assert len(range(*lines[label].get_markevery()[:1], 40, lines[label].get_markevery()[1])) <= 8, (
                "few markers"
            )


@pytest.mark.parametrize(
    "name, x, y",
    [
        ("D1_stages", "training step", {"entropy (nats)", "accuracy (%)"}),
        ("F7_accuracy", "training step", {"accuracy of the rollouts (%)"}),
        ("L_response_length", "training step", {"response length (tokens)", "responses cut off (%)"}),
        ("Q_quadrants", "training step", {"tokens (%)", "part of the mean ω"}),
    ],
)
def test_axes_name_quantity_and_unit(six, name, x, y):
    axes = drawn_once(six, name).axes
    assert {ax.get_xlabel() for ax in axes} - {""} == {x}
    assert {ax.get_ylabel() for ax in axes} - {""} == y


def test_each_run_has_a_panel_with_both_kinds_of_response(six):
    axes = drawn_once(six, "D2_entropy_correct_wrong").axes
    assert [ax.get_title() for ax in axes] == list(METHODS.values())
    for ax in axes:
        assert {line.get_label() for line in ax.lines} == {"correct responses", "wrong responses"}


def test_the_transition_is_marked_where_both_curves_bend(tmp_path):
    def bent(row):
        rising = min(row["step"], 15)
        return {"entropy": 1 - 0.05 * rising, "accuracy": 0.03 * rising}

    folder = results(tmp_path, {"grpo": "GRPO"}, seeds=(0,), changed=bent)
    figure = drawn(folder, "D1_stages")
    (entropy, accuracy) = figure.axes
    marks = [line.get_xdata()[0] for ax in (entropy, accuracy) for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(marks) == 2
    assert marks[0] == marks[1]
    assert 14 <= marks[0] <= 16
    assert f"plateau from step {marks[0]}" in entropy.get_title()


def test_a_straight_run_has_no_transition(six):
    figure = drawn_once(six, "D1_stages")
    assert len(figure.axes) == 2 * len(METHODS)
    assert all(
        "step" in ax.get_title() or "no transition" in ax.get_title() for ax in figure.axes[::2] if ax.get_title()
    )


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("which", ["six", "twenty"])
def test_nothing_overlaps_nor_leaves_the_paper(request, name, which):
    assert_tidy(drawn_once(request.getfixturevalue(which), name))


@pytest.mark.parametrize("name", TRAINING)
def test_steps_are_whole_numbers(twenty, name):
    figure = drawn_once(twenty, name)
    for ax in figure.axes:
        assert all(tick == round(tick) for tick in ax.get_xticks())


@pytest.mark.parametrize(
    "name, metric",
    [
        ("D1_stages", "entropy"),
        ("D2_entropy_correct_wrong", "entropy_wrong"),
        ("F7_accuracy", "accuracy"),
        ("FE_policy_entropy", "entropy"),
        ("L_response_length", "response_length"),
        ("Q_quadrants", "quadrant_share/release"),
    ],
)
def test_a_metric_that_one_run_or_all_lack_is_said_under_the_figure(two, tmp_path, name, metric):
    folder = shutil.copytree(two, tmp_path / "two", ignore=shutil.ignore_patterns("runs", "generations", "verdicts"))
    table = folder / "tables" / "training_curves.csv"
    frame = pd.read_csv(table)
    frame.loc[frame["run"] == "grpo", metric] = None
    frame.to_csv(table, index=False)
    figure = drawn(folder, name)
    assert any(f"Missing: GRPO: no {metric}" in text.replace("\n", " ") for text in words(figure))
    assert any(len(ax.lines) for ax in figure.axes), "the other run is drawn"
    frame[["run", "label", "seed", "step"]].to_csv(table, index=False)
    figure = drawn(folder, name)
    assert any("No training run" in text for text in words(figure))


def test_one_seed_is_said_and_has_no_band(twenty):
    figure = drawn_once(twenty, "FE_policy_entropy")
    assert any("One seed per run" in text for text in words(figure))
    assert not figure.axes[0].collections
    assert len(figure.legends[0].get_texts()) == 20


def test_method_files_look_unlike_one_another():
    from steer.methods import method_names

    looks = {name: tuple(map(str, look(name).values())) for name in method_names()}
    assert len(looks) > 30
    assert len(set(looks.values())) == len(looks)


def test_every_figure_has_a_summary_without_being_imported():
    found = about_figures()
    assert list(found) == figure_ids()
    assert all(len(about.summary) > 20 and about.summary.endswith(".") for about in found.values())
    assert {about.category for about in found.values()} <= set(CATEGORIES)


@pytest.mark.parametrize("names", [1, 24, 40])
def test_the_legend_stands_beside_the_panel(names):
    with page.plt.style.context(page.STYLE):
        figure, (ax,) = page.panels(1, 1)
        for number in range(names):
            ax.plot([0, 1], [0, number], label=f"a variant with a name {number}")
        page.legend(figure, ax)
        figure.canvas.draw()
    assert not figure.legends[0].get_window_extent().overlaps(ax.get_window_extent())
    assert ax.get_window_extent().width > figure.dpi / 2
