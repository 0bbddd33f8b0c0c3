"""The plan's phases of verl beside five public verl runs of Qwen2.5-Math-1.5B: `python benchmarks/plan_gpu.py`.

Reads `outside/verl_runs.csv` in a folder of real data (`STEER_SHARED_DATA`, else ../shared/data), whose SOURCE.md says
where the numbers come from and how the runs were set. The logs name no GPU. Its peak follows from tokens, seconds of
the update and `perf/mfu/actor` by verl's own count of operations, and tells the type.

Two of the runs gave the plan's calibrated constants (`steer.plan.rates`); the other three check them.
"""

import csv
import os
import statistics
from collections import defaultdict
from pathlib import Path

from measure import FOLDER, keep, rounded

from steer.configs.load import load_config
from steer.plan import step
from steer.plan.assumed import Assumptions
from steer.plan.facts import Facts, facts_of
from steer.plan.lengths import Lengths
from steer.plan.rates import GPUS, Gpu

CONFIG = FOLDER.parent / "configs/paper/math_1.5b.yaml"
# (method, seed) → GPUs, of SOURCE.md; the first two were fitted to.
RUNS = {("grpo", "4"): 4, ("steer", "4"): 4, ("steer", "3"): 4, ("grpo", "1"): 2, ("steer", "1"): 2}
CALIBRATED = (("grpo", "4"), ("steer", "4"))
SEQUENCES, LIMIT = 4096, 3072
KEYS = {
    "rollout": "timing_s/gen",
    "logprob": "timing_s/old_log_prob",
    "update": "timing_s/update_actor",
    "tokens": "perf/total_num_tokens",
    "response": "response_length/mean",
    "mfu": "perf/mfu/actor",
}


def measured(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Return the median over the steps seen of each run's seconds, tokens and MFU."""
    values: dict = defaultdict(lambda: defaultdict(list))
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            values[row["run"], row["seed"]][row["metric"]].append(float(row["value"]))
    return {run: {name: statistics.median(values[run][key]) for name, key in KEYS.items()} for run in RUNS}


def peak(run: dict[str, float], gpus: int, facts: Facts) -> float:
    """Return the peak rate that verl divided by: its operations per token are 6 per parameter, both embeddings counted,
    and 12 per layer, head and square of the length."""
    layers = facts.layers * (facts.layer_parameters - facts.query - 2 * facts.key - 2 * facts.hidden)
    prompt = run["tokens"] / SEQUENCES - run["response"]
    square = prompt**2 + 2 * prompt * run["response"] + Lengths(run["response"], LIMIT).square
    operations = 6 * (layers + 2 * facts.embedding_parameters) * run["tokens"]
    operations += 12 * facts.layers * facts.query * SEQUENCES * square
    return operations / run["update"] / gpus / run["mfu"]


def gpu_with(rate: float) -> Gpu:
    """Return the type with this peak; of an H100 and an H200, the latter: the runs reserved over 100 GB."""
    return min(reversed(GPUS.values()), key=lambda gpu: abs(gpu.bf16 - rate))


def predicted(run: dict[str, float], gpus: int, gpu: Gpu) -> dict[str, float]:
    """Return the plan's seconds of verl's phases for a run's lengths and its settings."""
    config = load_config(
        CONFIG,
        {
            "training.processes": gpus,
            "training.micro_batch": 8,
            "training.micro_batch_tokens": None,
            "verl.tensor_parallel": gpus,
            "rollout.enforce_eager": True,
            "hardware.gpus": gpus,
            "hardware.tflops": gpu.bf16 / 1e12,
            "hardware.memory_gb": gpu.memory_gb,
        },
    )
    prompt = round(run["tokens"] / SEQUENCES - run["response"])
    assumed = Assumptions(prompt_tokens=prompt, response_share=run["response"] / LIMIT)
    phases = step.reckoned(config, "grpo", facts_of(config), assumed)[1].phases()
    # verl's clock of a rollout includes new weights.
    return {"rollout": phases["rollout"] + phases["sync"], "logprob": phases["logprob"], "update": phases["update"]}


def compared(path: Path) -> list[dict]:
    """Return one row per run: seconds and shares of the phases, measured and predicted."""
    facts, rows = facts_of(load_config(CONFIG)), []
    for name, run in measured(path).items():
        rate = peak(run, RUNS[name], facts)
        gpu = gpu_with(rate)
        seconds = predicted(run, RUNS[name], gpu)
        total = [sum(run[phase] for phase in seconds), sum(seconds.values())]
        phases = {
            phase: {
                "measured_s": run[phase],
                "predicted_s": value,
                "measured_share": run[phase] / total[0],
                "predicted_share": value / total[1],
            }
            for phase, value in seconds.items()
        }
        told = {"run": " ".join(name), "gpus": RUNS[name], "peak_tflops": rate / 1e12, "gpu": gpu.name}
        rows.append({**told, "calibrated": name in CALIBRATED, "phases": phases})
    return rows


def main() -> None:
    data = Path(os.environ.get("STEER_SHARED_DATA", FOLDER.parents[1] / "shared" / "data"))
    rows = compared(data / "outside/verl_runs.csv")
    print("| run | GPUs, peak | phase | measured | the plan | share measured | share by the plan |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        where = f"{row['gpus']} x {row['peak_tflops']:.0f} TFLOP/s: {row['gpu']}"
        for phase, of in row["phases"].items():
            print(
                f"| {row['run']}{' (calibrated)' if row['calibrated'] else ''} | {where} | {phase} | "
                f"{of['measured_s']:.0f} s | {of['predicted_s']:.0f} s | {of['measured_share']:.0%} | "
                f"{of['predicted_share']:.0%} |"
            )
    keep("plan_gpu", rounded({"runs": rows}))


if __name__ == "__main__":
    main()
