"""A small results folder in the documented formats, made of invented numbers: input for tests of tables and figures.

`python tests/fake_results.py FOLDER` writes one to look at (`--methods`, `--seeds`, `--steps` change its size).
"""

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from steer.configs.load import check, dump
from steer.configs.schema import Config
from steer.io import atomic_write, write_json, write_jsonl

METHODS = {
    "grpo": "GRPO",
    "clip_higher": "clip-higher",
    "entropy_regularisation": "entropy regularisation",
    "perplexity_shaping": "perplexity shaping",
    "position_shaping": "position shaping",
    "steer": "STEER",
}
BENCHMARKS = {
    "synthetic-sum": "math",
    "synthetic-fraction": "math",
    "synthetic-modular": "math",
    "synthetic-list-code": "code",
    "synthetic-string-code": "code",
}


def fake_config(methods: dict[str, str | dict[str, Any]], seeds: list[int], **changes: Any) -> Config:
    tree = {
        "name": "fake",
        "data": {"benchmarks": list(BENCHMARKS)},
        "training": {"steps": 30, "prompts": 8, "updates": 2},
        "evaluation": {"samples": {"default": 4}},
        "methods": {name: {"label": run} if isinstance(run, str) else run for name, run in methods.items()},
        "seeds": seeds,
        **changes,
    }
    return check(tree, "fake")


def write_fake_results(
    folder: str | Path,
    methods: dict[str, str | dict[str, Any]] | None = None,
    seeds: tuple[int, ...] = (0, 1),
    steps: int = 30,
    questions: int = 12,
    samples: int = 4,
    **changes: Any,
) -> Config:
    """Write config.yaml, data, run folders, generations and verdicts; return the configuration.

    `methods` maps a run to its label, or to an entry as configurations have it.
    """
    folder, methods = Path(folder), METHODS if methods is None else methods
    config = fake_config(methods, list(seeds), **changes)
    atomic_write(folder / "config.yaml", dump(config))
    kinds = {name: BENCHMARKS.get(name, "math") for name in config.data.benchmarks}
    for benchmark, kind in kinds.items():
        write_jsonl(folder / "data" / f"{benchmark}.jsonl", [_problem(benchmark, kind, i) for i in range(questions)])
    evaluated = {(run, 0): 0.35 for run in config.evaluation.also}
    evaluated |= {("oracle", 0): 1.0} if "oracle" in config.evaluation.also else {}
    for index, name in enumerate(config.runs):
        for seed in config.seeds:
            label = (config.methods.get(name) or config.external[name]).label or name
            write_run(folder / "runs" / name / f"seed{seed}", name, label, seed, steps, index)
            evaluated[name, seed] = 0.5 + 0.02 * index % 0.2
    for (run, seed), accuracy in evaluated.items():
        for number, (benchmark, kind) in enumerate(kinds.items()):
            write_evaluation(folder, run, seed, benchmark, kind, accuracy - 0.03 * number, questions, samples)
    return config


def _problem(benchmark: str, kind: str, index: int) -> dict[str, Any]:
    return {
        "id": f"{benchmark}/{index}",
        "benchmark": benchmark,
        "kind": kind,
        "prompt": "?",
        "gold": str(70 + index),
        "solution": "s",
    }


def write_run(folder: Path, name: str, label: str, seed: int, steps: int, index: int) -> None:
    """A run folder whose curves have the shapes that training has: entropy falls, accuracy rises, noisily."""
    random = np.random.default_rng([seed, index])
    write_jsonl(folder / "metrics.jsonl", [_step(name, step, steps, index, random) for step in range(1, steps + 1)])
    slots = {"weight": {"name": "steer" if "steer" in name else "none"}}
    about = {"run": name, "method": name, "label": label, "seed": seed, "slots": slots, "seconds": 61.5 + seed}
    about["versions"] = {"python": "3.11", "torch": "2", "transformers": "5", "steer": "0"}
    write_json(folder / "config.yaml", about)  # JSON is YAML


