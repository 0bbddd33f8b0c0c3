"""Compare several results folders of one experiment, for example on different base models.

The intervals in a folder's tables cover new questions for the models trained there. Here each folder is one
observation, so the intervals cover new folders: mean and 95 % interval of Student's t over folders.
"""

import csv
import io
from pathlib import Path
from typing import Any

from steer.analyse.statistics import run_mean
from steer.errors import UserError
from steer.io import atomic_write, read_runs

TABLE = "T0_claims.csv"
# Column of the claims table, its name here, and the factor to the unit shown.
SHOWN = {
    "gain": ("accuracy, points over the base model", 100.0),
    "entropy_last": ("final entropy, nats", 1.0),
    "entropy_change": ("entropy, percent of the first step's", 100.0),
    "pass_gain": ("pass@{k}, points over the base model", 100.0),
}


def over_folders(folders: list[str]) -> list[dict[str, Any]]:
    """Return a row for every run that all folders have, and for its difference from the first run.

    Columns: `run`, `label`, `against`, `what`, `mean`, `low`, `high` (NaN with one folder) and `values`, one per
    folder.
    """
    tables = [read_runs(Path(folder, "tables", TABLE), SHOWN) for folder in folders]
    runs = [run for run in tables[0] if all(run in table for table in tables)]
    if not runs:
        raise UserError(f"{', '.join(folders)}: no run is in all of them")
    rows, samples = [], {table[runs[0]].get("pass_k") or "k" for table in tables}
    if len(samples) > 1:
        raise UserError(f"{', '.join(folders)}: pass@k is of k {', '.join(sorted(samples))}; compare folders of one k")
    samples = samples.pop()
    for column, (what, scale) in SHOWN.items():
        values = {run: [scale * float(table[run][column] or "nan") for table in tables] for run in runs}
        against = [(run, "", values[run]) for run in runs]
        for run in runs[1:]:
            pairs = zip(values[run], values[runs[0]], strict=True)
            against.append((run, runs[0], [mine - first for mine, first in pairs]))
        for run, other, found in against:
            mean, low, high = interval(found)
            row = {"run": run, "label": tables[0][run]["label"], "against": other, "what": what.format(k=samples)}
            rows.append(row | {"mean": mean, "low": low, "high": high, "values": found})
    return rows


def interval(values: list[float]) -> tuple[float, float, float]:
    """Compute mean and interval over folders, with each folder as one run."""
    estimate = run_mean(values)
    return estimate.value, *estimate.interval()


def shown(rows: list[dict[str, Any]], folders: list[str]) -> str:
    """Format the rows as text, by quantity."""
    lines = [f"{len(folders)} folders: {', '.join(folders)}", "mean [95 % interval over folders]; each folder's value"]
    names = [row["label"] + (f" - {row['against']}" if row["against"] else "") for row in rows]
    width = max(map(len, names))
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        if i == 0 or rows[i - 1]["what"] != row["what"]:
            lines += ["", row["what"]]
        digits = 3 if "nats" in row["what"] else 1
        values = " ".join(f"{value:+.{digits}f}" for value in row["values"])
        mean, low, high = (f"{row[key]:+.{digits}f}" for key in ("mean", "low", "high"))
        lines.append(f"{name:{width}}  {mean:>7} [{low}, {high}]".ljust(width + 30) + values)
    return "\n".join(lines)


def write(rows: list[dict[str, Any]], folders: list[str], path: str) -> None:
    """Write the rows as CSV, with a column for each folder."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["run", "label", "against", "what", "mean", "low", "high", *(Path(f).name for f in folders)])
    for row in rows:
        cells = [row[name] for name in ("run", "label", "against", "what")]
        numbers = [*(row[name] for name in ("mean", "low", "high")), *row["values"]]
        writer.writerow([*cells, *(f"{number:.6g}" for number in numbers)])
    atomic_write(path, file.getvalue())
