"""`steer verify math`: pairs in on standard input, one verdict a line out, in the same order.

    {"id", "gold", "response", "type"?}  ->  {"id", "verdict", "extracted", "reason", "seconds"}

A line that cannot be read has its own `unverifiable` verdict and never stops the rest.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from steer.verify.math.verifier import MathVerdict, MathVerifier

BATCH = 512


def configure(parser: argparse.ArgumentParser) -> None:
    default = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, default=default, help="comparing processes (default: one a core)")


def read(line: bytes) -> tuple[Any, tuple[str, str, str | None] | str]:
    """The id of a line (None where it has none) and its pair, or what is wrong with it."""
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "the line is not UTF-8"
    except (json.JSONDecodeError, RecursionError):
        return None, "the line is not JSON"
    except ValueError as error:  # an integer of thousands of digits
        return None, f"the line cannot be read ({error})"
    if not isinstance(row, dict):
        return None, "the line is not a JSON object"
    identity = row.get("id")
    for name in ("gold", "response"):
        value = row.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            row[name] = str(value)
        elif not isinstance(value, str):
            return identity, f"field {name!r} is missing or not a string"
    kind = row.get("type")
    if kind is not None and not isinstance(kind, str):
        return identity, "field 'type' is not a string"
    return identity, (row["gold"], row["response"], kind)


def grade(lines: Iterable[bytes], workers: int) -> Iterator[dict[str, Any]]:
    """Verdict rows for lines of JSON."""
    lines = (line for line in lines if line.strip())
    with MathVerifier(workers) as verifier:
        while batch := [read(line) for line in islice(lines, BATCH)]:
            verdicts = iter(verifier.verify([pair for _, pair in batch if not isinstance(pair, str)]))
            for identity, pair in batch:
                v = MathVerdict("unverifiable", None, pair, 0.0) if isinstance(pair, str) else next(verdicts)
                yield {"id": identity, **vars(v)}


def run(args: argparse.Namespace) -> None:
    for row in grade(sys.stdin.buffer, max(1, args.workers)):
        # escaped, so that no control character or lone surrogate of a response can break the output
        sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
