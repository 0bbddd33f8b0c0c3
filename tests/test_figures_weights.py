"""Figures of some runs only: those that set weights, and those that shape advantages, beside GRPO."""

import importlib

import pandas as pd
import pytest
from fake_results import METHODS, write_fake_results
from matplotlib import pyplot as plt
from pictures import curves

from steer import cli
from steer.configs.load import load_config
from steer.figures import page
from steer.figures.sources import Sources


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_fake_results(folder, METHODS, steps=12, questions=2, training={"steps": 12, "prompts": 8, "updates": 2})
    place = ["--config", f"{folder}/config.yaml", "--results", str(folder), "--out", f"{folder}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    return folder


def drawn(folder, name, **changed):
    """The figure, with columns of the curves replaced for one run: `changed` is run → {column: value}."""
    table = folder / "tables" / "training_curves.csv.gz"
    before = table.read_bytes()
    frame = pd.read_csv(table)
    for run, columns in changed.items():
        for column, value in columns.items():
            frame.loc[frame["run"] == run, column] = value
    frame.to_csv(table, index=False)
    with plt.style.context(page.STYLE):
        sources = Sources(folder / "tables", load_config(folder / "config.yaml"))
        figure = importlib.import_module(f"steer.figures.{name}").draw(sources)
    plt.close(figure)
    table.write_bytes(before)
    return figure


def test_only_runs_that_set_weights_are_shown_with_what_these_do(results):
    figure = drawn(results, "S_steer_acts", steer={"entropy_change_removed": 0.12, "weight_ess": 0.999})
    panels = {ax.get_title(): ax for ax in figure.axes}
    assert len(panels) == 6
    for ax in panels.values():
        assert set(curves(ax)) == {"STEER"}
    removed = panels["share of Σ|ω| removed (%)"]
    assert curves(removed)["STEER"].get_ydata() == pytest.approx([12.0] * 12)
    assert removed.get_ylim()[0] == 0
    size = panels["effective sample size (%)"]
    assert size.get_ylim()[0] <= 90, "a weight that hardly acts must look so"
    ranges = {panels[title].get_ylim() for title in panels if title.startswith("λ")}
    assert len(ranges) == 1


def test_no_run_with_weights_is_said(results):
    ones = {name: 1.0 for name in ("weight_min", "weight_p05", "weight_p50", "weight_max")}
    figure = drawn(results, "S_steer_acts", steer=ones)
    assert "λ is 1 throughout" in figure.axes[0].texts[0].get_text().replace("\n", " ")


def test_shaping_is_drawn_beside_grpo_alone(results):
    (ax,) = drawn(results, "D5_shaping").axes
    assert set(curves(ax)) == {"GRPO", "perplexity shaping", "position shaping"}
    assert len(ax.collections) == 3, "a band over seeds each"


def test_large_weights_do_not_press_the_others_flat(results):
    weights = {"weight_min": 0.1, "weight_p05": 0.9, "weight_max": 10.0}
    for name, shown in (("S_steer_acts", "λ, least"), ("W_weight_distribution", "STEER")):
        ax = next(ax for ax in drawn(results, name, steer=weights).axes if ax.get_title() == shown)
        low, place, high = ax.transData.transform([(1, 0.1), (1, 1.0), (1, 10.0)])[:, 1]
        assert place == pytest.approx((low + high) / 2)
        assert drawn(results, name).axes[0].get_yscale() == "linear"


def test_panels_over_an_unused_place_have_labels_and_smoothed_entropies_are_said_to_be(tmp_path):
    write_fake_results(tmp_path, dict(list(METHODS.items())[:4]), steps=40, questions=2)
    place = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", f"{tmp_path}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    figure = drawn(tmp_path, "D2_entropy_correct_wrong")
    labelled = [bool(ax.get_xlabel() and ax.xaxis.get_tick_params()["labelbottom"]) for ax in figure.axes]
    assert labelled == [False, True, True, True]
    assert "Moving average over 5 steps." in figure.texts[-1].get_text()
