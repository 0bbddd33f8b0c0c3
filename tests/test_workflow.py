"""The DAG as users meet it: what runs again after which change, a killed run, added methods, mistakes in one line.

A copy of the project is run once to its report, at a scale where no number means anything. That takes a minute or
two, so these tests have their own target, `make test-dag`.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from steer.io import read_jsonl

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
PICO = {
    "extends": "nano.yaml",
    "name": "pico",
    "data": {"benchmarks": ["sums", "lists"], "rows": 3, "train_size": 16},
    "model": {"warm_start": {"steps": 3, "batch": 8, "architecture": {"hidden_size": 16, "heads": 2, "kv_heads": 2}}},
    "training": {"steps": 2, "prompts": 2, "rollouts": 2, "updates": 1, "max_response_tokens": 6},
    "evaluation": {"max_response_tokens": 6, "also": ["base"]},
    "methods": {"grpo": None},
    "seeds": [0],
}


class Project:
    """A checkout of its own in which a test may edit anything."""

    def __init__(self, root: Path):
        self.root = root
        for name in ("Snakefile", "workflow", "src", "configs", "environment.yml"):
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, root / name)
        shutil.rmtree(root / "configs" / "__pycache__", ignore_errors=True)
        self.configure()

    def configure(self, **changes) -> None:
        (self.root / "configs" / "pico.yaml").write_text(yaml.safe_dump({**PICO, **changes}))

    def start(self, *arguments: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src")}
        # Targets come first: --configfile would take them for further files.
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", "configs/pico.yaml"]
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=900)
        assert (process.returncode != 0) == fails, output
        return output

    def planned(self) -> dict[str, int]:
        """Jobs that a dry run would do, by rule."""
        output = self.run("--dry-run")
        table = re.search(r"^job +count\n-+ +-+\n(.*?)\n\n", output, re.S | re.M)
        rows = [line.split() for line in table.group(1).splitlines()] if table else []
        return {name: int(count) for name, count in rows if name not in ("everything", "total")}

    def edit(self, path: str, text: str) -> None:
        with open(self.root / path, "a") as file:
            file.write(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("finished"))
    project.run()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """The finished project, for one test to change."""
    copy = Project.__new__(Project)
    copy.root = tmp_path / "project"
    shutil.copytree(finished.root, copy.root, symlinks=True)
    return copy


def test_the_documented_folders_are_there_and_nothing_is_left_to_do(finished):
    results = finished.root / "results" / "pico"
    for path in (
        "config.yaml",
        "base_model/model.safetensors",
        "runs/grpo/seed0/metrics.jsonl",
        "runs/grpo/seed0/model/tokenizer.json",
        "generations/base/seed0/sums.jsonl.gz",
        "verdicts/grpo/seed0/lists.jsonl.gz",
        "tables/T3_main_results.md",
        "figures/FE_policy_entropy.pdf",
        "report/index.html",
    ):
        assert (results / path).is_file(), path
    assert not list(results.rglob(".*.tmp"))
    assert finished.planned() == {}


def test_a_deleted_figure_is_drawn_again(project):
    figure = project.root / "results" / "pico" / "figures" / "FE_policy_entropy.png"
    figure.unlink()
    assert project.planned() == {"plot": 1, "report": 1}
    project.run(str(figure.relative_to(project.root)))
    assert figure.is_file()


def test_adding_a_method_trains_that_method_alone(project):
    project.configure(methods={"grpo": None, "clip_higher": None})
    planned = project.planned()
    assert planned.pop("plot") > 0
    assert planned == {"train": 1, "generate": 1, "grade": 1, "tabulate": 1, "report": 1}


def test_a_changed_value_trains_only_the_run_it_belongs_to(project):
    project.configure(methods={"grpo": {"set": {"clip.high": 0.25}}})
    assert project.planned()["train"] == 1
    project.configure(methods={"grpo": None}, evaluation={**PICO["evaluation"], "temperature": 0.9})
    planned = project.planned()
    assert "train" not in planned
    assert planned["generate"] == 2


def test_what_a_result_does_not_depend_on_trains_nothing(project):
    project.configure(
        training={**PICO["training"], "checkpoint_every": 1, "checkpoints_kept": 5}, reward={"verifier_workers": 1}
    )
    assert set(project.planned()) <= {"tabulate", "plot", "report"}
    project.configure(reward={"correct": 2.0})
    assert set(project.planned()) == {"train", "generate", "grade", "tabulate", "plot", "report"}


def test_a_changed_label_or_description_reaches_the_page(project):
    project.configure(description="another")
    assert set(project.planned()) == {"report"}
    project.configure()
    project.edit("configs/methods/grpo.yaml", "\ndescription: what it is\n")
    assert project.planned() == {}
    path = project.root / "configs/methods/grpo.yaml"
    path.write_text(path.read_text().replace("label: GRPO", "label: renamed"))
    assert set(project.planned()) == {"tabulate", "plot", "report"}


def test_an_edited_plot_only_draws_again(project):
    project.edit("src/steer/figures/FE_policy_entropy.py", "\n# changed\n")
    assert set(project.planned()) == {"plot", "report"}


def test_an_edited_loss_trains_again_without_a_new_base_model(project):
    path = project.root / "src/steer/methods/clip.py"
    path.write_text(path.read_text().replace('"""', '"""Reworded: ', 1) + "\n# A remark.\n")
    assert project.planned() == {}, "the words about it are no part of it"
    project.edit("src/steer/methods/clip.py", "\nCHANGED = True\n")
    planned = project.planned()
    assert planned["train"] == 1
    assert "warm_start" not in planned
    assert "data" not in planned


def test_a_method_with_new_mathematics_is_a_function_and_a_file(project):
    """The README's example, as written; the runs that are there stay as they are."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    function = next(code for code in re.findall(r"```python\n(.*?)```", readme, re.S) if "def scaled(" in code)
    method = next(code for code in re.findall(r"```yaml\n(.*?)```", readme, re.S) if "label: scaled" in code)
    (project.root / "src/steer/methods/weight/scaled.py").write_text(function, encoding="utf-8")
    (project.root / "configs/methods/scaled.yaml").write_text(method, encoding="utf-8")
    project.configure(methods={"grpo": None, "scaled": None})
    assert project.planned()["train"] == 1
    project.run("--until", "tabulate")
    metrics = read_jsonl(project.root / "results/pico/runs/scaled/seed0/metrics.jsonl")
    assert {line["weight_p50"] for line in metrics} == {0.25}
    assert "| scaled" in (project.root / "results/pico/tables/T3_main_results.md").read_text()


