"""`steer verl-command`: the command line that a run with `engine: verl` comes down to, without starting anything."""

import argparse
import shlex

from steer.configs.load import add_config_argument, config_from
from steer.engines.verl.overrides import planned_command


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--run", required=True, help="entry of the configuration's `methods`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="let verl compose and check it; Ray is not started")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    line = planned_command(config, args.config, args.run, args.seed)
    if args.check:
        from steer.engines.verl.launch import check, verl_python

        check(verl_python(), line[3:], config.verl.ray_address)
    print(" \\\n  ".join([shlex.join(line[:3]), *map(shlex.quote, line[3:])]))
