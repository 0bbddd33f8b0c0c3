"""`steer config`: check a configuration, including methods and benchmark names, and write it with all defaults."""

import argparse

from steer.configs.load import add_config_argument, config_from, dump
from steer.errors import UserError
from steer.io import atomic_write


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--out", metavar="FILE", help="file to write (default: standard output)")


def run(args: argparse.Namespace) -> None:
    from steer.data.known import check_names
    from steer.methods.load import method_settings

    config = config_from(args)
    check_names(config, args.config)
    for name, entry in config.methods.items():
        try:
            method_settings(entry.method or name, entry.set)
        except UserError as error:
            raise UserError(f"{args.config}: key `methods.{name}`: {error}") from None
    text = dump(config)
    if args.out:
        atomic_write(args.out, text)
    else:
        print(text, end="")
