"""Check that a baseline's `metrics.jsonl` can be tabulated and plotted."""

import math
from pathlib import Path
from typing import Any

from steer.errors import UserError


def check_metrics(rows: list[dict[str, Any]], path: Path) -> None:
    """Raise `UserError` for the first line with an invalid or repeated step or a value that is not a number."""
    seen: set[int] = set()
    for line, row in enumerate(rows, 1):
        step, where = row.get("step"), f"{path}, line {line}"
        if type(step) is not int or step < 1:
            raise UserError(f"{where}: step {step!r}; steps are whole numbers from 1 (docs/metrics.md)")
        if step in seen:
            raise UserError(f"{where}: step {step} a second time; write one line a step, after a resume the later one")
        seen.add(step)
        for name, value in row.items():
            if name == "rollout_weights" or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{where}: `{name}` is {value!r}; write a number, or null where there is none")
            if not math.isfinite(value):
                raise UserError(f"{where}: `{name}` is {value}; write null where there is no number")
