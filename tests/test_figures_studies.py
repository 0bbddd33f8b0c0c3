"""Figures of the papers' smaller studies: which are made, and that all their points, entries and labels are there."""

import json
import shutil
from functools import cache

import matplotlib
import pandas as pd
import pytest
from fake_results import write_fake_results
from matplotlib.container import BarContainer, ErrorbarContainer
from pictures import LOW_DPI, OF_STUDIES, assert_tidy, curves, drawn, entries, words

from steer import cli
from steer.configs.load import load_config, read_tree
from steer.figures import page
from steer.figures.looks import KNOWN, looks
from steer.figures.sources import Sources
from steer.figures.wanted import wanted

METHODS = {
    "clip_higher": {"label": "clip-higher"},
    "steer": {"label": "STEER"},
    "steer_0.5": {"method": "steer", "label": "STEER, λ_min 0.5", "set": {"weight.minimum": 0.5}},
    "high_0.50": {"method": "clip_higher", "label": "ε_high 0.50", "set": {"clip.high": 0.5}},
    "steer_high_0.50": {"method": "steer", "label": "STEER, ε_high 0.50", "set": {"clip.high": 0.5}},
    "steer_linear": {"label": "STEER (linear)"},
    "rloo": {"label": "RLOO"},
    "rloo_steer": {"label": "RLOO + STEER"},
    "extreme_clipping": {"label": "extreme clipping"},
    "extreme_clip_cov": {
        "method": "clip_cov",
        "label": "extreme clipping with the covariance clip",
        "set": {"clip.low": 0.99, "clip.high": 5},
    },
    "target_0.20": {"method": "steer_target", "label": "target 0.20", "set": {"weight.target": 0.2}},
    "target_0.30": {"method": "steer_target", "label": "target 0.30"},
}
ACCURACY, ENTROPY = "accuracy (%)", "final entropy (nats per token)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every study in one folder, under a control's reward, on another model than the paper's main one."""
    path = tmp_path_factory.mktemp("studies")
    changes = {"model": {"path": "meta-llama/Llama-3.2-3B-Instruct"}, "reward": {"kind": "random"}}
    changes |= {"training": {"steps": 20, "prompts": 8, "updates": 2}}
    changes["data"] = {"benchmarks": ["synthetic-sum", "synthetic-list-code"]}
    write_fake_results(path, METHODS, steps=20, questions=5, **changes)
    place = ["--config", f"{path}/config.yaml", "--results", str(path), "--out", f"{path}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    return path


drawn_once = cache(drawn)


def points(figure, kind=ErrorbarContainer):
    return [sum(isinstance(container, kind) for container in ax.containers) for ax in figure.axes]


def test_a_figure_is_made_where_there_is_something_to_show(folder):
    assert {*OF_STUDIES, "F20_other_models"} <= set(wanted(load_config(folder / "config.yaml")))
    assert not {*OF_STUDIES, "F20_other_models"} & set(wanted(load_config("configs/tiny.yaml")))
    assert "F1_entropy_change" in wanted(load_config("configs/tiny.yaml"))
    dial = set(wanted(load_config("configs/experiments/dial.yaml")))
    assert "E_dial" in dial and "F1_entropy_change" not in dial and "F22_algorithms" not in dial
    assert "F20_other_models" in wanted(load_config("configs/paper/llama_3b.yaml"))
    assert "F20_other_models" not in wanted(load_config("configs/paper/math_7b.yaml"))


def test_no_page_of_words_is_made():
    """Figures of runs, weights, shaping or samples that a configuration does not have."""
    nano, real = (set(wanted(load_config(f"configs/{name}.yaml"))) for name in ("nano", "real"))
    assert "D5_shaping" not in nano and "S_steer_acts" in nano
    assert "D5_shaping" in wanted(load_config("configs/tiny.yaml"))
    assert real == {"F3_final_comparison"}, "no run, one sample a question, an oracle"
    one = set(wanted(load_config("configs/experiments/measurement.yaml")))
    assert not {"D5_shaping", "S_steer_acts", "W_weight_distribution"} & one


def test_several_models_are_rows_of_one_figure(folder, tmp_path, capsys):
    """Other results folders are given as further tables; one of them is of an older version."""
    tables = shutil.copytree(folder / "tables", tmp_path / "tables")
    about = json.loads((tables / "tables.json").read_text())
    del about["model"], about["labels"]["rloo"]
    (tables / "tables.json").write_text(json.dumps({**about, "profile": "paper-14b"}))
    sources = Sources(folder / "tables", load_config(folder / "config.yaml"), [tables])
    figure = drawn(folder, "F20_other_models", sources)
    assert [ax.get_title().split("\n")[0] for ax in figure.axes] == ["Llama-3.2-3B-Instruct"] * 3 + ["paper-14b"] * 3
    assert points(figure, BarContainer) == [len(METHODS) + 1] * 3 + [len(METHODS)] * 3
    assert_tidy(figure)
    place = ["--config", f"{folder}/config.yaml", "--tables", f"{folder}/tables", str(tables), "--out", str(tmp_path)]
    assert cli.main(["plot", "FE_policy_entropy", *place]) == 2
    assert str(tables) in capsys.readouterr().err


def test_two_profiles_of_one_model_are_told_apart(folder, tmp_path):
    tables = shutil.copytree(folder / "tables", tmp_path / "tables")
    about = json.loads((tables / "tables.json").read_text())
    (tables / "tables.json").write_text(json.dumps({**about, "profile": "again"}))
    figure = drawn(
        folder, "F20_other_models", Sources(folder / "tables", load_config(folder / "config.yaml"), [tables])
    )
    titles = {ax.get_title().split("\n")[0] for ax in figure.axes}
    assert titles == {f"Llama-3.2-3B-Instruct ({about['profile']})", "Llama-3.2-3B-Instruct (again)"}
    assert_tidy(figure)


def test_a_figure_without_its_runs_is_refused_in_one_line(folder, tmp_path, capsys):
    place = ["--config", "configs/tiny.yaml", "--tables", str(tmp_path), "--out", str(tmp_path)]
    assert cli.main(["plot", "F22_algorithms", *place]) != 0
    said = capsys.readouterr().err.strip()
    assert "F22_algorithms.csv" in said and "\n" not in said


@pytest.mark.parametrize("name", [*OF_STUDIES, "F20_other_models"])
def test_nothing_overlaps(folder, name):
    assert_tidy(drawn_once(folder, name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OF_STUDIES, "F20_other_models"])
def test_each_picture_is_saved(folder, tmp_path, name):
    figure = drawn(folder, name)
    with matplotlib.rc_context({"savefig.dpi": LOW_DPI, "savefig.bbox": "tight"}):
        pdf, png = page.save(figure, tmp_path / name)
    pixels = matplotlib.image.imread(png)
    assert min(pixels.shape[:2]) > 90
    assert pixels.std() > 0.02, "not an empty page"
    assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    "name, x, y, legend",
    [
        ("F18_F19_lambda_min", {"least weight λ_min"}, {ACCURACY, ENTROPY}, {"STEER", "clip-higher"}),
        ("T10_clip_range", {"upper bound of the clip, ε_high"}, {ACCURACY, ENTROPY}, {"without STEER", "with STEER"}),
        ("F22_algorithms", {""}, {ACCURACY, ENTROPY}, {"without STEER", "with STEER"}),
        (
            "F8_extreme_clipping",
            {"training step"},
            {"policy entropy (nats per token)"},
            {"extreme clipping", "extreme clipping with the covariance clip"},
        ),
    ],
)
def test_axes_have_units_and_the_legend_every_entry(folder, name, x, y, legend):
    figure = drawn_once(folder, name)
    assert {ax.get_xlabel() for ax in figure.axes} == x
    assert {ax.get_ylabel() for ax in figure.axes} == y
    assert set(entries(figure)) == legend


