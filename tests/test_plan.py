"""`steer plan`: what it counts, what it reckons, and what it refuses before hours are spent."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steer import cli
from steer.configs.load import load_config
from steer.plan import cost, cpu_rates
from steer.plan.cost import Assumptions
from steer.plan.facts import CHARACTERS, FAMILIES, KNOWN, Facts, facts_of, from_json
from steer.plan.jobs import jobs

MATH_7B = KNOWN["Qwen/Qwen2.5-Math-7B"]
# Two layers of width 4, two heads of size 2, one key-value head, an MLP of 8, ten tokens.
SMALL = Facts("qwen2", 4, 2, 2, 1, 8, 10, 64, tied=False, head_size=2)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen/Qwen2.5-Math-1.5B", 1_543_714_304),
        ("Qwen/Qwen2.5-Coder-3B", 3_085_938_688),
        ("Qwen/Qwen2.5-7B", 7_615_616_512),
        ("Qwen/Qwen2.5-14B", 14_770_033_664),
        ("meta-llama/Llama-3.2-3B-Instruct", 3_212_749_824),
    ],
)
def test_parameters_are_those_of_the_published_weights(name, parameters):
    """Totals in the index files of the hub's safetensors."""
    assert KNOWN[name].parameters == parameters


def test_parameters_of_a_model_small_enough_to_count():
    # Layer: q 4·4+4, k and v 2·(4·2+2), o 4·4, MLP 3·4·8, two norms of 4; two embeddings of 10·4, last norm 4.
    assert SMALL.layer_parameters == 20 + 20 + 16 + 96 + 8
    assert SMALL.parameters == 2 * 160 + 80 + 4


