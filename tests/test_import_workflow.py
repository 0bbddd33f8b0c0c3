"""Imported runs in a configuration, its tables and figures; `metrics.jsonl` of other baselines."""

import gzip
import json

import pytest
import yaml
from outside_logs import VALIDATION, console, verl_line

from steer.cli import main
from steer.configs.load import load_config
from steer.errors import UserError
from steer.outside.check import check_metrics

TREE = {
    "name": "elsewhere",
    "data": {"source": "synthetic", "benchmarks": ["sums"], "train": None},
    "evaluation": {"also": []},
    "external": {"theirs": {"label": "Theirs (verl)", "logs": {0: "a.log", 3: "b.log"}}},
}


@pytest.fixture
def results(tmp_path):
    """A configuration with imported runs alone, and its run folders."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TREE))
    for seed in (0, 3):
        log = tmp_path / f"{seed}.log"
        log.write_text(verl_line(0, VALIDATION) + console(1, 2, 3))
        out = tmp_path / f"results/runs/theirs/seed{seed}"
        assert main(["import", str(log), "--out", str(out), "--seed", str(seed)]) == 0
    return tmp_path


def test_neither_training_nor_training_data_are_needed(results):
    config = load_config(results / "config.yaml")
    assert config.imported == ["theirs"] and config.seeds_of("theirs") == [0, 3] and config.evaluated == []


def test_tables_say_what_they_leave_out_and_curves_are_drawn(results):
    places = [
        "--config",
        str(results / "config.yaml"),
        "--tables",
        str(results / "tables"),
        "--out",
        str(results / "f"),
    ]
    assert main(["tabulate", *places[:2], "--results", str(results / "results"), "--out", str(results / "tables")]) == 0
    said = (results / "tables/T3_main_results.md").read_text()
    assert "Theirs (verl): a log made elsewhere, without verdicts, so it is left out" in said
    curves = gzip.decompress((results / "tables/training_curves.csv.gz").read_bytes()).decode()
    assert curves.count("Theirs (verl)") == 6
    assert (results / "tables/validation_curves.csv").read_text().count("mean@4") == 2
    for figure in ("FE_policy_entropy", "V_validation"):
        assert main(["plot", figure, *places]) == 0 and (results / f"f/{figure}.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"step": 1}, {"step": 1}], "line 2: step 1 a second time"),
        ([{"step": 0}], "step 0; steps are whole numbers from 1"),
        ([{"step": 1.5}], "step 1.5"),
        ([{"step": 1, "entropy": float("nan")}], "`entropy` is nan"),
        ([{"step": 1, "entropy": "0.5"}], "`entropy` is '0.5'"),
    ],
)
def test_metrics_of_a_baseline_are_checked(tmp_path, rows, said):
    with pytest.raises(UserError, match=r"metrics\.jsonl, line") as error:
        check_metrics(json.loads(json.dumps(rows)), tmp_path / "metrics.jsonl")
    assert said in str(error.value)
