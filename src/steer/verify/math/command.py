"""`steer verify math`: read pairs from standard input, write one verdict per line, in the same order.

    {"id", "gold", "response", "type"?}  ->  {"id", "verdict", "extracted", "reason", "seconds", "reading"}

A line that cannot be read, including a blank one, gets an `unverifiable` verdict and never stops the rest. Verdicts
appear as soon as they are ready, so that a program can write a line and wait for its verdict.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from steer.verify.math.verifier import Accept, MathVerdict, MathVerifier

BATCH = 256  # lines that are compared in parallel before their verdicts are printed
BOM = b"\xef\xbb\xbf"


def configure(parser: argparse.ArgumentParser) -> None:
    default = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, default=default, help="comparison processes (default: one per core)")
    parser.add_argument(
        "--accept",
        choices=("stated", "guessed"),
        default="guessed",
        help="stated: count only answers that the response states; guessed: also its last number or formula",
    )


def _finite(literal: str) -> float | str:
    """Return a JSON number, as text if a float cannot hold it: `1e400` would be printed as `Infinity`."""
    value = float(literal)
    return value if math.isfinite(value) else literal


def _no_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)


def read(line: bytes) -> tuple[Any, tuple[str, str, str | None] | str]:
    """Return the id of a line (None without one) and its pair, or an error description."""
    if not line.strip():
        return None, "the line is blank"
    try:
        row = json.loads(line.decode("utf-8"), parse_float=_finite, parse_constant=_no_constant)
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


def arriving(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of a stream as they arrive, up to `BATCH` at a time: a writer may wait for each verdict."""
    begun, mark = [], BOM  # pieces of a line that has not ended, and what the first line may begin with
    while data := stream.read1(1 << 16):
        if b"\n" not in data:
            begun.append(data)
            continue
        *lines, rest = (b"".join(begun) + data).split(b"\n")
        begun = [rest]
        lines[0], mark = lines[0].removeprefix(mark), b""
        yield from (lines[at : at + BATCH] for at in range(0, len(lines), BATCH))
    if last := b"".join(begun).removeprefix(mark):
        yield [last]


def grade(batches: Iterable[list[bytes]], workers: int, accept: Accept = "guessed") -> Iterator[list[dict[str, Any]]]:
    """Return one verdict row per line of JSON, in order. `accept`: the readings that count."""
    with MathVerifier(workers) as verifier:
        for batch in batches:
            found = [read(line) for line in batch]
            verdicts = iter(verifier.verify([pair for _, pair in found if not isinstance(pair, str)]))
            yield [
                {"id": identity}
                | vars(
                    MathVerdict("unverifiable", None, pair, 0.0)
                    if isinstance(pair, str)
                    else next(verdicts).counted(accept)
                )
                for identity, pair in found
            ]


def _line(row: dict[str, Any]) -> str:
    # escaped, so that no control character or lone surrogate of a response can break the output
    try:
        return json.dumps(row, allow_nan=False)
    except RecursionError:  # an id nested deeper than the writer goes, though not the reader
        return json.dumps(row | {"id": None})


def run(args: argparse.Namespace) -> None:
    for rows in grade(arriving(sys.stdin.buffer), max(1, args.workers), args.accept):
        sys.stdout.write("".join(_line(row) + "\n" for row in rows))
        sys.stdout.flush()