@pytest.mark.parametrize("family", FAMILIES)
def test_facts_of_a_folder_agree_with_the_model_that_transformers_makes(tmp_path, family):
    from transformers import AutoModelForCausalLM

    from steer.plan.dry import random_model, shape

    random_model(shape(Facts(family, 96, 2, 6, 2, 64, 100, 64, tied=family == "llama", head_size=16)), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    facts = from_json(tmp_path / "config.json")
    assert facts.parameters == sum(p.numel() for p in model.parameters())
    assert facts.vocabulary == CHARACTERS


def test_the_key_value_cache_of_a_token():
    """2 · 28 layers · 4 heads · 128 values · 2 bytes."""
    assert cost.cache_bytes(load_config("configs/paper/math_7b.yaml"), MATH_7B) == 57_344


def training(**changes):
    given = {"steps": 1, "prompts": 8, "rollouts": 4, "updates": 2, "max_prompt_tokens": 10, "max_response_tokens": 50}
    return {**given, "shared_prompts": False, **changes}


def config_of(tmp_path, **sections):
    tree = {
        "name": "planned",
        "data": {"benchmarks": ["sums"]},
        "model": {"path": "Qwen/Qwen2.5-Math-7B"},
        "training": training(),
        "evaluation": {"max_response_tokens": 50},
        "methods": {"grpo": None},
        "seeds": [0],
        **sections,
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_memory_of_the_optimizer_is_shared_by_the_processes(tmp_path):
    config = load_config(config_of(tmp_path, training=training(processes=4, precision="bf16", micro_batch_tokens=100)))
    need = cost.memory(config, config.training, SMALL, Assumptions(overhead_gb=0))
    assert need.weights + need.gradients + need.optimizer == 16 * SMALL.parameters / 4
    rest = 80
    assert need.gathered == 2 * (rest + 2 * SMALL.layer_parameters) + 6 * rest
    assert need.activations == 2 * 100 * 2 * (6 * 4 + 2 * 4 + 2 * 2 + 4 * 8)
    assert need.updates == pytest.approx(
        sum((need.weights, need.gradients, need.optimizer, need.gathered)) + need.activations + need.head
    )


def test_constants_of_the_head_are_those_it_uses():
    from steer.models import fused_head, head

    assert (cost.FUSED_FROM, cost.FUSED_BLOCK) == (head.LARGE, fused_head._ELEMENTS)


def test_adapters_alone_need_gradients_moments_and_checkpoints(tmp_path):
    """Rank 2 on q (4 → 4) and down (8 → 4), in two layers."""
    lora = {"rank": 2, "targets": ["q_proj", "down_proj"]}
    config = load_config(config_of(tmp_path, model={"path": "Qwen/Qwen2.5-Math-7B", "lora": lora}))
    trained = 2 * 2 * (8 + 12)
    assert cost.trained_parameters(config, SMALL) == trained
    need = cost.memory(config, config.training, SMALL, Assumptions())
    assert (need.gradients, need.optimizer) == (4 * trained, 8 * trained)
    assert need.weights == 4 * (SMALL.parameters + trained)
    kept = config.training.checkpoints_kept + 2
    assert cost.disk(config, SMALL).checkpoints == kept * 12 * trained


def plan(path, *more):
    return cli.main(["plan", "--configfile", str(path), *more])


def test_the_json_holds_the_totals(tmp_path, capsys):
    assert plan("configs/paper/math_1.5b.yaml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["total_jobs"] == sum(told["jobs"].values())
    assert told["jobs"]["validate"] == 6 * 2, "one for the 20 kept models of a run"
    assert told["gpu_hours"]["train"] > told["gpu_hours"]["validate"] > 0
    assert told["memory_gb"]["updates"] < 96


HARDWARE = {"gpus": 1, "memory_gb": 80}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"hardware": HARDWARE}, r"the model does not fit: \d+ GB a device during updates, hardware.memory_gb is 80"),
        ({"hardware": HARDWARE, "training": training(processes=2)}, "training.processes is 2, but hardware.gpus is 1"),
        (
            {"training": training(max_response_tokens=4090)},
            "training: 10 prompt and 4090 response tokens, but Qwen/Qwen2.5-Math-7B has 4096 positions; "
            "lower max_response_tokens to at most 4086",
        ),
        (
            {"methods": {"grpo": {"training": {"max_response_tokens": 4090}}}},
            "methods.grpo.training: 10 prompt and 4090",
        ),
        ({"evaluation": {"max_response_tokens": 4096}}, "evaluation.max_response_tokens is 4096, but"),
        (
            {
                "hardware": {"gpus": 8, "memory_gb": 80},
                "rollout": {"engine": "vllm", "gpu_memory_utilization": 0.3},
                "evaluation": {"max_response_tokens": 3072, "samples": {"sums": 64}},
            },
            "evaluation.samples of sums: 64 samples of 3082 tokens take 11.3 GB of key-value cache, and 5.8 GB are",
        ),
        ({"model": {"path": "Qwen/Qwen2.5-Math-7b/x"}}, "neither a folder nor a hub id"),
        ({"methods": {"grpoo": None}}, "method 'grpoo' does not exist"),
    ],
)
def test_what_cannot_work_is_one_line_and_a_status(tmp_path, capsys, monkeypatch, sections, said):
    """Before this CPU's rates are measured."""

    def measured(*given):
        raise AssertionError("measured")

    monkeypatch.setattr(cpu_rates, "measured", measured)
    assert plan(config_of(tmp_path, **sections)) == 2
    error = capsys.readouterr().err
    assert re.search(said, error), error
    assert error.count("\n") == 1


def test_a_model_that_fits_when_it_is_shared_passes(tmp_path, capsys):
    divided = training(processes=8, precision="bf16", gradient_checkpointing=True, micro_batch_tokens=4096)
    sections = {"training": divided, "rollout": {"engine": "vllm"}, "hardware": {"gpus": 8, "memory_gb": 80}}
    assert plan(config_of(tmp_path, **sections)) == 0
    assert "GB of 80" in capsys.readouterr().out


def local_model(tmp_path, **changes):
    from steer.plan.dry import random_model, shape

    folder = tmp_path / "model"
    random_model(shape(MATH_7B), folder)
    for name, text in changes.items():
        file = folder / name.replace("__", ".")
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
    return config_of(tmp_path, model={"path": str(folder)})


