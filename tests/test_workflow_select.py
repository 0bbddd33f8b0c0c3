"""The choice of the best kept model as part of the DAG, at a scale where no number means anything."""

import json

import pytest

from steer.io import read_jsonl
from tests.test_workflow import PICO, Project

pytestmark = pytest.mark.slow


def test_the_best_kept_model_is_evaluated(tmp_path):
    project = Project(tmp_path)
    project.configure(
        training={**PICO["training"], "steps": 3, "keep_models_every": 1},
        evaluation={**PICO["evaluation"], "select_by": "sums", "frontier": {"questions": 3, "samples": 2}},
    )
    planned = project.planned()
    assert [planned[rule] for rule in ("train", "validate", "select", "frontier")] == [1, 1, 1, 1]
    project.run()
    results = project.root / "results/pico"
    summary = json.loads((results / "runs/grpo/seed0/selection.json").read_text())
    assert list(summary["scores"]) == ["1", "2", "3"]
    assert summary["scores"][str(summary["step"])] == max(summary["scores"].values())
    best = results / f"runs/grpo/seed0/models/step{summary['step']}/model.safetensors"
    assert best.samefile(results / "runs/grpo/seed0/best/model.safetensors")
    row = read_jsonl(results / "generations/grpo/seed0/sums.jsonl.gz")[0]
    assert row["model"] == "results/pico/runs/grpo/seed0/best"
    last = results / "runs/grpo/seed0/model/model.safetensors"
    assert last.read_bytes() == (results / "runs/grpo/seed0/models/step3/model.safetensors").read_bytes()
    along = read_jsonl(results / "frontier/grpo/seed0.jsonl.gz")
    assert [row["step"] for row in along] == [step for step in (0, 1, 2, 3) for _ in range(3)]
    assert (results / "figures/F14_frontier.png").exists()
    assert project.planned() == {}
    project.configure(
        training={**PICO["training"], "steps": 3, "keep_models_every": 1},
        evaluation={**PICO["evaluation"], "select_by": "sums", "frontier": {"questions": 4, "samples": 2}},
    )
    assert "frontier" in (again := project.planned()) and not {"train", "validate", "generate"} & set(again)
