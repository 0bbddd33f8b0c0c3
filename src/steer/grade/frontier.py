"""`steer frontier`: accuracy and entropy of a run's base model and kept models on a few questions of each benchmark.

The entropy is the policy's on these questions at the evaluation's temperature, without top-p. It is estimated from the
samples themselves: the mean over all tokens of the negative log-probability with which each was drawn.
"""

import argparse
import json
from collections import Counter
from itertools import chain, islice, zip_longest
from pathlib import Path

from steer.configs.load import add_config_argument, config_from, nearest
from steer.data.problem import Problem
from steer.errors import UserError
from steer.generate.command import benchmark_problems
from steer.grade.validate import add_arguments, judged, kept_models
from steer.io import write_jsonl

COUNTS = ("correct", "wrong", "unverifiable")


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--run", required=True, metavar="RUN", help="entry of the configuration's `methods`")
    parser.add_argument("--base", required=True, metavar="FOLDER", help="the model that training started from")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder of <benchmark>.jsonl files")
    parser.add_argument("--out", required=True, metavar="FILE", help=".jsonl.gz, a line per model and question")
    add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    asked = config.evaluation.frontier
    if asked is None:
        raise UserError(f"{args.config}: `evaluation.frontier` is not set, so no kept model is to be evaluated")
    if args.run not in config.methods:
        raise UserError(f"{args.config}: no run {args.run!r} in `methods`{nearest(args.run, config.methods)}")
    chosen = in_turn(benchmark_problems(config, args.data), asked.questions)
    kept = config.kept_steps(args.run)
    models = {path: int(path.name.removeprefix("step")) for path in kept_models(Path(args.models))}
    # Models kept for `measurement` alone are no points of the path: other seeds lack them.
    steps = {args.base: 0} | {str(path): step for path, step in models.items() if step in kept}
    if missing := set(kept) - set(models.values()):
        raise UserError(f"{args.models}: no step{min(missing)}; train the run again")
    others = config.model_copy(update={"evaluation": config.evaluation.for_frontier()})
    found = []
    for model, benchmark, rows, verdicts in judged(args, others, steps, chosen):
        key = {"step": steps[model], "benchmark": benchmark}
        found += [key | question(row, judgement) for row, judgement in zip(rows, verdicts, strict=True)]
    write_jsonl(args.out, found)
    print(json.dumps({"models": len(steps), "questions": sum(map(len, chosen.values())), "samples": asked.samples}))


def in_turn(problems: dict[str, list[Problem]], questions: int) -> dict[str, list[Problem]]:
    """Take the first problem of each benchmark, then the second, until there are `questions`."""
    rounds = zip_longest(*([(name, problem) for problem in of_it] for name, of_it in problems.items()))
    taken = islice((pair for pair in chain.from_iterable(rounds) if pair is not None), questions)
    chosen: dict[str, list[Problem]] = {}
    for name, problem in taken:
        chosen.setdefault(name, []).append(problem)
    return chosen


def question(row: dict, judgement: dict) -> dict:
    """One question's counts of verdicts, its tokens, and the sum of their negative log-probabilities, in nats.

    The sum is None where the engine gave no log-probabilities.
    """
    counts = Counter(verdict["verdict"] for verdict in judgement["verdicts"])
    said = row["responses"]
    known = all("logprob" in response for response in said)
    return {
        "id": row["id"],
        "samples": len(said),
        **{name: counts[name] for name in COUNTS},
        "tokens": sum(response["tokens"] for response in said),
        "nll": -sum(response["tokens"] * response["logprob"] for response in said) if known else None,
    }
