"""`steer validate`: evaluate a kept model on the benchmark that selects the best model of a run.

The samples differ from those of the final evaluation, so that the selected model's final score is not the number it was
selected by. It was still selected on these questions, so its score on them is biased upwards.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.data.problem import Problem
from steer.errors import UserError
from steer.generate.command import model_answers
from steer.grade.command import grade
from steer.io import read_jsonl, write_jsonl
from steer.verify.responses import Verifier


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="a model kept during training")
    parser.add_argument("--data", required=True, metavar="FILE", help="problems of the `select_by` benchmark")
    parser.add_argument("--out", required=True, metavar="FILE", help="verdicts, one line per problem (.jsonl.gz)")
    parser.add_argument("--cache", metavar="FOLDER", help="cache of responses")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads and verifiers (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    evaluation, reward = config.evaluation, config.reward
    if evaluation.select_by is None:
        raise UserError(f"{args.config}: `evaluation.select_by` is not set, so there is nothing to choose by")
    if not Path(args.model).is_dir():
        raise UserError(f"{args.model}: no such model; the run kept none there, train it again")
    problems = [Problem.from_json(row) for row in read_jsonl(args.data)]
    others = config.model_copy(update={"evaluation": evaluation.for_selection()})
    with model_answers(args, others, {evaluation.select_by: problems}) as answer:
        rows = answer(evaluation.select_by, problems)
    with Verifier.of(reward, args.threads, args.verdicts) as verifier:
        verdicts = grade(problems, rows, verifier, args.model)
    write_jsonl(args.out, verdicts)
    print(json.dumps({"model": args.model, **Counter(v["verdict"] for row in verdicts for v in row["verdicts"])}))
