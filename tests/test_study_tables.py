"""The papers' smaller studies: found among a configuration's runs, tabulated with honest comparisons."""

import json

import pandas as pd
import pytest
from fake_results import write_fake_results

from steer import cli
from steer.analyse import paper
from steer.analyse.render import latex_text
from steer.analyse.statistics import holm
from steer.analyse.studies import studies
from steer.configs.load import check, load_config, read_tree

EXPECTED = {
    "lambda_sweep": {"F18_F19_lambda_min"},
    "clip_sweep": {"T10_clip_range"},
    "mappings": {"T11_mapping"},
    "extreme_clipping": {"T6_extreme_clipping"},
    "algorithms": {"F22_algorithms"},
    "dial": {"E_dial"},
    "control_random": {"E_controls"},
    "quadrants": set(),
    "all_methods": {"T11_mapping", "E_dial"},
}
SIX = ["aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench"]


def members(config, name):
    return {m.run: m for study, found in studies(config) if study.name == name for m in found}


def fake(folder, methods, **changes):
    changes = {"data": {"benchmarks": ["synthetic-sum", "synthetic-list-code"]}, **changes}
    changes["training"] = {"steps": 20, "prompts": 8, "updates": 2}
    write_fake_results(folder, methods, steps=20, questions=8, **changes)
    place = ["--config", f"{folder}/config.yaml", "--results", str(folder), "--out", f"{folder}/tables"]
    assert cli.main(["tabulate", *place]) == 0
    return folder / "tables"


