"""Cost of a training step of each method: its wall time and the share of each phase."""

import math

import pandas as pd

from steer.analyse.collect import Collected
from steer.analyse.render import Cell, Table, number
from steer.analyse.tables import missing_notes, scale_note

PHASES = ("sync", "rollout", "verify", "logprob", "update")  # the metrics `seconds_<phase>`
COLUMNS = ["run", "label", "seeds", "steps", "seconds", "seconds_low", "seconds_high", "times_first"]
COLUMNS += [*(f"share_{phase}" for phase in PHASES), "memory_gb"]


def step_times(collected: Collected) -> pd.DataFrame:
    """Make one row per trained run that logs its step times.

    `seconds`: mean over the steps of all seeds; `_low`, `_high`: smallest and largest mean of a seed; `times_first`:
    relative to the first run. `share_<phase>`: seconds of the phase over seconds of the steps, NaN if a trainer does
    not log it. `memory_gb`: the largest `memory_gb_<phase>` (10^9 bytes), NaN without a GPU.
    """
    rows: list[dict] = []
    curves = collected.curves
    timed = curves.dropna(subset="seconds") if "seconds" in curves else curves.head(0)
    memory = [name for name in timed if name.startswith("memory_gb_")]
    for run, frame in timed.groupby("run", sort=False):
        by_seed = frame.groupby("seed")["seconds"].mean()
        mean, total = frame["seconds"].mean(), frame["seconds"].sum()
        row = {"run": run, "label": collected.labels[run], "seeds": len(by_seed), "steps": len(frame)}
        row |= {"seconds": mean, "seconds_low": by_seed.min(), "seconds_high": by_seed.max()}
        row["times_first"] = mean / rows[0]["seconds"] if rows else 1.0
        for phase in PHASES:
            said = frame.get(f"seconds_{phase}", pd.Series(dtype=float))
            row[f"share_{phase}"] = said.sum(min_count=1) / total
        row["memory_gb"] = frame[memory].max().max() if memory else math.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def step_time_table(collected: Collected, frame: pd.DataFrame) -> Table:
    """Tabulate seconds per step by run, relative to the first run, and the share of each phase."""
    shown = [phase for phase in PHASES if (frame[f"share_{phase}"] > 5e-4).any()]
    memory = frame["memory_gb"].notna().any()
    header = ["method", "steps", "seconds a step", "times the first", *(f"{phase}, %" for phase in shown)]
    header += ["memory, GB"] if memory else []
    cells = []
    for row in frame.to_dict("records"):
        ends = [number(row[f"seconds_{end}"], ".3g") for end in ("low", "high")]
        spread = "" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]})"
        line = [row["label"], str(row["steps"]), number(row["seconds"], ".3g") + spread]
        line += [number(row["times_first"], ".2f")]
        line += [number(row[f"share_{phase}"], ".1f", 100) for phase in shown]
        cells.append([Cell(text) for text in line + ([number(row["memory_gb"], ".1f")] if memory else [])])
    notes = [
        "Wall time, including the effect of other work on the machine; in brackets the fastest and the slowest seed. "
        "Phases: share of the steps' time; verify is the time that judging adds to sampling.",
    ]
    waited = (frame["share_verify"] * frame["seconds"] * frame["steps"]).sum()
    if total := (frame["seconds"] * frame["steps"])[frame["share_verify"].notna()].sum():
        notes.append(f"Over all these steps {100 * waited / total:.1f} % of the time waited for verdicts.")
    notes += missing_notes(collected)
    return Table("E_time", f"Time per training step. {scale_note(collected)}", frame, header, cells, notes)
