"""`steer watch`: show the runs of a results folder in the terminal as they train.

It only reads. `config.yaml` lists the runs, a finished run has its `metrics.jsonl`, and a run in progress appends one
line per step to the `metrics.jsonl` beside its checkpoints.
"""

import argparse
import datetime
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from steer.configs.load import load_config
from steer.configs.schema import Config
from steer.errors import UserError

# A run that writes nothing for this many of its steps (and at least this many seconds) counts as stopped.
SILENT_STEPS, SILENT_SECONDS = 20, 60.0


@dataclass(frozen=True)
class Progress:
    """One run of one seed. `last`: its newest line of metrics; `seconds_left`: at the pace of its last ten steps."""

    run: str
    seed: int
    state: Literal["waiting", "running", "stopped", "trained", "evaluated"]
    step: int
    steps: int
    last: dict[str, Any]
    seconds_left: float | None


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", metavar="DIR", help="the results folder, results/<name>")
    parser.add_argument("--once", action="store_true", help="print the table once instead of keeping it up to date")
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="SECONDS", help="seconds between updates (default 2)"
    )


def run(args: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.live import Live

    results = Path(args.results)
    if not args.every > 0:
        raise UserError(f"--every is {args.every:g}; give a number of seconds above 0")
    if not (results / "config.yaml").is_file():
        raise UserError(f"{results}: no config.yaml there; start the experiment first or correct the folder")
    trains = (results / "runs").is_dir() or any((results / "checkpoints").glob("*/seed*/*/metrics.jsonl"))
    if (results / "tables").is_dir() and not trains:
        raise UserError(f"{results}: tables and no runs, so nothing trains there; read it with `steer compare`")
    config = load_config(results / "config.yaml")
    console = Console()
    if args.once:
        console.print(_table(config, progress(config, results, time.time())))
        return
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                found = progress(config, results, time.time())
                live.update(_table(config, found), refresh=True)
                if (results / "report" / "index.html").is_file() and all(p.state == "evaluated" for p in found):
                    return
                time.sleep(args.every)
    except KeyboardInterrupt:
        return


def progress(config: Config, results: Path, now: float) -> list[Progress]:
    """Return the progress of every run and seed of the configuration, in order; `now` in seconds since the epoch."""
    return [
        _progress(config, results, run, seed, now)
        for run in config.runs
        if run not in config.imported
        for seed in config.seeds
    ]


def _progress(config: Config, results: Path, run: str, seed: int, now: float) -> Progress:
    place = Path(run) / f"seed{seed}"
    total = config.training_for(run).steps
    finished = results / "runs" / place / "metrics.jsonl"
    if finished.is_file():
        lines = _lines(finished)
        graded = any((results / "verdicts" / place).glob("*"))
        return Progress(run, seed, "evaluated" if graded else "trained", len(lines), total, _last(lines), None)
    # Changed configuration or code gets another checkpoint folder: the newest is the current one.
    live = max((results / "checkpoints" / place).glob("*/metrics.jsonl"), key=_modified, default=None)
    lines = _lines(live) if live else []
    if not lines:
        return Progress(run, seed, "waiting", 0, total, {}, None)
    recent = [line["seconds"] for line in lines[-10:] if line.get("seconds")]
    pace = sum(recent) / len(recent) if recent else 0.0
    silent = now - _modified(live) > max(SILENT_SECONDS, SILENT_STEPS * pace)
    left = None if silent else pace * (total - len(lines))
    return Progress(run, seed, "stopped" if silent else "running", len(lines), total, _last(lines), left)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # the run has just finished
        return 0.0


def _lines(path: Path) -> list[dict[str, Any]]:
    """Read the complete lines of a file that may be written or removed meanwhile."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if not isinstance(row, dict):
            break
        found.append(row)
    return found


def _last(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return lines[-1] if lines else {}


def _table(config: Config, found: list[Progress]):
    from rich import box
    from rich.table import Table

    done = sum(p.state in ("trained", "evaluated") for p in found)
    left = [p.seconds_left for p in found if p.seconds_left is not None]
    title = f"{config.name}: {done} of {len(found)} runs trained"
    title += f", the running ones done in {_duration(max(left))}" if left else ""
    caption = "entropy in nats; time left in h:mm:ss"
    # Without padding the longest of our names fits on one line of 80 columns.
    table = Table(title=title, box=box.SIMPLE_HEAD, caption=caption, padding=0, pad_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("seed", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("step", "reward", "accuracy", "entropy", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    for p in found:
        values = [_number(p.last.get(name)) for name in ("reward", "accuracy", "entropy")]
        left = "" if p.seconds_left is None else _duration(p.seconds_left)
        table.add_row(p.run, str(p.seed), p.state, f"{p.step}/{p.steps}", *values, left)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
