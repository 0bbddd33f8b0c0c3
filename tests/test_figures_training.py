"""Figures over training steps: every curve, entry and label is there, for one run or twenty, whatever they lack."""

import shutil
from functools import cache

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from fake_results import METHODS, write_fake_results
from pictures import GENERAL, assert_tidy, curves, drawn, entries, words

from steer import cli
from steer.figures import page
from steer.figures.lines import headroom, over_seeds
from steer.figures.looks import looks
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
    return results(tmp_path_factory.mktemp("six"), METHODS, steps=20)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    return results(tmp_path_factory.mktemp("twenty"), {f"variant_{i}": f"variant {i}" for i in range(20)}, (0,), 12)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """So few steps that a tick would stand at a half one."""
    return results(tmp_path_factory.mktemp("two"), {"grpo": "GRPO", "steer": "STEER"}, (0,), 4)


@pytest.mark.parametrize("name", ["F7_accuracy", "FE_policy_entropy", "L_response_length", "Q_quadrants"])
def test_every_run_is_a_line_of_its_own_colour_in_every_panel(six, name):
    figure = drawn_once(six, name)
    assert entries(figure) == list(METHODS.values())
    for ax in figure.axes:
        lines = curves(ax)
        assert list(lines) == list(METHODS.values())
        assert [line.get_color() for line in lines.values()] == [look["color"] for look in looks(METHODS).values()]
        for line in lines.values():
            assert len(line.get_xdata()) == 20
            assert len(range(20)[slice(line.get_markevery()[0], None, line.get_markevery()[1])]) <= 10, "few markers"


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
    assert entries(drawn_once(six, "D2_entropy_correct_wrong")) == ["correct responses", "wrong responses"]
    assert all(len(curves(ax)) == 2 for ax in axes)


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
    assert f"plateau from step {marks[0]}" in entropy.get_title("left")


def test_a_straight_run_has_no_transition(six):
    figure = drawn_once(six, "D1_stages")
    assert len(figure.axes) == 2 * len(METHODS)
    assert all("step" in ax.get_title("left") or "no transition" in ax.get_title("left") for ax in figure.axes[::2])


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("which", ["six", pytest.param("twenty", marks=pytest.mark.slow)])
def test_nothing_overlaps_nor_leaves_the_paper(request, name, which):
    assert_tidy(drawn_once(request.getfixturevalue(which), name))


@pytest.mark.parametrize("name", TRAINING)
def test_steps_are_whole_numbers(two, name):
    figure = drawn_once(two, name)
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
    table = folder / "tables" / "training_curves.csv.gz"
    frame = pd.read_csv(table)
    frame.loc[frame["run"] == "grpo", metric] = None
    frame.to_csv(table, index=False)
    figure = drawn(folder, name)
    assert any(f"Missing: GRPO: no {metric}" in text.replace("\n", " ") for text in words(figure))
    assert any(len(ax.lines) for ax in figure.axes), "the other run is drawn"
    frame[["run", "label", "seed", "step"]].to_csv(table, index=False)
    figure = drawn(folder, name)
    assert any("No training run" in text for text in words(figure))


def test_one_seed_is_said_and_has_no_band(two):
    figure = drawn_once(two, "FE_policy_entropy")
    assert any("One seed per run" in text for text in words(figure))
    assert not figure.axes[0].collections
    assert len(figure.legends[0].get_texts()) == 2


def test_method_files_look_unlike_one_another():
    from steer.methods import method_names

    found = {tuple(map(str, look.values())) for look in looks(method_names()).values()}
    assert len(found) == len(method_names()) > 30


@pytest.mark.parametrize("number", [2, 9, 30])
def test_unknown_runs_have_colours_of_their_own_beside_known_ones(number):
    runs = ["grpo", *(f"own_{place}" for place in range(number)), "opo"]
    found = looks(runs)
    assert list(found) == runs and found["opo"] == looks(["opo"])["opo"], "a known run's look is fixed"
    assert len({look["color"].lower() for look in found.values()}) == number + 2
    assert len({(str(look["linestyle"]), look["marker"]) for look in found.values()}) >= min(number, 9)


def test_the_band_is_students_interval_over_seeds_and_their_range_where_they_are_few():
    low, high = over_seeds(pd.Series([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5))
    assert over_seeds(pd.Series([1.0, 3.0])) == (1.0, 3.0)


def test_a_figure_of_three_seeds_has_that_band(tmp_path):
    folder = results(tmp_path, {"grpo": "GRPO"}, (0, 1, 2), 3)
    figure = drawn(folder, "FE_policy_entropy")
    (band,) = figure.axes[0].collections
    frame = pd.read_csv(folder / "tables" / "training_curves.csv.gz")
    ends = frame.groupby("step")["entropy"].apply(over_seeds)
    drawn_ends = {step: {round(y, 6) for x, y in band.get_paths()[0].vertices if x == step} for step in ends.index}
    assert drawn_ends == {step: {round(y, 6) for y in pair} for step, pair in ends.items()}
    assert any("interval of Student's t over seeds" in text for text in words(figure))


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


def test_a_run_of_two_steps_is_in_the_range_and_a_marker_across_the_panel_is_not():
    _, ax = plt.subplots()
    ax.plot([1, 2], [2.9, 2.8])
    ax.plot(range(1, 6), [0.5, 0.4, 0.3, 0.2, 0.1])
    ax.axvline(3)
    headroom([ax], zero=False)
    low, high = ax.get_ylim()
    assert low < 0.1 < 2.9 < high < 3.2
    plt.close("all")
