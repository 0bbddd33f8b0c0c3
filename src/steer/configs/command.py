"""`steer config`: check a configuration (methods included) and write it fully resolved."""

import argparse

from steer.configs.load import add_config_argument, config_from, dump
from steer.io import atomic_write


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--out", metavar="FILE", help="where to write it; absent: standard output")


def run(args: argparse.Namespace) -> None:
    text = dump(config_from(args))
    if args.out:
        atomic_write(args.out, text)
    else:
        print(text, end="")
