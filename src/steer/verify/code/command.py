"""`steer verify code`: read programs from standard input, write verdicts, one JSON object per line."""

import argparse
import codecs
import json
import os
import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from steer.errors import UserError
from steer.verify.code.isolate import LAYERS
from steer.verify.code.program import MAX_DIGITS, CodeVerdict, from_row
from steer.verify.code.sandbox import Sandbox

AHEAD = 256  # lines read before their verdicts are due


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=None, help="parallel judges (default: all cores)")
    parser.add_argument(
        "--probe", action="store_true", help="print which isolation layers this machine supports and exit"
    )
    parser.add_argument(
        "--require", action="append", default=[], metavar="LAYER", help="refuse to run without this layer"
    )


def run(args: argparse.Namespace) -> int:
    if args.workers is not None and args.workers < 1:
        raise UserError("--workers: must be at least 1")
    if args.probe:
        return probe(tuple(args.require))
    sys.set_int_max_str_digits(MAX_DIGITS)
    with Sandbox(args.workers, tuple(args.require)) as sandbox:
        try:
            for row in verdicts(sys.stdin.buffer, sandbox):
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()
        except BrokenPipeError:  # the reader of the verdicts has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def probe(require: tuple[str, ...]) -> int:
    """Print each layer with `active`, or why it is missing."""
    with Sandbox(1, require) as sandbox:
        for layer in LAYERS:
            print(f"{layer:18} {'missing: ' + sandbox.missing[layer] if layer in sandbox.missing else 'active'}")
    return 0


def verdicts(lines: Iterable[bytes], sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """Yield one row per line, in order, as soon as it is known; lines are read ahead while programs run."""
    asked: queue.Queue[Future | None] = queue.Queue(AHEAD)
    answer = ThreadPoolExecutor(sandbox.workers, thread_name_prefix="lines")

    def read() -> None:
        try:
            for number, line in enumerate(lines):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
                asked.put(answer.submit(_row, line, sandbox))
        finally:
            asked.put(None)

    threading.Thread(target=read, daemon=True).start()
    with answer:
        while (row := asked.get()) is not None:
            yield row.result()


def _row(line: bytes, sandbox: Sandbox) -> dict[str, Any]:
    name, program = _parse(line)
    verdict = program if isinstance(program, CodeVerdict) else sandbox.judge([program])[0]
    return {
        "id": name,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "cpu_seconds": round(verdict.cpu_seconds, 4),
        "wall_seconds": round(verdict.wall_seconds, 4),
    }


def _parse(line: bytes) -> tuple[Any, Any]:
    """Return the line's id with its program, or with a verdict that describes an error in the line."""
    name = None
    try:
        row = json.loads(line)
        name = _name(row.get("id")) if isinstance(row, dict) else None
        return name, from_row(row)
    except UserError as error:
        return name, CodeVerdict("sandbox_error", f"bad input: {error}")
    except (ValueError, RecursionError) as error:
        return name, CodeVerdict("sandbox_error", f"bad input: not a line of JSON ({error})")


def _name(name: Any) -> Any:
    """Return an id that can be written again: JSON has no `Infinity`, which Python reads from 1e400."""
    try:
        json.dumps(name, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return name
