"""Tables and figures of a results folder, whole or with parts missing."""

import csv
import gzip
import json
import re
import shutil
from pathlib import Path

import matplotlib.image
import pytest
from fake_results import METHODS, write_fake_results
from pictures import GENERAL, LOW_DPI, assert_tidy, curves, drawn

from steer import cli
from steer.analyse.accuracy import cells
from steer.analyse.claims import claims_table
from steer.analyse.collect import collect
from steer.analyse.statements import is_default, statements
from steer.analyse.statistics import average_at_k
from steer.configs.load import load_config
from steer.figures import page
from steer.io import read_jsonl, write_jsonl

REPOSITORY = Path(__file__).parents[1]
SPELLED = re.compile(r"((?<=.)_question_low|(?<=.)_question_high|_low|_high| run low| run high| low| high| n| k)$")


def tabulate(folder):
    arguments = ["--config", f"{folder}/config.yaml", "--results", str(folder), "--out", f"{folder}/tables"]
    return cli.main(["tabulate", *arguments])


def plot(folder, name):
    arguments = ["--config", f"{folder}/config.yaml", "--tables", f"{folder}/tables", "--out", f"{folder}/figures"]
    return cli.main(["plot", name, *arguments])


def rows_of(folder, name):
    with (gzip.open if name.endswith(".gz") else open)(folder / "tables" / name, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_fake_results(folder, evaluation={"samples": {"default": 4}, "also": ["base", "oracle"]})
    assert tabulate(folder) == 0
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "results")


def test_a_cell_of_the_main_table_is_the_statistic_of_its_verdicts(whole):
    correct, verified = [], []
    for seed in (0, 1):
        rows = read_jsonl(whole / "verdicts" / "steer" / f"seed{seed}" / "synthetic-sum.jsonl.gz")
        verdicts = [[v["verdict"] for v in row["verdicts"]] for row in rows]
        correct.append([v.count("correct") for v in verdicts])
        verified.append([len(v) - v.count("unverifiable") for v in verdicts])
    expected = average_at_k(correct, verified)
    row = next(r for r in rows_of(whole, "T3_main_results.csv") if r["run"] == "steer")
    low, high = expected.interval()
    found = [float(row[f"synthetic-sum{part}"]) for part in ("", " low", " high")]
    assert found == pytest.approx([expected.value, low, high], abs=1e-5)
    text = (whole / "tables" / "T3_main_results.md").read_text()
    assert f"{100 * low:.1f}, {100 * high:.1f}" in text


def test_one_source_gives_three_renderings_and_its_origin(whole):
    names = [row["label"] for row in rows_of(whole, "T3_main_results.csv")]
    assert names == ["base", *METHODS.values(), "oracle"]
    markdown = (whole / "tables" / "T3_main_results.md").read_text()
    latex = (whole / "tables" / "T3_main_results.tex").read_text()
    assert all(name in markdown and name in latex for name in names)
    assert "\\toprule" in latex
    about = json.loads((whole / "tables" / "T3_main_results.json").read_text())
    assert "runs/steer/seed1" in about["run_folders"]
    assert about["command"].startswith("steer tabulate")
    assert len(about["config_sha256"]) == 64


def test_claims_state_gain_entropy_and_weights(whole):
    claims = {row["run"]: row for row in rows_of(whole, "T0_claims.csv")}
    curves = rows_of(whole, "training_curves.csv.gz")
    last = [float(r["entropy"]) for r in curves if r["run"] == "grpo" and int(r["step"]) > 27]
    first = [float(r["entropy"]) for r in curves if r["run"] == "grpo" and r["step"] == "1"]
    change = sum(last) / len(last) / (sum(first) / len(first)) - 1
    assert float(claims["grpo"]["entropy_change"]) == pytest.approx(change, abs=0.01)
    assert float(claims["grpo"]["gain_low"]) < float(claims["grpo"]["gain"]) < float(claims["grpo"]["gain_high"])
    assert float(claims["steer"]["weight_min"]) < 1 == float(claims["grpo"]["weight_min"])
    assert float(claims["steer"]["entropy_difference"]) == pytest.approx(
        float(claims["steer"]["entropy_last"]) - float(claims["grpo"]["entropy_last"]), abs=1e-5
    )


def test_the_claims_of_the_default_experiment_are_judged_on_it_alone(whole):
    assert not (whole / "tables" / "T0_statements.csv").exists()
    assert is_default(load_config("configs/tiny.yaml"))
    assert is_default(load_config("configs/tiny.yaml", {"name": "again", "hardware.memory_gb": 8}))
    assert not is_default(load_config("configs/tiny.yaml", {"training.steps": 5}))
    assert not is_default(load_config("configs/experiments/dial.yaml"))


