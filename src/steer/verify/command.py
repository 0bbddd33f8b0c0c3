"""`steer verify math` and `steer verify code`: read pairs or programs from standard input, write verdicts."""

import argparse

from steer.verify.code import command as code
from steer.verify.math import command as math


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    math.configure(kinds.add_parser("math", help="grade {id, gold, response, type?} lines"))
    code.configure(kinds.add_parser("code", help="judge {id, program, tests, time_limit_s?, memory_limit_mb?} lines"))


def run(args: argparse.Namespace) -> int | None:
    return {"math": math, "code": code}[args.kind].run(args)
