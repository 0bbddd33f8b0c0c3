"""Logs of other trainers in the DAG: a configuration with nothing else, from the logs to the page."""

import json

import pytest
from outside_logs import VALIDATION, console, trainer_state, verl_line
from outside_logs import rows as rows_of

from steer.io import read_jsonl
from tests.test_workflow import Project

pytestmark = pytest.mark.slow


def test_logs_alone_need_no_training_and_a_changed_log_is_imported_again(tmp_path):
    project = Project(tmp_path)
    (project.root / "a b.log").write_text(verl_line(0, VALIDATION) + console(1, 2, 3))
    (project.root / "trainer_state.json").write_text(trainer_state(rows_of(1, 2)))
    project.configure(
        extends=None,
        data={"source": "synthetic", "benchmarks": ["sums"], "train": None},
        model={},
        training=None,
        methods={},
        evaluation={"also": []},
        external={
            "theirs": {"label": "Theirs (verl)", "logs": {3: "a b.log"}},
            "trl": {"label": "TRL", "logs": {0: "trainer_state.json"}, "map": {"reward": "accuracy"}},
        },
    )
    planned = project.planned()
    assert planned["import_log"] == 2 and not planned.keys() & {"train", "warm_start", "generate", "grade"}
    project.run()
    results = project.root / "results/pico"
    metrics = read_jsonl(results / "runs/theirs/seed3/metrics.jsonl")
    assert [row["entropy"] for row in metrics] == [0.49, 0.48, 0.47]
    assert read_jsonl(results / "runs/trl/seed0/metrics.jsonl")[0]["accuracy"] == 0.375
    assert json.loads((results / "runs/trl/seed0/import.json").read_text())["trainer"] == "trl"
    page = (results / "report/index.html").read_text()
    assert (
        "Theirs (verl)" in page and "Did the methods act?" in page and (results / "figures/V_validation.png").exists()
    )
    assert project.planned() == {}
    (project.root / "a b.log").write_text(console(1, 2, 3, 4))
    planned = project.planned()
    assert planned["import_log"] == 1 and {"tabulate", "report"} <= planned.keys()
