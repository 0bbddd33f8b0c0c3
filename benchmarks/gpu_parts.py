"""The parts of `gpu_evidence.py`. Each gets a folder, whether it runs on the CPU, about how many seconds it has, and a
mapping for its results, which is kept at every entry: a part that is stopped has told what it knew."""

import contextlib
import io
import json
import math
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from processes import apart, begun

from steer import cli
from steer.configs.load import load_config
from steer.io import read_jsonl
from steer.plan.rates import EFFICIENCIES, GPUS, Gpu

REPOSITORY = Path(__file__).resolve().parents[1]
METHODS = ("grpo", "steer", "clip_higher", "entropy_regularisation", "perplexity_shaping", "position_shaping")
PHASES = ("rollout", "verify", "logprob", "update")


def project(folder: Path, name: str, cpu: bool, **changes: dict[str, Any]) -> Path:
    """A configuration file like gpu-small, cut down; its base model and problems beside it."""
    size = {"hidden_size": 32, "layers": 2, "heads": 4, "kv_heads": 4, "intermediate_size": 64} if cpu else {}
    data = {"rows": 4, "train_size": 64, "benchmarks": ["sums"]} if cpu else {"rows": 32, "train_size": 4096}
    training = {"prompts": 4, "rollouts": 2, "updates": 2, "max_response_tokens": 6} if cpu else {}
    tree = {
        "extends": str(REPOSITORY / "configs/gpu-small.yaml"),
        "name": name,
        "data": data,
        "model": {"warm_start": {"architecture": size, "steps": 10 if cpu else 400, "batch": 16 if cpu else 128}},
        "training": training,
        "evaluation": {"max_response_tokens": 12 if cpu else 40, "also": ["base"]},
        "reward": {"verifier_workers": 1 if cpu else 8},
        "hardware": {"gpus": 0 if cpu else 1},
    }
    for section, values in changes.items():
        tree[section] = {**tree.get(section, {}), **values}
    place = folder / name
    place.mkdir()
    (place / "config.yaml").write_text(yaml.safe_dump(tree))
    steer("data", place, "--out", place / "data")
    return place


def steer(command: str, place: Path, *arguments: Any, config: str = "config.yaml") -> float:
    """One command of the workflow, in this process; its seconds. `RuntimeError` with its message if it fails."""
    started, told = time.perf_counter(), io.StringIO()
    given = [command, "--config", place / config, *arguments]
    with contextlib.redirect_stderr(told):
        status = cli.main([str(word) for word in given])
    if status:
        raise RuntimeError((told.getvalue().strip().splitlines() or [f"steer {command} failed"])[-1])
    return time.perf_counter() - started


def train(place: Path, out: str, run: str = "grpo", *changes: str) -> list[dict[str, Any]]:
    """Metrics of one training run."""
    overrides = [word for change in changes for word in ("--set", change)]
    where = ["--model", place / "base", "--data", place / "data/train.jsonl", "--out", place / out]
    steer("train", place, "--run", run, "--seed", "0", *where, *overrides)
    return read_jsonl(place / out / "metrics.jsonl")


