"""`steer import`: convert the log of a run made elsewhere into a run folder with our names and units."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

import yaml

from steer.errors import UserError
from steer.io import atomic_directory, atomic_write, sha256, write_json, write_jsonl
from steer.outside.read import FORMATS, read
from steer.outside.settings import parse_map
from steer.outside.translate import translate
from steer.outside.validation import split

FILES = ("metrics.jsonl", "validation.jsonl", "config.yaml", "import.json")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logs", nargs="+", metavar="LOG", help="file or TensorBoard folder; several are parts of one run"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run folder to write")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="format of the log (default: detected)")
    parser.add_argument(
        "--map", action="append", nargs="+", default=[], metavar="THEIRS=OURS", help="read their key as our metric"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the run's seed (default: that of a folder seedN, else the log's, else 0)"
    )


def run(args: argparse.Namespace) -> None:
    asked = parse_map([pair for pairs in args.map for pair in pairs])
    about = import_run(args.logs, Path(args.out), args.format, asked, args.seed)
    replaced = f", {about['steps_replaced']} replaced after a resume" if about["steps_replaced"] else ""
    mapped, steps = len(about["keys_mapped"]), about["steps"]
    keys = f"{mapped} key{'' if mapped == 1 else 's'} mapped, {len(about['keys_left'])} left under other/"
    print(f"{args.out}: {steps} step{'' if steps == 1 else 's'} from {about['format']}{replaced}; {keys}")
    for note in about["notes"]:
        print(note)


def import_run(
    logs: list[str],
    out: Path,
    form: str = "auto",
    asked: dict[str, str] | None = None,
    seed: int | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Write the run folder `out`; return the content of import.json."""
    if seed is not None and not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed}: seeds are whole numbers from 0; leave it out to take the log's")
    if not out.name:
        raise UserError(f"--out {out}: name the run folder itself, such as {out / 'mine'}")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file is in the folder's place; remove it or name another folder")
    if out.is_dir() and (strange := sorted(set(os.listdir(out)) - set(FILES))):
        raise UserError(f"{out}: holds other things ({strange[0]}); name a new folder or one that an import wrote")
    log, trainer, files = read(logs, form)
    validations, taken = split(log.rows, trainer)
    rows, mapped, left = translate(log, trainer, asked or {}, taken)
    if not rows and not validations:
        raise UserError(f"{logs[0]}: no metrics in it; give a log with step lines")
    steps = [row["step"] for row in rows]
    if log.planned and steps and steps[-1] < log.planned:
        log.notes.append(f"unfinished: {steps[-1]} of {log.planned} steps")
    one = len(files) == 1
    about = {
        "file": files[0].name if one else [path.name for path in files],
        "sha256": sha256(files[0]) if one else [sha256(path) for path in files],
        "format": log.format,
        "trainer": trainer,
        "lines_read": log.lines,
        "steps": len(rows),
        "first_step": steps[0] if steps else None,
        "last_step": steps[-1] if steps else None,
        "steps_planned": log.planned,
        "step_counts": log.step_counts,
        "steps_replaced": len(log.replaced),
        "keys_mapped": mapped,
        "keys_left": left,
        "notes": log.notes,
    }
    of_seed = re.fullmatch(r"seed(\d{1,9})", out.name)  # runs/grpo/seed3 is a seed of grpo
    said = log.settings.pop("seed", None)
    said = said if type(said) is int else None
    if seed is None and of_seed:
        seed = int(of_seed[1])
        if said not in (None, seed):
            log.notes.append(f"the log's seed is {said}; the folder {out.name} makes it seed {seed} here")
    seed = seed if seed is not None else said or 0
    name = out.resolve().parent.name if of_seed else out.name
    settings = {"run": name, "label": label or name, "seed": seed, "imported": trainer, **log.settings}
    with atomic_directory(out) as folder:
        write_jsonl(folder / "validation.jsonl", validations)
        atomic_write(folder / "config.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        write_json(folder / "import.json", about)
        write_jsonl(folder / "metrics.jsonl", rows)
    return about
