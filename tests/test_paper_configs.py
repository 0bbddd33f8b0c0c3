"""The papers' set-ups as configurations, and dry runs of them."""

import json
import re
from pathlib import Path

import pytest

from steer import cli
from steer.configs.load import load_config
from steer.methods import load_method
from steer.plan import cost, dry
from steer.plan.command import gpu_hours, largest_memory
from steer.plan.cost import Assumptions
from steer.plan.facts import KNOWN, facts_of
from steer.plan.jobs import jobs

PAPER = sorted(Path("configs/paper").glob("*.yaml"))
SCALING = Path("docs/scaling.md").read_text(encoding="utf-8")
# Of `all.yaml`, or as another one of the table.
PARTS = {"extreme_clipping", "lambda_sweep", "clip_sweep", "mappings", "algorithms", "control_format"}
PARTS |= {"control_wrong_label"}
STEER = [path for path in PAPER if not path.name.startswith("decomposing")]


@pytest.mark.parametrize("path", STEER, ids=lambda path: path.stem)
def test_the_first_papers_hyper_parameters(path):
    """As in arXiv 2510.10150 v4: no KL term, no entropy term in the base, no dynamic sampling, no warm-up."""
    config = load_config(path)
    training, evaluation = config.training, config.evaluation
    assert (training.prompts, training.rollouts, training.prompts // training.updates) == (512, 8, 32)
    assert (training.lr, training.warmup_steps, training.weight_decay, training.gradient_clip) == (1e-6, 0, 0.01, 1.0)
    assert (training.max_prompt_tokens, training.max_response_tokens, training.steps) == (1024, 3072, 200)
    assert (training.temperature, training.top_p, training.dynamic_sampling) == (1.0, 1.0, 1)
    assert (config.reward.correct, config.reward.wrong, config.reward.overlong_buffer) == (1.0, -1.0, None)
    assert (evaluation.temperature, evaluation.top_p, evaluation.max_response_tokens) == (1.0, 0.7, 3072)
    assert len(config.seeds) == 2
    for benchmark in config.data.benchmarks:
        repeated = {"aime24": 32, "aime25": 32, "amc23": 32, "livecodebench": 4}
        assert evaluation.samples_for(benchmark) == repeated.get(benchmark, 1)


@pytest.mark.parametrize("path", [p for p in STEER if "coder" not in p.name], ids=lambda path: path.stem)
def test_the_best_of_twenty_models_by_aime24_is_evaluated(path):
    config = load_config(path)
    assert config.evaluation.select_by == "aime24"
    assert all(config.kept_steps(run) == list(range(10, 201, 10)) for run in config.methods)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_prompt_and_response_fit_the_models_positions(path):
    config = load_config(path)
    assert config.model.path in KNOWN, "planned without a network"
    positions = facts_of(config).positions
    assert config.training.max_prompt_tokens + config.training.max_response_tokens <= positions
    assert config.evaluation.max_response_tokens < positions


def test_every_model_is_pinned_to_one_commit():
    pinned = {}
    for path in PAPER:
        model = load_config(path).model
        assert re.fullmatch("[0-9a-f]{40}", model.revision), path
        assert pinned.setdefault(model.path, model.revision) == model.revision
    # Known beside the papers' models: the small one of configs/smollm2.yaml, as a file and on the hub.
    papers = {name for name in KNOWN if "SmolLM2" not in name}
    assert set(pinned) == papers and len(set(pinned.values())) == len(papers)


def test_everything_on_one_model_holds_each_experiments_runs_once():
    """A run of `all.yaml` is the very run of the smaller file, and no two of it are alike."""
    whole = load_config("configs/paper/all.yaml")
    for name in ("math_7b", "extreme_clipping", "lambda_sweep", "clip_sweep", "mappings", "algorithms"):
        part = load_config(f"configs/paper/{name}.yaml")
        assert (part.training, part.evaluation, part.model) == (whole.training, whole.evaluation, whole.model)
        for run in part.methods:
            same = {"steer_0.7": "steer", "high_0.28": "clip_higher", "steer_high_0.28": "steer"}.get(run, run)
            for field in ("set", "training"):
                assert getattr(part.methods[run], field) == getattr(whole.methods[same], field)
    assert len({json.dumps([n if r.method is None else r.method, r.set]) for n, r in whole.methods.items()}) == len(
        whole.methods
    )


def test_rows_of_the_stress_test_differ_in_anything_but_the_clip():
    """The set-up's dual clip of 10 is in all of them: without it a token of negative advantage has no bound."""
    config = load_config("configs/paper/extreme_clipping.yaml")
    clips = [load_method(entry.method or run, entry.set).settings["clip"] for run, entry in config.methods.items()]
    assert clips == [{"name": "ppo", "low": 0.99, "high": 5.0, "dual": 10.0}] * 5


@pytest.mark.parametrize("kind", ["random", "format", "wrong-label"])
def test_a_control_differs_from_the_set_up_in_the_reward_alone(kind):
    base = load_config("configs/paper/base.yaml")
    control = load_config(f"configs/paper/control_{kind.replace('-', '_')}.yaml")
    assert control.reward == base.reward.model_copy(update={"kind": kind})
    assert (control.training, control.evaluation, control.data) == (base.training, base.evaluation, base.data)
    assert list(control.methods) == ["grpo", "steer"]


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_the_documented_costs_are_those_of_the_plan(every):
    rows = re.findall(r"^\| `(\w[\w.]*)`.*?\| ([\d,]+) \| ([\d,]+) \| (\d+) GB \| ([\d.]+) TB \|$", SCALING, re.M)
    assert {name for name, *_ in rows} >= {path.stem for path in PAPER if load_config(path).methods} - PARTS
    for name, *told in rows[::every]:
        config = load_config(f"configs/paper/{name}.yaml")
        given = config, facts_of(config), Assumptions()
        memory, hours = largest_memory(*given), sum(gpu_hours(*given).values())
        most, models = max(memory["updates"], memory["rollouts"]), cost.disk(*given[:2]).models / 1e12
        found = sum(jobs(config).values()), hours, most, models
        assert [f"{n:,.{p}f}" for n, p in zip(found, (0, 0, 0, 1), strict=True)] == told, name


def test_two_steps_at_reduced_width(capsys):
    """One run of another family than the from-scratch models'; `make dry-paper` runs all of them."""
    assert cli.main(["dry", "configs/paper/llama_3b.yaml", "--run", "clip_cov"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "llama_3b.yaml: clip_cov: 2 steps" in lines[-2]
    assert json.loads(lines[-1])["run"] == 1


@pytest.mark.parametrize("name", KNOWN)
def test_a_reduced_model_keeps_the_family_and_the_ratios(name):
    facts = KNOWN[name]
    shape = dry.shape(facts)
    ratio = facts.heads / facts.kv_heads
    assert shape["num_attention_heads"] / shape["num_key_value_heads"] == ratio
    assert (shape["model_type"], shape["tie_word_embeddings"]) == (facts.family, facts.tied)


def test_a_run_that_is_not_there_is_one_line(capsys):
    assert cli.main(["dry", "configs/paper/coder_7b.yaml", "--run", "stear"]) == 2
    assert "no run 'stear' in `methods`; it has grpo, clip_higher, steer" in capsys.readouterr().err
