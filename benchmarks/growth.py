"""How time and memory grow: of an update with response length and batch, of the tables, a figure and the report with
the number of runs and of generations.

    python benchmarks/growth.py
    python benchmarks/growth.py --one AXIS SIZE

Every size is a process of its own; seconds are without imports, memory is what is taken above them. Each axis ends with
the exponent of a power law through its sizes, and how far its sizes lie from a straight line.
"""

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from measure import FOLDER, fit, in_own_process, keep, peak_mib, rounded, shown_fit

from steer import cli

AXES = {
    "response length": (16, 32, 64, 128, 256, 512),
    "responses": (32, 64, 128, 256, 512, 1024),
    "runs": (2, 4, 8, 16, 32),
    "generations": (4_000, 8_000, 16_000, 32_000, 64_000),
}
SAMPLES, WIDTH = 8, 24
STEPS = 60
RUNS, EVALUATIONS, BENCHMARKS = 4, 6, 5  # base and oracle are evaluated too


def timed(action: Callable[[], Any]) -> dict[str, float]:
    before, started = peak_mib(), time.perf_counter()
    action()
    return {"seconds": time.perf_counter() - started, "peak_mib": max(peak_mib() - before, 0.0)}


def update(count: int, length: int) -> dict[str, dict[str, float]]:
    """One update with scoring of `count` responses of `length` tokens by the tiny model."""
    import torch
    from speed import TINY, prompts_of

    from steer.configs.schema import Training
    from steer.methods import load_method
    from steer.models.forward import Sequences
    from steer.models.load import new_model
    from steer.models.statistics import policy_statistics
    from steer.models.tokenizer import character_tokenizer
    from steer.train.update import Batch, run_updates

    torch.set_num_threads(2)
    model = new_model(TINY, character_tokenizer(), seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)

    def step(count: int, length: int) -> None:
        prompts = [p for p in prompts_of(count // SAMPLES, WIDTH) for _ in range(SAMPLES)]
        sequences = Sequences.from_lists(prompts, prompts_of(count, length), 0)
        training = Training(steps=1, prompts=count // SAMPLES, rollouts=SAMPLES, updates=1)
        with torch.no_grad():
            old = policy_statistics(model, sequences, training)
        group = torch.arange(count // SAMPLES).repeat_interleave(SAMPLES)
        advantage = torch.randn(count, generator=torch.Generator().manual_seed(0))
        batch = Batch(sequences, old, advantage, group, torch.ones(count, dtype=torch.bool))
        run_updates(model, optimizer, load_method("grpo"), batch, training, torch.Generator().manual_seed(0))

    step(SAMPLES, 8)
    first = timed(lambda: step(count, length))
    repeats = [timed(lambda: step(count, length))["seconds"] for _ in range(3)]
    return {"update": {"seconds": min(repeats), "peak_mib": first["peak_mib"]}}


def results(runs: int, generations: int) -> dict[str, dict[str, float]]:
    """`steer tabulate`, `plot` and `report` on invented results of `runs` runs with so many responses in all."""
    sys.path.append(str(FOLDER.parent / "tests"))
    from fake_results import write_fake_results

    from steer.analyse import accuracy, claims, render, tables  # noqa: F401  # imports are not what is measured
    from steer.figures import lines  # noqa: F401
    from steer.report import collect, page  # noqa: F401

    methods = {f"run{i}": {"method": "grpo", "label": f"run {i}"} for i in range(runs)}
    questions = generations // ((runs + EVALUATIONS - RUNS) * BENCHMARKS * 4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fake_results(folder, methods, seeds=(0,), steps=STEPS, questions=questions)
        given = ["--config", str(folder / "config.yaml")]
        tables_, page_ = str(folder / "tables"), str(folder / "report/index.html")
        commands = {
            "tabulate": ["tabulate", *given, "--results", name, "--out", tables_],
            "plot": ["plot", "FE_policy_entropy", *given, "--tables", tables_, "--out", str(folder / "figures")],
            "report": ["report", *given, "--results", name, "--out", page_],
        }
        return {command: timed(lambda words=words: quietly(words)) for command, words in commands.items()}


def quietly(words: list[str]) -> None:
    with redirect_stdout(io.StringIO()):
        if cli.main(words):
            raise RuntimeError(f"steer {words[0]} failed")


def one(axis: str, size: int) -> dict[str, dict[str, float]]:
    if axis == "response length":
        return update(64, size)
    if axis == "responses":
        return update(size, 32)
    if axis == "runs":
        return results(size, 160 * (size + EVALUATIONS - RUNS) * BENCHMARKS)
    return results(RUNS, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=2, metavar=("AXIS", "SIZE"))
    parser.add_argument("--sizes", type=int, default=9, help="at most so many of each axis")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]))))
        return
    axes = []
    for axis, sizes in AXES.items():
        sizes = sizes[: args.sizes]
        found = {size: in_own_process("growth.py", "--one", axis, size) for size in sizes}
        for what in found[sizes[0]]:
            rows = [{axis: size, **found[size][what]} for size in sizes]
            fits = {kind: fit(sizes, [row[kind] for row in rows]) for kind in ("seconds", "peak_mib")}
            axes.append({"what": what, "over": axis, "rows": rows, "fits": fits})
            print(f"{what} over {axis}")
            for row in rows:
                print(f"    {row[axis]:7} {row['seconds']:9.3f} s {row['peak_mib']:9.0f} MiB")
            print(f"    time {shown_fit(fits['seconds'])}; memory {shown_fit(fits['peak_mib'])}", flush=True)
    keep("growth", {"axes": rounded(axes)})


if __name__ == "__main__":
    main()