def test_the_sweeps_draw_every_value_with_a_bar(folder):
    for name, values in (("F18_F19_lambda_min", [[0.5, 0.7]]), ("T10_clip_range", [[0.28, 0.5], [0.28, 0.5]])):
        for ax in drawn_once(folder, name).axes:
            lines = [container for container in ax.containers if isinstance(container, ErrorbarContainer)]
            assert [[round(float(x), 2) for x in line[0].get_xdata()] for line in lines] == values
            assert all(line.has_yerr for line in lines)
    assert len(drawn_once(folder, "F18_F19_lambda_min").axes[0].patches) == 1, "the band of the run without weights"


def test_lists_and_bars_hold_every_run(folder):
    mapping = drawn_once(folder, "T11_mapping")
    assert points(mapping) == [3, 3]
    assert [t.get_text() for t in mapping.axes[0].get_yticklabels()] == ["clip-higher", "STEER", "STEER (linear)"]
    assert points(drawn_once(folder, "F22_algorithms"), BarContainer) == [2, 2]
    others = drawn_once(folder, "F20_other_models")
    assert points(others, BarContainer) == [len(METHODS) + 1] * 3
    assert [ax.get_title() for ax in others.axes] == ["math benchmarks", "code benchmarks", "all benchmarks"]


def test_the_dial_draws_targets_beside_the_identity_and_every_run_by_accuracy(folder):
    figure = drawn_once(folder, "E_dial")
    achieved, accuracy = figure.axes
    assert points(figure) == [2, 3]
    assert any((line.get_xdata() == line.get_ydata()).all() for line in achieved.lines if len(line.get_xdata()) == 2)
    targets = {container[0].get_xdata()[0] for container in achieved.containers}
    assert targets == {0.2, 0.3}
    assert accuracy.get_xlabel() == "achieved entropy (nats per token)"
    assert entries(figure) == ["clip-higher", "target 0.20", "target 0.30"]


