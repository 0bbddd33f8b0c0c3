"""Training metrics as columns, packed separately: a page with many runs unpacks only what is drawn."""

import math
from typing import Any

import pandas as pd

from steer.diagnose.axes import AXES, READ, SCALE, along
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
    """`metric-<i>`, each `{"<run>/<seed>": [one value per step, null if there is none]}`."""
    seeds = {f"{run.name}/{seed.seed}": seed.steps for run in runs for seed in run.seeds if seed.steps}
    chunks = {}
    for index, name in enumerate(names):
        chunks[f"metric-{index}"] = pack({key: [number(row.get(name)) for row in rows] for key, rows in seeds.items()})
    return chunks


def axis_chunks(runs: list[Run]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return what the curves can be drawn against, and `axis-<name>` with the values: one a step, as `metric-<i>`.

    Each axis has `name`, `label` and `notes`, a sentence for each seed whose log lacks it in part or whole. An axis
    that no log has is left out.
    """
    axes, chunks = [], {}
    for axis, label in AXES.items():
        values, notes = {}, {}
        for run in runs:
            for seed in run.seeds:
                if not seed.steps:
                    continue
                rows = [{name: number(row.get(name), 12) for name in READ} for row in seed.steps]
                series, note = along(pd.DataFrame(rows, dtype=float), seed.info, axis)
                key = f"{run.name}/{seed.seed}"
                if note:
                    notes[key] = note
                if series is not None:
                    # A step is also the name of its row, so all its digits count.
                    digits = 15 if axis == "step" else 6
                    values[key] = [number(value, digits) for value in (series * SCALE[axis]).tolist()]
        if values or axis == "step":
            axes.append({"name": axis, "label": label, "notes": notes})
            chunks[f"axis-{axis}"] = pack(values)
    return axes, chunks


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