def test_a_local_model_is_read_from_its_folder(tmp_path, capsys):
    assert plan(local_model(tmp_path)) == 0
    assert facts_of(load_config(tmp_path / "config.yaml")).heads == 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chat_template__jinja": None}, "the tokenizer has no chat template"),
        ({"chat_template__jinja": None, "tokenizer_config__json": None}, "no readable tokenizer settings"),
        ({"config__json": None}, "config.json: no such file"),
        ({"config__json": "{"}, "config.json: not JSON"),
        ({"config__json": '{"model_type": "mamba"}'}, "model_type is 'mamba', but only qwen2, qwen3, llama"),
        ({"config__json": '{"model_type": "llama"}'}, "no field 'hidden_size'"),
    ],
)
def test_a_local_model_that_cannot_be_used_is_one_line(tmp_path, capsys, changes, said):
    path = local_model(tmp_path, **changes)
    capsys.readouterr()
    assert plan(path) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_an_unknown_model_without_a_network_is_one_line_and_needs_no_torch(tmp_path):
    path = config_of(tmp_path, model={"path": "Qwen/Qwen2.5-Math-7b"})
    code = (
        "import sys; from steer import cli\n"
        f"print(cli.main(['plan', '--configfile', {str(path)!r}]), 'torch' in sys.modules)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "2 False\n", done.stderr
    assert "Qwen/Qwen2.5-Math-7b: not in the hub's cache, and HF_HUB_OFFLINE is set; get it" in done.stderr
    assert done.stderr.count("\n") == 1


def test_profiles_name_rules_that_exist():
    rules = {
        name
        for path in Path("workflow/rules").glob("*.smk")
        for name in re.findall(r"^ *rule (\w+):|^use rule \w+ as (\w+) with:", path.read_text(), re.M)
        for name in name
    }
    slurm = yaml.safe_load(Path("workflow/profiles/slurm/config.yaml").read_text())
    assert set(slurm["set-resources"]) <= rules
    assert {"train", "validate", "generate"} <= set(slurm["set-resources"])


def planned_by_snakemake(name):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--quiet", "rules", "--cores", "2"]
    done = subprocess.run([*command, "--configfile", name], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", done.stdout + done.stderr, re.S | re.M)
    return {rule: int(count) for rule, count in (line.split() for line in table.group(1).splitlines())}


@pytest.mark.slow
def test_the_jobs_counted_are_those_that_snakemake_plans():
    """A choice among models here; models from scratch and measurements in the slow test below."""
    name = "configs/paper/math_1.5b.yaml"
    assert jobs(load_config(name)) == planned_by_snakemake(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["configs/tiny.yaml", "configs/nano.yaml", "configs/real.yaml"])
def test_the_jobs_counted_are_those_that_snakemake_plans_from_scratch(name):
    assert jobs(load_config(name)) == planned_by_snakemake(name)


def dry_job(rule, configuration, **changes):
    """What Snakemake says of the first job of a rule."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "2", "--configfile", configuration]
    sections = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    told = subprocess.run([*command, "--config", *sections], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout.partition(f"\nrule {rule}:")[2].partition("\n\n")[0]


@pytest.mark.slow
def test_a_training_job_counts_the_gpus_of_vllms_own_processes():
    rollout = {"engine": "vllm", "placement": "own", "devices": [1]}
    assert "gpu=2" in dry_job("train", "configs/gpu-small.yaml", rollout=rollout, seeds=[0])


@pytest.mark.slow
def test_rows_and_weights_on_this_machine_are_inputs(tmp_path):
    """Else an edited file would leave everything that was made from it as it is."""
    for name in ("rows/math/aime24.jsonl", "model/config.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("{}")
    data = {"data_dir": f"{tmp_path}/rows"}
    assert f"{tmp_path}/rows/math/aime24.jsonl" in dry_job("data", "configs/real.yaml", data=data)
    model = {"path": f"{tmp_path}/model"}
    for rule in ("train", "generate"):
        inputs = dry_job(rule, "configs/gpu-small.yaml", model=model, seeds=[0]).partition("output:")[0]
        assert f"{tmp_path}/model" in inputs, rule
