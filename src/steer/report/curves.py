"""Training metrics as columns, packed separately: a page with many runs unpacks only what is drawn."""

import math
from typing import Any

from steer.report.chunks import number, pack
from steer.report.collect import Run

FIRST = ("entropy", "accuracy", "reward", "response_length", "gradient_norm")


def metric_names(runs: list[Run]) -> list[str]:
    """List fields of `metrics.jsonl` with a number in some step: a few important ones first, then in file order."""
    seen: dict[str, None] = {}
    for row in (row for run in runs for seed in run.seeds for row in seed.steps):
        for name, value in row.items():
            if name != "step" and name not in seen and _is_number(value):
                seen[name] = None
    return [*(name for name in FIRST if name in seen), *(name for name in seen if name not in FIRST)]


def metric_chunks(runs: list[Run], names: list[str]) -> dict[str, str]:
    """`steps` and `metric-<i>`, each `{"<run>/<seed>": [one value a step, null where there is none]}`."""
    seeds = {f"{run.name}/{seed.seed}": seed.steps for run in runs for seed in run.seeds if seed.steps}
    chunks = {"steps": pack({key: [row["step"] for row in rows] for key, rows in seeds.items()})}
    for index, name in enumerate(names):
        chunks[f"metric-{index}"] = pack({key: [number(row.get(name)) for row in rows] for key, rows in seeds.items()})
    return chunks


def not_finite(runs: list[Run]) -> list[str]:
    """Return a sentence for each run with NaN or infinite values, which the curves show as gaps."""
    notes = []
    for run in runs:
        for seed in run.seeds:
            values = (value for row in seed.steps for value in row.values())
            bad = sum(isinstance(value, float) and not math.isfinite(value) for value in values)
            if bad:
                notes.append(f"{run.label}, seed {seed.seed}: {bad} values are NaN or infinite, gaps in the curves")
    return notes


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
