"""`steer verify code`: programs in on standard input, verdicts out, one JSON object a line."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from steer.errors import UserError
from steer.verify.code.isolate import LAYERS
from steer.verify.code.program import MAX_DIGITS, CodeVerdict, from_row
from steer.verify.code.sandbox import Sandbox

BATCH = 256


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, default=None, help="judges at once (default: all cores)")
    parser.add_argument(
        "--probe", action="store_true", help="print which isolation layers this machine allows, and stop"
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
        for batch in _batches(sys.stdin.buffer):
            _judge(batch, sandbox)
    return 0


def probe(require: tuple[str, ...]) -> int:
    """Print each layer with `active`, or why it is missing."""
    with Sandbox(1, require) as sandbox:
        for layer in LAYERS:
            print(f"{layer:18} {'missing: ' + sandbox.missing[layer] if layer in sandbox.missing else 'active'}")
    return 0


def _batches(lines: Any) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        if line.strip():
            batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _judge(lines: list[bytes], sandbox: Sandbox) -> None:
    parsed = [_parse(line) for line in lines]
    judged = iter(sandbox.judge([program for _, program in parsed if not isinstance(program, CodeVerdict)]))
    for name, program in parsed:
        verdict = program if isinstance(program, CodeVerdict) else next(judged)
        row = {
            "id": name,
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "cpu_seconds": round(verdict.cpu_seconds, 4),
            "wall_seconds": round(verdict.wall_seconds, 4),
        }
        sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def _parse(line: bytes) -> tuple[Any, Any]:
    """The line's id with its program, or with a verdict that says what is wrong with the line."""
    name = None
    try:
        row = json.loads(line)
        name = row.get("id") if isinstance(row, dict) else None
        return name, from_row(row)
    except UserError as error:
        return name, CodeVerdict("sandbox_error", f"bad input: {error}")
    except (ValueError, RecursionError) as error:
        return name, CodeVerdict("sandbox_error", f"bad input: not a line of JSON ({error})")
