"""The measurement in the DAG: a further model is trained and measured beside the configuration's own."""

import csv

import pytest
from test_workflow import PICO, Project

pytestmark = pytest.mark.slow

MEASURED = {
    "reward": {"kind": "random"},
    "training": {**PICO["training"], "steps": 2, "prompts": 4},
    "measurement": {
        "run": "grpo",
        "prompts": 4,
        "own_tokens": 4,
        "draws": 20,
        "models": {"wide": {"warm_start": {**PICO["model"]["warm_start"], "architecture": {"hidden_size": 24}}}},
    },
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("measured"))
    project.configure(**MEASURED)
    project.run("--until", "tabulate")
    return project


def test_every_model_is_measured_at_every_stage(measured):
    with open(measured.root / "results/pico/tables/T1_estimators.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["model"], row["step"]) for row in rows} == {(m, s) for m in ("main", "wide") for s in "012"}
    sizes = {row["model"]: int(row["parameters"]) for row in rows}
    assert sizes["wide"] > sizes["main"]
    assert (measured.root / "results/pico/tables/T8_models.md").is_file()


def test_a_change_of_the_bootstrap_measures_nothing_again(measured):
    measured.configure(**MEASURED | {"measurement": MEASURED["measurement"] | {"draws": 30}})
    planned = measured.planned()
    assert planned["tabulate"] == 1
    assert {"measure", "measured_train", "measured_base", "train"}.isdisjoint(planned)


def test_another_stage_trains_the_measured_runs_again_and_no_base_model(measured):
    stages = {"stages": [0, 1]}
    measured.configure(**MEASURED | {"measurement": MEASURED["measurement"] | stages})
    planned = measured.planned()
    assert planned["measure"] == 2
    assert {"measured_base", "warm_start"}.isdisjoint(planned)
