"""The problems of a training run: read, relabelled for the control, without over-long prompts."""

import argparse
import sys
from collections.abc import Iterable

from steer.configs.schema import Config
from steer.data.problem import Problem, read_problems
from steer.errors import UserError
from steer.train import parallel
from steer.train.controls import with_wrong_labels
from steer.train.prompts import without_long_prompts


def training_data(args: argparse.Namespace, config: Config) -> list[Problem]:
    """Return the training problems, with other problems' answers if the reward is that control."""
    problems = read_problems(args.data)
    if not problems:
        raise UserError(f"{args.data}: no training problems; make the data again with a larger `data.train_size`")
    for name in config.data.train_shares or ():
        if all(problem.benchmark != name for problem in problems):
            raise UserError(
                f"{args.data}: no problem of the training set {name!r} is left; take it out of `data.train`"
            )
    return with_wrong_labels(problems, args.seed) if config.reward.kind == "wrong-label" else problems


def short_prompts(
    source: str, problems: list[Problem], tokenizer, limit: int, sets: Iterable[str] = ()
) -> list[Problem]:
    """Drop the problems with over-long prompts, as in the papers, and print how many.

    Raises `UserError` if none is left, or none of one of `sets`.
    """
    kept = without_long_prompts(tokenizer, problems, limit)
    gone = sorted(set(sets) - {problem.benchmark for problem in kept})
    if gone or not kept:
        of = f" of the training set {gone[0]!r}" if gone else ""
        raise UserError(f"{source}: no prompt{of} has at most {limit} tokens; raise training.max_prompt_tokens")
    if len(kept) < len(problems) and parallel.is_main():
        dropped = f"{len(problems) - len(kept)} of {len(problems)} prompts have more than {limit} tokens: dropped"
        print(f"{source}: {dropped}", file=sys.stderr)
    return kept