def _step(name: str, step: int, steps: int, index: int, random: np.random.Generator) -> dict[str, Any]:
    done = step / steps
    floor = 0.2 if name == "entropy_regularisation" else 0.1 + 0.006 * index
    entropy = floor + (0.3 - floor) * math.exp(-4 * done) + random.normal(0, 0.004)
    accuracy = 0.35 + 0.2 * (1 - math.exp(-3 * done)) + random.normal(0, 0.03)
    width = 0.3 * random.uniform(0.6, 1) if "steer" in name else 0.0
    quantiles = {"min": 1, "p05": 0.6, "p25": 0.2, "p50": 0.05, "p75": 0.01, "p95": 0.001, "max": 0}
    return {
        "step": step,
        "reward": 2 * accuracy - 1,
        "accuracy": accuracy,
        "accuracy/synthetic-sum": min(accuracy + 0.1, 1),
        "unverifiable": 0,
        "entropy": entropy,
        "entropy_correct": entropy * 0.8,
        "entropy_wrong": None if step == 3 else entropy * 1.3,
        "logprob": -entropy,
        "clip_fraction_low": 0.01,
        "clip_fraction_high": 0.02,
        **{f"weight_{key}": 1 - width * share for key, share in quantiles.items()},
        "weight_ess": 1 - width * 0.1,
        "response_length": 22 - 4 * done + random.normal(0, 0.3),
        "truncated": 0.05 * (1 - done),
        "gradient_norm": 0.5,
        "loss": 0.01,
        "lr": 1e-4,
        "seconds": 0.4,
    }


def write_evaluation(
    folder: Path, run: str, seed: int, benchmark: str, kind: str, accuracy: float, questions: int, samples: int
) -> None:
    """Generations and verdicts of one run on one benchmark; one sample is unverifiable, one answer not extracted."""
    random = np.random.default_rng([seed, len(run), len(benchmark)])
    difficulty = np.random.default_rng(len(benchmark)).normal(0, 0.2, questions)
    generations, verdicts = [], []
    for index in range(questions):
        gold = str(70 + index)
        chance = 1.0 if run == "oracle" else min(max(accuracy + difficulty[index], 0.02), 0.98)
        right = random.uniform(size=samples) < chance
        answers = [gold if ok else str(random.integers(10, 14)) for ok in right]
        texts = [f"so \\boxed{{{answer}}}" for answer in answers]
        rows = [
            {"verdict": "correct" if ok else "wrong", "extracted": answer, "reason": "numeric", "seconds": 1e-4}
            for ok, answer in zip(right, answers, strict=True)
        ]
        if index == 0:
            rows[0] |= {"verdict": "unverifiable", "reason": "time limit"}
        if index == 1 and kind == "math" and run != "oracle":
            rows[0] |= {"verdict": "wrong", "extracted": None, "reason": "no answer"}
            texts[0] = f"the answer is {gold}."
        responses = [
            {
                "text": text,
                "tokens": 8 + index,
                "finish_reason": "length" if n == 2 and index == 2 else "stop",
                "logprob": -0.02 * (1 + 7 * index % 12),
            }
            for n, text in enumerate(texts)
        ]
        key = f"{benchmark}/{index}"
        sampling = {"temperature": 1.0, "top_p": 1.0, "max_response_tokens": 64, "samples": samples, "seed": seed}
        generations.append({"id": key, "prompt": "?", "responses": responses, "sampling": sampling, "model": run})
        verdicts.append({"id": key, "verdicts": rows})
    place = Path(run) / f"seed{seed}" / f"{benchmark}.jsonl.gz"
    write_jsonl(folder / "generations" / place, generations)
    write_jsonl(folder / "verdicts" / place, verdicts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--methods", type=int, default=len(METHODS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    names = [*METHODS.items(), *((f"variant_{i}", f"variant {i}") for i in range(100))][: args.methods]
    write_fake_results(args.folder, dict(names), tuple(range(args.seeds)), args.steps)


if __name__ == "__main__":
    main()
