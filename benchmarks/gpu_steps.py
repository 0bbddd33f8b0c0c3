"""The part of `gpu_evidence.py` that trains a model of SmolLM2-135M's shape: rates, shares of the peak, the plan's.

Its weights are taken where `make smollm2` has put them, else random ones: speeds do not depend on them.
"""

import importlib.util
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from gpu_parts import PHASES, gpu_here, project, rates, steer, train
from peer import coin, trl_step

from steer.configs.load import load_config
from steer.configs.schema import Config
from steer.io import read_jsonl
from steer.models.load import load_tokenizer, save_model
from steer.models.tokenizer import character_tokenizer
from steer.plan import cpu, step
from steer.plan.assumed import Assumptions
from steer.plan.facts import SMOLLM2, facts_of
from steer.plan.passes import needs_of

REPOSITORY = Path(__file__).resolve().parents[1]
WEIGHTS = REPOSITORY / "models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
STEPS = 20


def smollm2(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """GRPO and STEER, as many of 20 steps as fit: tokens a second and share of the peak of each phase, and the plan's
    seconds for the same step."""
    end = time.monotonic() + 0.85 * seconds
    served = not cpu and importlib.util.find_spec("vllm") is not None
    place, result["weights"] = made(folder, cpu, served)
    result["engine"] = "vllm" if served else "local"
    config, length = described(place, cpu), mean_prompt(place)
    for remaining, method in ((2, "grpo"), (1, "steer")):
        metrics = train(place, f"{method}-first", method, "training.steps=2")
        each = metrics[-1]["seconds"]
        steps = min(4 if cpu else STEPS, int((end - time.monotonic()) / remaining / each))
        if steps > 2:
            metrics = train(place, method, method, f"training.steps={steps}")
        result[method] = beside_plan(config, method, rates(metrics, place), metrics, length, cpu)
    result["trl"] = beside_trl(place, cpu) if end - time.monotonic() > 2 * each else {"not_run": "no time left"}


def made(folder: Path, cpu: bool, served: bool) -> tuple[Path, str]:
    """A project with the model as its base, and where the weights come from."""
    batch = {"prompts": 4, "rollouts": 2, "updates": 2, "max_response_tokens": 8} if cpu else {
        "prompts": 32, "rollouts": 8, "updates": 4, "max_response_tokens": 256, "micro_batch_tokens": 16384,
        "precision": "bf16",
    }  # fmt: skip
    rollout = {"engine": "vllm", "dtype": "bfloat16"} if served else {}
    path = str(folder / "smollm2/base")
    model = {"path": path}
    place = project(folder, "smollm2", cpu, model=model, training=batch, reward={"kind": "random"}, rollout=rollout)
    if not cpu and WEIGHTS.is_file() and importlib.util.find_spec("gguf"):
        tree = yaml.safe_load((place / "config.yaml").read_text())
        (place / "of-file.yaml").write_text(yaml.safe_dump({**tree, "model": {"path": str(WEIGHTS)}}))
        steer("base-model", place, "--data", place / "data/train.jsonl", "--out", path, config="of-file.yaml")
        return place, "SmolLM2-135M-Instruct"
    random_weights(Path(path), cpu)
    return place, "random"


def random_weights(folder: Path, cpu: bool) -> None:
    """SmolLM2-135M's shape, on the CPU a tiny one of its family, with the bytes' tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer, facts = character_tokenizer(), SMOLLM2
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "intermediate_size": 64, "vocab_size": len(tokenizer)} if cpu else {
        "hidden_size": facts.hidden, "num_hidden_layers": facts.layers, "num_attention_heads": facts.heads,
        "num_key_value_heads": facts.kv_heads, "intermediate_size": facts.intermediate, "vocab_size": facts.vocabulary,
    }  # fmt: skip
    special = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    positions = {"max_position_embeddings": facts.positions, "tie_word_embeddings": True}
    save_model(LlamaForCausalLM(LlamaConfig(**size, **special, **positions)), tokenizer, folder)


def described(place: Path, cpu: bool) -> Config | None:
    """The project's configuration with this machine's hardware; None for a GPU that the plan does not know."""
    if cpu:
        return load_config(place / "config.yaml", {"threads.train": torch.get_num_threads()})
    gpu = gpu_here()
    rates_of_gpu = gpu and {"hardware.tflops": gpu.bf16 / 1e12, "hardware.memory_gb": gpu.memory_gb}
    return gpu and load_config(place / "config.yaml", rates_of_gpu)


def mean_prompt(place: Path) -> int:
    """Mean tokens of a prompt in the project's training set."""
    from steer.data.problem import Problem
    from steer.train.prompts import encode_prompts

    problems = [Problem.from_json(row) for row in read_jsonl(place / "data/train.jsonl")][:64]
    limit = load_config(place / "config.yaml").training.max_prompt_tokens
    found = encode_prompts(load_tokenizer(str(place / "base")), problems, limit)
    return round(sum(map(len, found)) / len(found))


def beside_plan(
    config: Config | None, run: str, told: dict[str, Any], metrics: list[dict], length: int, on_cpu: bool
) -> dict[str, Any]:
    """Rates with the share of the peak that the counted products reach, and the plan's seconds, by phase."""
    if config is None:
        return {**told, "plan": {"not_run": "the plan does not know this GPU"}}
    later, limit = metrics[1:], config.training_for(run).max_response_tokens
    share = sum(line["response_length"] for line in later) / len(later) / limit
    idle = sum(line["zero_spread"] for line in later) / len(later)
    assumed = Assumptions(prompt_tokens=length, response_share=min(1.0, share), idle=idle)
    facts, needs = facts_of(config), needs_of(config, run)
    if on_cpu:
        measured = cpu.rates_of(config, facts, assumed)
        planned, peak = cpu.step_of(config, run, facts, assumed, measured), measured.forward
    else:
        planned, peak = step.ours(config, run, facts, assumed, needs), gpu_here().bf16
    phases = planned.phases()
    # The trainer takes the update batch's statistics within its updates.
    expected = {**phases, "update": phases.get("update", 0.0) + phases.get("statistics", 0.0)}
    for phase in PHASES:
        phases_in = (phase, "statistics") if phase == "update" else (phase,)
        counted = [part for part in planned.parts if part.phase in phases_in]
        took = told[phase]["seconds"]
        operations = sum(part.amount for part in counted if part.unit == "FLOP")
        if took and operations:
            told[phase]["share_of_peak"] = round(operations / took / peak, 4)
        if phase in expected:
            told[phase]["planned_seconds"] = round(expected[phase], 4)
    measured_step = sum(told[phase]["seconds"] for phase in PHASES if phase in expected)
    planned_step = sum(expected.get(phase, 0.0) for phase in PHASES)
    return {**told, "plan_over_measured": round(planned_step / measured_step, 3) if measured_step else None}


def beside_trl(place: Path, on_cpu: bool) -> dict[str, Any]:
    """Seconds of TRL's GRPOTrainer for one rollout and its updates, on the same model, prompts and sizes."""
    training = load_config(place / "config.yaml").training
    marks: list[float] = []

    def marked(count: int) -> torch.Tensor:
        # Called once a rollout, so that two calls are one whole step apart.
        marks.append(time.perf_counter())
        return coin(count)

    texts = [row["prompt"] for row in read_jsonl(place / "data/train.jsonl")][: 2 * training.prompts]
    base = str(place / "base")
    peer = trl_step(base, load_tokenizer(base), texts, training, marked, steps=2, bf16=not on_cpu, cpu=on_cpu)
    if peer is None:
        return {"not_run": "TRL is not installed here"}
    peer()
    took = marks[1] - marks[0]
    tokens = training.prompts * training.rollouts * training.max_response_tokens
    return {"seconds_a_step": round(took, 4), "tokens_per_second": round(tokens / took)}
