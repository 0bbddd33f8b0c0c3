"""Read JSON: TRL's `trainer_state.json`, verl's file logger, W&B's summary, and JSON lines with flat objects."""

import json
from collections.abc import Iterator

from steer.errors import UserError
from steer.outside import settings
from steer.outside.console import numbers
from steer.outside.records import CLOCKS, LARGEST, Log, Record

STEPS = ("step", "_step", "train/global_step", "training/global_step", "global_step", "training_step")


def state(document: dict, name: str, log: Log) -> Iterator[Record]:
    """TRL's `trainer_state.json`. Its `step` counts optimizer updates."""
    log.step_counts = "optimizer updates"
    log.settings |= settings.of_trl(document)
    planned = document.get("max_steps")
    log.planned = planned if isinstance(planned, int) and planned > 0 else log.planned
    for entry in document["log_history"]:
        if isinstance(entry, dict) and "train_runtime" not in entry and _step(entry) is not None:
            yield Record(_step(entry), numbers({k: v for k, v in entry.items() if k != "step"}))


def summary(document: dict, name: str, log: Log) -> Iterator[Record]:
    """W&B's `wandb-summary.json`: the last value of each key, one point and no curve."""
    log.notes.append(f"{name}: a summary has the last values alone, one point and no curve")
    flat = {key: value for key, value in document.items() if not key.startswith("_")}
    step = _step(document)
    if step is None:
        raise UserError(f"{name}: no `_step`; give a W&B summary, TRL's trainer_state.json or a log of JSON lines")
    yield Record(step, numbers(flat))


def lines(data: bytes, name: str, log: Log) -> Iterator[Record]:
    """Read JSON lines: flat objects with a step, or verl's `{"step": …, "data": {…}}`. Drops a truncated last line."""
    texts = data.decode("utf-8", "replace").removesuffix("\n").split("\n")
    log.lines += len(texts)
    for place, text in enumerate(texts):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            if place == len(texts) - 1:
                log.notes.append(f"{name}: cut inside its last line; the steps before it are whole")
                return
            raise UserError(f"{name}, line {place + 1}: not JSON; mend or remove the line") from None
        if not isinstance(row, dict):
            raise UserError(f"{name}, line {place + 1}: no object; write one JSON object a line")
        step = _step(row)
        if step is None:
            continue
        values = row["data"] if isinstance(row.get("data"), dict) else row
        kept = numbers({key: value for key, value in values.items() if key not in CLOCKS})
        if "rollout_weights" in values and isinstance(values["rollout_weights"], str):
            kept["rollout_weights"] = values["rollout_weights"]  # a checksum
        if kept:
            yield Record(step, kept)


def _step(row: dict) -> int | None:
    for key in STEPS:
        value = row.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and 0 <= value < LARGEST and value == int(value):
            return int(value)
    return None