def test_statements_name_their_unit_and_agree_with_their_numbers(tmp_path):
    write_fake_results(tmp_path, {name: METHODS[name] for name in ("grpo", "entropy_regularisation")}, seeds=(0, 1))
    collected = collect(load_config(str(tmp_path / "config.yaml")), tmp_path)
    table = claims_table(collected, cells(collected.questions))
    gain, loss, kept, weights = statements(collected, table)
    assert "interval over questions" in gain["claim"] and "interval over questions" in gain["measured"]
    assert loss["measured"].count("%") == 2 and loss["holds"] == "yes"
    assert "interval" not in kept["measured"], "two runs have no interval that could contradict the verdict"
    assert weights["holds"] == "not measured"
    assert "nan" not in str([gain, loss, kept, weights])


def test_what_the_oracle_did_not_get_right_is_named(whole):
    failures = rows_of(whole, "oracle_failures.csv")
    assert {row["id"] for row in failures} == {f"{name}/0" for name in {r["benchmark"] for r in failures}}
    assert {row["verdict"] for row in failures} == {"unverifiable"}


def test_a_benchmark_of_which_nothing_was_verified_leaves_the_others_their_rows(folder):
    for path in (folder / "verdicts").glob("*/*/synthetic-sum.jsonl.gz"):
        rows = read_jsonl(path)
        write_jsonl(path, [{**r, "verdicts": [{**v, "verdict": "unverifiable"} for v in r["verdicts"]]} for r in rows])
    assert tabulate(folder) == 0
    rows = rows_of(folder, "T3_main_results.csv")
    others = set(rows[0]) & {r["column"] for r in rows_of(folder, "accuracy.csv")} - {"synthetic-sum"}
    assert not any(row["synthetic-sum"] or row["average"] for row in rows)
    assert others and all(row[name] for row in rows for name in others)
    assert drawn(folder, "F3_final_comparison").axes


def test_each_panel_of_final_accuracies_says_how_many_questions_it_is_over(whole):
    titles = [ax.get_title() for ax in drawn(whole, "F3_final_comparison").axes]
    assert titles == ["math (n=36)", "code (n=24)", "all benchmarks (n=60)"]


@pytest.mark.parametrize(
    "figures",
    [
        ("FE_policy_entropy", "D2_entropy_correct_wrong", "F3_final_comparison", "F6_pass_at_k"),
        pytest.param(GENERAL, marks=pytest.mark.slow),
    ],
    ids=["some", "all"],
)
def test_missing_runs_and_metrics_are_said_and_the_rest_is_made(folder, capsys, figures):
    shutil.rmtree(folder / "runs" / "steer" / "seed1")
    shutil.rmtree(folder / "verdicts" / "clip_higher")
    shutil.rmtree(folder / "tables")
    path = folder / "runs" / "grpo" / "seed0" / "metrics.jsonl"
    write_jsonl(path, [{k: v for k, v in row.items() if k != "entropy"} for row in read_jsonl(path)])
    assert tabulate(folder) == 0
    said = capsys.readouterr().err
    assert "steer" in said and said.count("run clip_higher") == 2, "one line a seed, not one a benchmark"
    assert "clip_higher" not in {r["run"] for r in rows_of(folder, "T3_main_results.csv") if r["synthetic-sum"]}
    for name in figures:
        assert drawn(folder, name).axes


@pytest.mark.parametrize("methods", [{}, {"grpo": "GRPO"}, {f"m{i}": f"method {i}" for i in range(12)}])
@pytest.mark.parametrize("seeds", [(0,)])
def test_none_one_and_twelve_methods_with_one_seed(tmp_path, methods, seeds):
    data = {"benchmarks": ["synthetic-sum", "synthetic-list-code"]}
    write_fake_results(tmp_path, methods, seeds, steps=8, questions=4, data=data)
    assert tabulate(tmp_path) == 0
    for name in ("FE_policy_entropy", "F3_final_comparison"):
        figure = drawn(tmp_path, name)
        if len(methods) > 1:
            assert_tidy(figure)
        with matplotlib.rc_context({"savefig.dpi": LOW_DPI, "savefig.bbox": "tight"}):
            _, picture = page.save(figure, tmp_path / name)
        assert matplotlib.image.imread(picture).std() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERAL)
def test_each_figure_is_drawn_in_both_formats_and_again_the_same(whole, tmp_path, name):
    """At a low resolution: text and lines are placed alike at any."""
    with matplotlib.rc_context({"savefig.dpi": LOW_DPI, "savefig.bbox": "tight"}):
        written = [page.save(drawn(whole, name), tmp_path / time) for time in ("first", "second")]
    first, second = ([path.read_bytes() for path in paths] for paths in written)
    pixels = matplotlib.image.imread(written[0][1])
    assert min(pixels.shape[:2]) > 90
    assert pixels.std() > 0.02, "not an empty page"
    assert first[0].startswith(b"%PDF")
    assert first == second