def test_a_baseline_with_a_trainer_of_its_own_is_evaluated_with_the_rest(project):
    """As the README tells it: a rule that writes the run folder, here a copy of the base model."""
    (project.root / "workflow/rules/baselines/untrained.smk").write_text(
        """
rule train_untrained:
    input:
        model=f"{RESULTS}/base_model",
    output:
        metrics=f"{RESULTS}/runs/untrained/seed{{seed}}/metrics.jsonl",
        config=f"{RESULTS}/runs/untrained/seed{{seed}}/config.yaml",
        model=directory(f"{RESULTS}/runs/untrained/seed{{seed}}/model"),
    shell:
        "cp -r {input.model} {output.model}"
        " && echo '{{\\"step\\": 1, \\"accuracy\\": 0.0, \\"entropy\\": 1.0}}' > {output.metrics}"
        " && echo 'run: untrained' > {output.config}"
"""
    )
    project.configure(external={"untrained": {"label": "untrained copy"}})
    planned = project.planned()
    assert planned["train_untrained"] == 1
    assert "train" not in planned
    project.run()
    results = project.root / "results/pico"
    assert "| untrained copy" in (results / "tables/T3_main_results.md").read_text()
    assert "untrained copy" in (results / "report/index.html").read_text()


def test_a_run_killed_again_and_again_ends_the_same(project):
    training = {**PICO["training"], "steps": 30, "checkpoint_every": 1}
    project.configure(training=training)
    run, checkpoints = "results/pico/runs/grpo/seed0", project.root / "results/pico/checkpoints/grpo/seed0"
    draw, reached = random.Random(0), 0
    for _ in range(3):
        process = project.start("--rerun-incomplete", f"{run}/metrics.jsonl")
        wanted = reached + draw.randint(2, 5)
        for _ in range(3000):
            if last_checkpoint(checkpoints) >= wanted:
                break
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (project.root / run / "metrics.jsonl").exists(), "a killed run leaves nothing that looks finished"
        reached = last_checkpoint(checkpoints)
        assert wanted <= reached < 30
        project.run("--unlock")
    project.run("--rerun-incomplete", f"{run}/metrics.jsonl")
    continued = read_jsonl(project.root / run / "metrics.jsonl")
    assert [line["step"] for line in continued] == list(range(1, 31))
    log = (project.root / "results/pico/logs/train/grpo/seed0.log").read_text()
    assert re.search(rf"\b{reached}/30\b", log), "it started where it had stopped"
    assert not checkpoints.exists()
    model = (project.root / run / "model/model.safetensors").read_bytes()

    shutil.rmtree(project.root / run)
    project.run(f"{run}/metrics.jsonl")
    whole = read_jsonl(project.root / run / "metrics.jsonl")
    strip = [{k: v for k, v in line.items() if not k.startswith("seconds")} for line in whole]
    assert strip == [{k: v for k, v in line.items() if not k.startswith("seconds")} for line in continued]
    assert model == (project.root / run / "model/model.safetensors").read_bytes()


def last_checkpoint(folder: Path) -> int:
    return max((int(path.name[5:]) for path in folder.glob("*/step-*")), default=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainning": {}}, "configs/pico.yaml: unknown key `trainning`; did you mean 'training'?"),
        ({"methods": {"stear": None}}, "method 'stear' does not exist"),
        ({"methods": {"steer": {"set": {"weight.minimum": 0}}}}, "method steer, slot weight: `weight.minimum`"),
        (
            {"external": {"mine": {"label": "x"}}},
            "key `external.mine`: no rule writes results/pico/runs/mine/seed0/model",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_said_before_anything_runs(project, changes, said):
    project.configure(**changes)
    output = project.run("--dry-run", fails=True)
    assert said in output
    assert "Traceback" not in output
