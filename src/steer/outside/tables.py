"""Read CSV files: W&B's panels and histories, tables with one column per metric or one row per value."""

import csv
import io
import re
from collections.abc import Iterator

import pandas as pd

from steer.errors import UserError
from steer.outside.records import LARGEST, Log, Record

csv.field_size_limit(2**31 - 1)  # a column of sampled text has long cells
AXES = ("step", "_step", "global_step", "train/global_step", "training/global_step", "trainer/global_step", "Step")


def records(data: bytes, name: str, log: Log) -> Iterator[Record]:
    """Read the steps of a CSV file, in order."""
    table = _table(data, name, log)
    if {"metric", "value"} <= set(table.columns):
        table = _wide(table, name)
    if {"Name", "State"} <= set(table.columns):
        raise UserError(
            f"{name}: a table of runs with their last values, no history; export a panel or `run.history()`"
        )
    axis = _axis(table, name)
    table = _panel(table, axis, name)
    one_run(table, name)
    if "seed" in table.columns:
        seeds = {_number(text) for text in table.pop("seed")} - {None}  # one at most, as of one run
        log.settings["seed"] = next((int(s) for s in seeds if abs(s) < LARGEST and s == int(s)), None)
    for row in table.to_dict("records"):
        step = _number(row.pop(axis))
        if step is None:
            continue
        if not 0 <= step < LARGEST or step != int(step):
            raise UserError(f"{name}: `{axis}` is {step:g}; a step is a whole number, export with steps as x axis")
        values = {key: _number(text) for key, text in row.items()}
        yield Record(int(step), {key: value for key, value in values.items() if value is not None})


def _table(data: bytes, name: str, log: Log) -> pd.DataFrame:
    """Read the cells, all as text. A last row with too few is a cut end; all others have as many as the header."""
    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if "".join(row).strip()]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{name}: no readable CSV ({error}); export it again") from None
    if not rows:
        raise UserError(f"{name}: no metrics in it; its cells are empty")
    (_, header), *body = rows
    if len(header) == 1 and (other := next((mark for mark in ";\t" if mark in header[0]), None)):
        raise UserError(f"{name}: its columns are separated by {other!r}; export it with commas")
    log.lines += len(rows)
    if twice := [column for column in header if header.count(column) > 1]:
        raise UserError(f"{name}: two columns `{twice[0]}`, as of two runs with one name; export a file for each")
    if body and len(body[-1][1]) < len(header):
        log.notes.append(f"{name}: cut inside its last line; the steps before it are whole")
        del body[-1]
    elif body and not data.rstrip(b" \t").endswith((b"\n", b"\r")):
        log.notes.append(f"{name}: the last line has no end, so its last value may lack digits")
    for line, row in body:
        if len(row) != len(header):
            cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}, the header has {len(header)}"
            raise UserError(f"{name}, line {line}: no readable CSV, {cells}; correct or remove the line")
    return pd.DataFrame([row for _, row in body], columns=header, dtype=str)


def _axis(table: pd.DataFrame, name: str) -> str:
    for axis in AXES:
        if axis in table.columns:
            return axis
    raise UserError(f"{name}: no column of steps; name it `step` or `_step`, or export with steps as x axis")


def _panel(table: pd.DataFrame, axis: str, name: str) -> pd.DataFrame:
    """Turn W&B's panel into a table of metrics (`run - metric`, not `…__MIN` and `…__MAX`); others are unchanged."""
    spread = {column for column in table.columns if column.endswith(("__MIN", "__MAX"))}
    # Some leave out the columns of the spread; those of a history are seldom all named `run - metric`.
    if not spread and not all(" - " in column for column in table.columns.drop(axis)):
        return table
    names = {c: c.rpartition(" - ") for c in table.columns if c not in spread and " - " in c}
    runs = sorted({run for run, _, _ in names.values()})
    if len(runs) > 1:
        raise UserError(f"{name}: two runs in one file: {', '.join(runs[:3])}; export a panel for each")
    return table[[axis, *names]].rename(columns={column: metric for column, (_, _, metric) in names.items()})


def _wide(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Turn one row per value (`step, metric, value`) into one row per step; constant other columns identify the run."""
    axis = _axis(table, name)
    one_run(table, name)
    wide = table.pivot_table(index=axis, columns="metric", values="value", aggfunc="last", sort=False).reset_index()
    wide = wide.fillna("")
    if "seed" in table.columns:
        wide["seed"] = max(table["seed"])  # the only one, some cells may be empty
    return wide.iloc[pd.to_numeric(wide[axis], errors="coerce").argsort(kind="stable")]


def one_run(table: pd.DataFrame, name: str) -> None:
    """Raise `UserError` if the table's columns name several runs."""
    for column in ("run", "Name", "run_id", "run_name", "seed"):
        values = sorted(set(table[column]) - {""}) if column in table.columns else []
        if len(values) > 1:
            shown = ", ".join(values[:3])
            raise UserError(f"{name}: two runs in one file: column `{column}` has {shown}; write a file for each")


def _number(text: str) -> float | None:
    """Return the number in a cell; None for an empty one and for text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(text) if re.fullmatch(r"[+-]?\d{1,15}", text.strip()) else value