def test_the_command_writes_print_resolution_and_the_same_bytes_again(whole):
    written = []
    for _ in range(2):
        assert plot(whole, "FE_policy_entropy") == 0
        paths = [whole / "figures" / f"FE_policy_entropy{suffix}" for suffix in (".png", ".pdf")]
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert min(matplotlib.image.imread(paths[0]).shape[:2]) > 500


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("FE_policy_entropy", "training step", "policy entropy (nats per token)"),
        ("F6_pass_at_k", "k (samples per question)", "pass@k (%), average over benchmarks"),
    ],
)
def test_every_run_has_a_curve_a_legend_entry_and_axes_with_units(whole, name, x, y):
    figure = drawn(whole, name)
    ax = figure.axes[0]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if label != "base"] == list(METHODS.values())
    assert (ax.get_xlabel(), ax.get_ylabel()) == (x, y)
    lines = curves(ax).values()
    assert len(lines) == len(labels)
    low, high = ax.get_ylim()
    assert all(low <= line.get_ydata().min() and line.get_ydata().max() <= high for line in lines), "nothing is cut off"


def test_a_method_looks_the_same_in_every_figure_and_unlike_the_others(whole):
    looks = {}
    for name in ("FE_policy_entropy", "F6_pass_at_k"):
        for label, line in curves(drawn(whole, name).axes[0]).items():
            looks.setdefault(label, set()).add((line.get_color(), line.get_marker()))
    assert all(len(found) == 1 for found in looks.values())
    assert len({next(iter(found)) for found in looks.values()}) == len(looks)


def test_an_evaluation_kept_without_its_responses_is_one_note(folder, capsys):
    shutil.rmtree(folder / "generations" / "steer" / "seed0")
    assert tabulate(folder) == 0
    noted = [line for line in capsys.readouterr().err.splitlines() if "no responses" in line]
    assert noted == ["steer tabulate: missing: run steer, seed 0: no responses, so no lengths and truncation rates"]


@pytest.mark.parametrize("kept", [lambda rows: [], lambda rows: rows[:-1], lambda rows: [*rows, rows[0]]])
def test_verdicts_on_other_problems_than_the_data_holds_are_refused(folder, capsys, kept):
    """An emptied or shortened file would give an accuracy over fewer questions without a word."""
    path = folder / "verdicts" / "steer" / "seed0" / "synthetic-sum.jsonl.gz"
    write_jsonl(path, kept(read_jsonl(path)))
    assert tabulate(folder) == 2
    assert "synthetic-sum.jsonl.gz: verdicts on other problems" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "figure"),
    [
        ("training_curves.csv.gz", "", "FE_policy_entropy"),
        ("training_curves.csv.gz", "run,seed,step\n", "FE_policy_entropy"),
        ("tables.json", "{", "FE_policy_entropy"),
        ("tables.json", "", "FE_policy_entropy"),
        ("D3_perplexity_groups.csv", "run,label,group,gain\ngrpo,GRPO,1,0.1\n", "D3_perplexity_groups"),
    ],
)
def test_a_damaged_table_or_one_of_an_earlier_version_ends_a_plot_in_one_line(folder, capsys, name, content, figure):
    (folder / "tables" / name).write_text(content)
    assert plot(folder, figure) == 2
    error = capsys.readouterr().err.strip()
    assert f"{name}: no" in error and "steer tabulate" in error and "\n" not in error


def columns(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="", encoding="utf-8") as file:
        return set(next(csv.reader(file)))


def test_every_column_is_explained_and_every_explained_one_exists(whole):
    """docs/tables.md, against the tables here and those of the committed runs, which have studies and measurements."""
    folders = [whole / "tables", *(REPOSITORY / "results/reference").glob("*/tables")]
    files = [path for folder in folders for path in folder.glob("*.csv*") if "training_curves" not in path.name]
    written = set().union(*map(columns, files))
    main = [columns(path) for path in files if path.name == "T3_main_results.csv"]
    benchmarks = {name.removesuffix(" n") for found in main for name in found if name.endswith(" n")}

    page = (REPOSITORY / "docs/tables.md").read_text(encoding="utf-8")
    section = page.partition("\n## Columns\n")[2].partition("\n## ")[0]
    explained = set()
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            explained |= set(re.findall(r"`([^`]+)`", line.split(" | ")[0]))
    explained = {name for name in explained if not name.startswith(" ")}
    explained |= {"weight_p25", "weight_p50", "weight_p75", "weight_p95"}  # `weight_p05` to `weight_max`

    stems = {name if name in explained else SPELLED.sub("", name) for name in written}
    assert sorted(stems - explained - benchmarks) == []
    assert sorted(explained - written - {"<benchmark>"} - stems) == []