def sweep():
    tree = read_tree("configs/experiments/lambda_sweep.yaml")
    return {name: run or {} for name, run in tree["methods"].items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_experiment_is_the_study_it_was_written_for(name):
    config = load_config(f"configs/experiments/{name}.yaml")
    found = studies(config)
    assert {study.name for study, _ in found} == EXPECTED[name]
    for study, of_study in found:
        runs = [member.run for member in of_study]
        assert len(set(runs)) == len(runs)
        assert all(member.against in {None, *runs} - {member.run} for member in of_study)
        assert all(set(member.values) == set(study.headers) for member in of_study)


def test_one_folder_with_everything_holds_every_study_of_the_paper():
    found = {study.name for study, _ in studies(load_config("configs/paper/all.yaml"))}
    assert found == {
        "T6_extreme_clipping",
        "T10_clip_range",
        "T11_mapping",
        "F18_F19_lambda_min",
        "F22_algorithms",
        "E_dial",
    }


def test_what_a_run_is_set_to_decides_and_not_its_name():
    tree = read_tree("configs/experiments/lambda_sweep.yaml")
    renamed = {f"run {i}".replace(" ", "_"): run or {"method": n} for i, (n, run) in enumerate(tree["methods"].items())}
    config = check({**tree, "methods": renamed}, "renamed")
    assert [m.values["weight_minimum"] for m in members(config, "F18_F19_lambda_min").values()] == [
        1,
        0.9,
        0.7,
        0.5,
        0.1,
    ]
    # A run that differs in a second value is no member.
    renamed["run_2"] = {"method": "steer", "set": {"weight.minimum": 0.7, "clip.high": 0.5}}
    config = check({**tree, "methods": renamed}, "changed")
    assert "run_2" not in members(config, "F18_F19_lambda_min")


def test_steer_is_compared_at_its_own_clip_range():
    found = members(load_config("configs/experiments/clip_sweep.yaml"), "T10_clip_range")
    assert {run: m.against for run, m in found.items() if m.values["steer"]} == {
        f"steer_high_{value}": f"high_{value}" for value in ("0.20", "0.28", "0.50")
    }


def test_a_study_corrects_over_its_own_pairs_and_compares_with_its_own_reference(tmp_path):
    tables = fake(tmp_path, sweep() | {"psr": {}}, seeds=(0, 1, 2))
    frame = pd.read_csv(tables / "F18_F19_lambda_min.csv")
    assert frame["run"].tolist() == ["clip_higher", "steer_0.9", "steer_0.7", "steer_0.5", "steer_0.1"]
    pairs = pd.read_csv(tables / "T3_differences.csv")
    pairs = pairs[
        (pairs["column"] == "overall") & pairs["run"].isin(frame["run"]) & pairs["against"].isin(frame["run"])
    ]
    assert len(pairs) == 10
    corrected = dict(zip(zip(pairs["run"], pairs["against"], strict=True), holm(pairs["p"].tolist()), strict=True))
    for row in frame.dropna(subset="against").to_dict("records"):
        assert row["p_holm"] == pytest.approx(corrected[row["run"], "clip_higher"], rel=1e-4)
        mean = frame.set_index("run")["mean"]
        assert row["difference"] == pytest.approx(mean[row["run"]] - mean["clip_higher"], abs=0.01)
        assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    about = json.loads((tables / "F18_F19_lambda_min.json").read_text())
    assert len(about["run_folders"]) == 15
    assert not any("psr" in path for path in about["run_folders"] + about["verdict_folders"])


def test_the_tables_of_the_sweep_name_values_sizes_and_seeds(tmp_path):
    tables = fake(tmp_path, sweep(), seeds=(0,))
    text = (tables / "F18_F19_lambda_min.md").read_text()
    assert "(n=16 × k=4)" in text and "| λ\\_min |" in text
    assert "One seed per run" in text
    assert "|      1 |" in text, "λ_min 1 is a number, no yes"
    assert "\\toprule" in (tables / "F18_F19_lambda_min.tex").read_text()
    assert not (tables / "T10_clip_range.csv").exists()


def test_the_dial_shows_target_and_achieved_entropy_of_the_second_half(tmp_path):
    tree = read_tree("configs/experiments/dial.yaml")
    tables = fake(tmp_path, {name: run or {} for name, run in tree["methods"].items()})
    frame = pd.read_csv(tables / "E_dial.csv").set_index("run")
    curves = pd.read_csv(tables / "training_curves.csv.gz")
    mine = curves[(curves["run"] == "target_0.20") & (curves["step"] > 10)]
    assert frame.loc["target_0.20", "target"] == 0.2
    assert frame.loc["target_0.20", "entropy_second_half"] == pytest.approx(mine["entropy"].mean(), rel=1e-4)
    assert frame["target"].isna().sum() == 4


def test_under_a_control_every_run_is_compared_with_the_base_model(tmp_path):
    tables = fake(tmp_path, {"grpo": {}, "steer": {}}, reward={"kind": "random"})
    frame = pd.read_csv(tables / "E_controls.csv")
    assert frame["against"].tolist()[1:] == ["base", "base"]
    assert "`random`" in (tables / "E_controls.md").read_text()


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """Tables of runs with other weights, among them a study's."""
    changed = {f"steer_{least}": {"method": "steer", "set": {"weight.minimum": least}} for least in (0.5, 1.0)}
    return fake(tmp_path_factory.mktemp("weighed"), {"grpo": {}, "steer": {}, **changed})


def test_factors_follow_the_values_that_a_run_is_set_to(weighed):
    frame = pd.read_csv(weighed / "T2_factors.csv").set_index("run")
    assert not frame.loc["grpo"].drop("label").any()
    assert frame.loc["steer"].drop("label").all()
    assert frame.loc["steer_1.0"].drop("label").tolist() == [True, False, False, False], "all weights are 1"


@pytest.mark.parametrize(
    "model, table", [("Qwen/Qwen2.5-14B", "T4"), ("Qwen/Qwen2.5-Math-1.5B", "T12"), ("Qwen/Qwen2.5-Math-7B", "T3")]
)
def test_a_model_of_the_paper_has_its_table_and_the_papers_values_beside(tmp_path, model, table):
    changes = {"model": {"path": model}, "data": {"benchmarks": SIX, "source": "benchmarks", "train": "dapo"}}
    tables = fake(tmp_path, {"grpo": {"label": "GRPO"}, "psr": {}}, seeds=(0,), **changes)
    frame = pd.read_csv(tables / f"{table}_against_paper.csv")
    assert (tables / f"{table}_main_results.tex").is_file()
    assert set(frame["label"]) == {"base", "GRPO"}
    reported = paper.reported()
    reported = reported[(reported["table"] == table[1:]) & (reported["method"] == "GRPO")].set_index("column")["value"]
    ours = frame[frame["label"] == "GRPO"].set_index("column")
    assert ours.loc["aime24", "paper"] == pytest.approx(reported["AIME24"])
    assert ours.loc["math", "paper"] == pytest.approx(reported["math"])
    for row in frame.to_dict("records"):
        assert row["paper_inside_interval"] == (row["low"] <= row["paper"] <= row["high"])
        assert row["paper_difference"] == pytest.approx(row["mean"] - row["paper"], abs=1e-5)


def test_an_average_over_other_benchmarks_is_not_set_beside_the_papers(tmp_path):
    data = {"benchmarks": SIX[:5], "source": "benchmarks", "train": "dapo"}
    changes = {"model": {"path": "Qwen/Qwen2.5-Math-7B"}, "data": data}
    tables = fake(tmp_path, {"grpo": {"label": "GRPO"}}, seeds=(0,), **changes)
    assert set(pd.read_csv(tables / "T3_against_paper.csv")["column"]) == set(SIX[:5])


def test_the_stress_test_has_the_papers_values_of_the_stress_test(tmp_path):
    methods = read_tree("configs/paper/extreme_clipping.yaml")["methods"]
    changes = {
        "model": {"path": "Qwen/Qwen2.5-Math-7B"},
        "data": {"benchmarks": SIX, "source": "benchmarks", "train": "dapo"},
    }
    tables = fake(tmp_path, {name: run or {} for name, run in methods.items()}, seeds=(0,), **changes)
    frame = pd.read_csv(tables / "T6_against_paper.csv")
    value = frame[(frame["run"] == "extreme_clipping_steer") & (frame["column"] == "math")]["paper"]
    assert value.tolist() == [pytest.approx(0.485)]
    assert "extreme_clipping" not in set(pd.read_csv(tables / "T3_against_paper.csv")["run"])
    assert "(paper 48.5)" in (tables / "T6_extreme_clipping.md").read_text()


def test_coding_results_have_the_papers_value_of_livecodebench_alone(tmp_path):
    data = {"benchmarks": ["livecodebench", "humaneval", "mbpp"], "source": "benchmarks", "train": "archer-code"}
    methods = {"grpo": {"label": "GRPO"}, "steer": {"label": "STEER"}}
    tables = fake(tmp_path, methods, seeds=(0,), model={"path": "Qwen/Qwen2.5-Coder-14B"}, data=data)
    frame = pd.read_csv(tables / "T5_against_paper.csv").set_index("run")
    assert set(frame["column"]) == {"livecodebench"}
    assert frame["paper"].to_dict() == {"grpo": pytest.approx(0.293), "steer": pytest.approx(0.318)}
    assert "(paper 31.8)" in (tables / "T5_main_results.md").read_text()


def test_rloo_and_opo_have_the_papers_values_with_difference_and_whether_ours_covers_them(tmp_path):
    methods = read_tree("configs/paper/algorithms.yaml")["methods"]
    changes = {
        "model": {"path": "Qwen/Qwen2.5-Math-7B"},
        "data": {"benchmarks": SIX, "source": "benchmarks", "train": "dapo"},
    }
    tables = fake(tmp_path, {name: run or {} for name, run in methods.items()}, seeds=(0,), **changes)
    frame = pd.read_csv(tables / "F22_against_paper.csv")
    average = frame[frame["column"] == "math"].set_index("run")
    expected = {"rloo": 0.458, "rloo_steer": 0.468, "opo": 0.464, "opo_steer": 0.475}
    assert average["paper"].to_dict() == {run: pytest.approx(value) for run, value in expected.items()}
    for row in frame.to_dict("records"):
        assert row["paper_inside_interval"] == (row["low"] <= row["paper"] <= row["high"])
    text = (tables / "F22_against_paper.md").read_text()
    assert "our interval covers it" in text and "difference, points" in text


def test_symbols_of_the_headings_are_written_for_latex():
    assert latex_text("ε_low • λ") == r"$\epsilon$\_low $\bullet$ $\lambda$"
    assert latex_text("(Σw)²/(N·Σw²)") == r"($\Sigma$w)$^2$/(N$\cdot$$\Sigma$w$^2$)"


def test_a_negative_number_has_a_minus_in_latex_and_a_name_its_hyphen():
    """TeX sets a bare - as a hyphen."""
    assert latex_text("-1.1 [-2.4, +0.2], -50 %") == r"$-$1.1 [$-$2.4, +0.2], $-$50 \%"
    assert latex_text("clip-higher, Qwen2.5-7B, GRPO-2, 2024-11") == "clip-higher, Qwen2.5-7B, GRPO-2, 2024-11"


def test_every_table_is_written_in_characters_that_pdftex_knows(weighed):
    for path in weighed.glob("*.tex"):
        assert path.read_text(encoding="utf-8").isascii(), path.name