def test_a_run_that_ran_away_does_not_press_the_others_into_a_corner(folder, tmp_path):
    shutil.copytree(folder / "tables", tmp_path / "tables")
    shutil.copy(folder / "config.yaml", tmp_path)
    frame = pd.read_csv(tmp_path / "tables" / "E_dial.csv")
    achieved = [name for name in frame if name.startswith("entropy_second_half")]
    frame.loc[frame.index[-1], achieved] = 8 * frame[achieved].max(axis=None)
    frame.to_csv(tmp_path / "tables" / "E_dial.csv", index=False)
    assert drawn_once(folder, "E_dial").axes[1].get_xscale() == "linear"
    figure = drawn(tmp_path, "E_dial")
    assert figure.axes[1].get_xscale() == "log"
    assert_tidy(figure)


def test_the_control_says_its_reward_and_shows_the_base_model(folder):
    figure = drawn_once(folder, "E_controls")
    assert any("`random`" in text for text in words(figure))
    assert figure.axes[0].get_yticklabels()[0].get_text() == "base"
    assert len(curves(figure.axes[2])) == len(METHODS)


@pytest.mark.parametrize("name", ["F18_F19_lambda_min", "T10_clip_range", "T11_mapping", "F22_algorithms", "E_dial"])
def test_what_a_run_lacks_is_said_and_the_rest_is_drawn(folder, tmp_path, name):
    tables = shutil.copytree(folder / "tables", tmp_path / "tables")
    shutil.copy(folder / "config.yaml", tmp_path)
    frame = pd.read_csv(tables / f"{name}.csv")
    last, before = frame.index[-1], frame.index[-2]
    frame.loc[last, [c for c in frame if c.startswith("entropy_")]] = None
    frame.loc[before, ["mean", "low", "high"]] = None
    frame.to_csv(tables / f"{name}.csv", index=False)
    figure = drawn(tmp_path, name)
    said = " ".join(words(figure)).replace("\n", " ")
    assert f"{frame.loc[last, 'label']}: no entropy" in said
    assert f"{frame.loc[before, 'label']}: not evaluated on every benchmark" in said
    assert any(ax.containers for ax in figure.axes)
    assert_tidy(figure)


def test_runs_that_shipped_configurations_name_look_unlike_one_another():
    from pathlib import Path

    folders = ("configs", "configs/experiments", "configs/paper")
    for path in [path for folder in folders for path in Path(folder).glob("*.yaml")]:
        found = looks(read_tree(path).get("methods", {}))
        without_colour = {(str(look["linestyle"]), look["marker"]) for look in found.values()}
        assert len(without_colour) == len(found), path


def test_the_main_methods_differ_in_colour_and_in_marker():
    found = looks(read_tree("configs/smollm2.yaml")["methods"])
    assert len(found) == 7
    for part in ("color", "marker"):
        assert len({look[part] for look in found.values()}) == 7


def test_known_runs_differ_in_colour_or_dash_or_marker():
    """Clip-higher is the sweep's middle under another name."""
    found = {run: tuple(map(str, look.values())) for run, look in looks(KNOWN).items() if run != "high_0.28"}
    assert len(set(found.values())) == len(found)


def test_a_swept_method_is_darker_the_further_it_is_taken():
    def light(run):
        return sum(int(looks([run])[run]["color"][place : place + 2], 16) for place in (1, 3, 5))

    for runs in (("steer_0.9", "steer_0.7", "steer_0.5", "steer_0.1"), ("high_0.20", "high_0.28", "high_0.50")):
        shades = [light(run) for run in runs]
        assert shades == sorted(shades, reverse=True)