def head(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """The head without logits, by Triton's kernels on a GPU: beside the plain one in fp64, and what both cost in bf16
    at the vocabulary and width of a 7B model."""
    import torch

    device = torch.device("cpu" if cpu else "cuda")
    width, vocabulary, few, many = (64, 2000, 48, 96) if cpu else (3584, 151_936, 256, 4096)
    exact = head_outcome("plain", *head_inputs(torch.float64, few, width, vocabulary, device))
    fused = head_outcome("fused", *head_inputs(torch.float32, few, width, vocabulary, device))
    off = {name: float((fused[name].double() - exact[name]).abs().max() / exact[name].abs().max()) for name in exact}
    result["largest_relative_difference"] = {name: round(value, 9) for name, value in off.items()}
    result["passed"] = all(value < 1e-4 for value in off.values())
    del exact, fused
    # As training in bf16 has it (`steer.models.products`).
    torch.set_float32_matmul_precision("high")
    for kind in ("plain", "fused"):
        for _ in range(2):  # the first one compiles
            given = head_inputs(torch.bfloat16, many, width, vocabulary, device)
            held = 0 if cpu else torch.cuda.memory_allocated()
            if not cpu:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            head_outcome(kind, *given)
            if not cpu:
                torch.cuda.synchronize()
            took = time.perf_counter() - began
        # The products that no head can do without: forward, and backward for states and matrix.
        rate = 6 * many * width * vocabulary / took / 1e12
        told = {"tokens": many, "seconds": round(took, 4), "tflops": round(rate, 3)}
        if not cpu:
            told["memory_gb"] = round((torch.cuda.max_memory_allocated() - held) / 1e9, 3)
        gpu = None if cpu else gpu_here()
        if gpu:
            # Both multiply in TF32. The fused one computes its logits again in backward, which `tflops` leaves out.
            again = 8 / 6 if kind == "fused" else 1
            told["share_of_tf32"] = round(again * rate * 1e12 / gpu.tf32, 3)
            told["share_in_the_plan"] = EFFICIENCIES["TF32 products"].share
        result[kind] = told


def gpu_here() -> Gpu | None:
    """The type of this GPU in the plan's table; the longest name that the device's holds, so that H200 is no H20."""
    import torch

    name = torch.cuda.get_device_name(0)
    return max((gpu for gpu in GPUS.values() if gpu.name in name), key=lambda gpu: len(gpu.name), default=None)


def head_inputs(dtype: Any, tokens: int, width: int, vocabulary: int, device: Any) -> tuple[Any, Any, Any]:
    """A random head, states and tokens: the same numbers in every type."""
    import torch

    generator = torch.Generator(device).manual_seed(0)
    matrix = torch.nn.Linear(width, vocabulary, bias=False, device="meta", dtype=dtype)
    weight = torch.randn(vocabulary, width, generator=generator, device=device) * 2 / width**0.5
    matrix.weight = torch.nn.Parameter(weight.to(dtype))
    states = torch.randn(tokens, width, generator=generator, device=device).to(dtype).requires_grad_()
    return matrix, states, torch.randint(0, vocabulary, (tokens,), generator=generator, device=device)


def head_outcome(kind: str, matrix: Any, states: Any, chosen: Any) -> dict[str, Any]:
    """Statistics and gradients."""
    from steer.models.head import head_statistics

    found = head_statistics(SimpleNamespace(lm_head=matrix), states, chosen, 0.9, frozenset({"reduction"}), kind)
    (found.logprob.sum() + 0.1 * found.entropy.sum()).backward()
    values = {"logprob": found.logprob, "entropy": found.entropy, "reduction": found.reduction}
    values |= {"d_hidden": states.grad, "d_weight": matrix.weight.grad}
    return {name: value.detach() for name, value in values.items()}


def agreement(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """The first step on the GPU beside the CPU's, in fp32 and in bf16.

    Sampling draws its random numbers on the CPU: the same responses are expected but where rounding tips one.
    """
    # A coin gives the rewards, the same on both: a model this young earns none, and its gradient would be 0 anywhere.
    place = project(folder, "agreement", cpu, model={"warm_start": small_start(cpu)}, reward={"kind": "random"})
    apart(partial(steer, "warm-start", place, "--out", place / "base"))
    size = ("training.steps=1", "training.prompts=4", "training.updates=1")
    apart(partial(without_gpu, train, place, "cpu", "steer", *size))
    reference = read_jsonl(place / "cpu" / "metrics.jsonl")[0]
    half = ("training.precision=bf16",)
    saving = (*half, "training.gradient_checkpointing=true", "training.micro_batch_tokens=1024")
    for name, changes in {"fp32": (), "bf16": half, "bf16_saving": saving}.items():
        metrics = train(place, name, "steer", *size, *changes)[0]
        differences = {key: relative(metrics[key], reference[key]) for key in ("entropy", "logprob", "gradient_norm")}
        bound = 1e-2 if name == "fp32" else 0.2
        passed = all(value is not None and value < bound for value in differences.values())
        result[name] = {**differences, "passed": passed}


def without_gpu(work: Callable[..., Any], *given: Any) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    work(*given)


def small_start(cpu: bool) -> dict[str, Any]:
    size = {"hidden_size": 64, "layers": 2, "heads": 4, "kv_heads": 4, "intermediate_size": 128}
    return {"architecture": size, "steps": 10 if cpu else 60, "batch": 16}


def relative(value: float | None, reference: float | None) -> float | None:
    if value is None or reference is None or not math.isfinite(value):
        return None
    return round(abs(value - reference) / max(abs(reference), 1e-6), 6)


def small(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """gpu-small cut to the time: its base model, as many of its six methods as fit, one evaluation with verdicts."""
    started = time.monotonic()
    place = project(folder, "small", cpu)
    result["warm_start_seconds"] = round(steer("warm-start", place, "--out", place / "base"), 1)
    result["base"] = json.loads((place / "base/warm_start.json").read_text())
    steps, longest = 2 if cpu else 12, 0.0
    for method in METHODS[:2] if cpu else METHODS:
        if time.monotonic() - started + 1.2 * longest > 0.7 * seconds:
            result[method] = {"not_run": "no time left"}
            continue
        began = time.monotonic()
        result[method] = rates(train(place, f"runs/{method}", method, f"training.steps={steps}"), place)
        longest = max(longest, time.monotonic() - began)
    result["full_profile_hours"] = None
    timed = [
        value["seconds_a_step"] for value in result.values() if isinstance(value, dict) and "seconds_a_step" in value
    ]
    if timed:
        result["full_profile_hours"] = round(18 * 100 * sum(timed) / len(timed) / 3600, 2)
    if time.monotonic() - started < 0.8 * seconds:
        given = ["--model", place / "runs/grpo/model", "--data", place / "data", "--out", place / "generations"]
        took = steer("generate", place, *given)
        given = ["--data", place / "data", "--generations", place / "generations", "--out", place / "verdicts"]
        result["evaluation"] = {
            "generate_seconds": round(took, 1),
            "grade_seconds": round(steer("grade", place, *given), 1),
        }


def rates(metrics: list[dict[str, Any]], place: Path) -> dict[str, Any]:
    """Of the steps after the first: tokens a second and seconds of each phase, peak memory, entropy at both ends."""
    later = metrics[1:] or metrics
    training = load_config(place / "config.yaml").training
    tokens = sum(m["response_length"] for m in later) * training.prompts * training.rollouts
    told: dict[str, Any] = {
        "steps": len(metrics),
        "seconds_a_step": round(sum(m["seconds"] for m in later) / len(later), 4),
    }
    for phase in PHASES:
        took = sum(m.get(f"seconds_{phase}") or 0.0 for m in later)
        told[phase] = {
            "seconds": round(took / len(later), 4),
            "tokens_per_second": round(tokens / took) if took else None,
        }
        peaks = [m[f"memory_gb_{phase}"] for m in metrics if f"memory_gb_{phase}" in m]
        if peaks:
            told[phase]["memory_gb"] = max(peaks)
    return {**told, "entropy": [round(metrics[0]["entropy"], 4), round(metrics[-1]["entropy"], 4)]}


def resume(folder: Path, cpu: bool, seconds: float, result: dict[str, Any]) -> None:
    """A run killed between its checkpoints and started again, beside one that was left alone."""
    # Each in a process of its own, as the commands would be.
    place = project(folder, "resume", cpu, model={"warm_start": small_start(cpu)})
    apart(partial(steer, "warm-start", place, "--out", place / "base"))
    steps, kept = 8, place / "killed.checkpoints"
    changes = (f"training.steps={steps}", "training.checkpoint_every=1", "training.prompts=4", "training.updates=1")
    runs = {out: partial(train, place, out, "steer", *changes) for out in ("whole", "killed")}
    apart(runs["whole"])
    process = begun(runs["killed"])
    while len(list(kept.glob("*/step-*"))) < (1 if cpu else 2) and process.is_alive():
        time.sleep(0.02)
    process.kill()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        result.update(passed=False, error="the run ended before it could be killed")
        return
    reached = max(int(path.name.removeprefix("step-")) for path in kept.glob("*/step-*"))
    unfinished = not (place / "killed/metrics.jsonl").exists()
    apart(runs["killed"])
    lines, whole = (read_jsonl(place / out / "metrics.jsonl") for out in ("killed", "whole"))
    differences = [relative(a["entropy"], b["entropy"]) for a, b in zip(lines, whole, strict=True)]
    right = [line["step"] for line in lines] == list(range(1, steps + 1))
    # On a GPU sums are added in no fixed order: within numerical noise, and sampling may tip on it.
    passed = unfinished and right and max(differences) < (1e-9 if cpu else 0.05)
    result.update(passed=passed, killed_after_step=reached, largest_difference_of_entropy=max(differences))
