"""`steer train`: one run of one method with one seed, by the trainer that the configuration's `engine` names.

It is above both trainers, our own (`steer.train.run`) and verl (`steer.engines.verl.launch`), which build on the
settings and problems of a run (`steer.train.settings`, `steer.train.problems`).
"""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager

from steer.configs.load import add_config_argument, config_from, nearest
from steer.errors import UserError
from steer.train.run import train
from steer.verify.responses import Verifier


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--run", required=True, help="entry of the configuration's `methods`")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="base model: folder or hub id")
    parser.add_argument("--data", required=True, metavar="FILE", help="training problems, data/train.jsonl")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run folder to write")
    parser.add_argument("--checkpoints", metavar="FOLDER", help="default: <out>.checkpoints")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace, verifier: Callable[..., AbstractContextManager[Verifier]] | None = None) -> None:
    """Train by the configured engine. `verifier`: as `steer.train.run.train` takes it."""
    config = config_from(args)
    if args.run not in config.methods:
        raise UserError(f"{args.config}: no run {args.run!r} in `methods`{nearest(args.run, config.methods)}")
    if config.engine == "verl":
        from steer.engines.verl import launch

        return launch.train(args, config)
    return train(args, config, verifier)
