"""`steer validate`: evaluate the kept models of a run on the benchmark that selects the best of them.

vLLM starts once; then it takes the weights of one model after another.

The samples differ from those of the final evaluation, so that the selected model's final score is not the number it was
selected by. It was still selected on these questions, so its score on them is biased upwards.
"""

import argparse
import json
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.data.problem import Problem
from steer.engines.turns import Turns
from steer.errors import UserError
from steer.generate.command import model_answers
from steer.grade.command import grade
from steer.io import read_jsonl, write_jsonl
from steer.verify.responses import Verifier


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--models", required=True, metavar="FOLDER", help="step<n> folders kept during training")
    parser.add_argument("--data", required=True, metavar="FILE", help="problems of the `select_by` benchmark")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="step<n>.jsonl.gz: verdicts, a line per problem")
    parser.add_argument("--cache", metavar="FOLDER", help="cache of responses")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads and verifiers (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    evaluation, reward = config.evaluation, config.reward
    if evaluation.select_by is None:
        raise UserError(f"{args.config}: `evaluation.select_by` is not set, so there is nothing to choose by")
    models = kept_models(Path(args.models))
    problems = [Problem.from_json(row) for row in read_jsonl(args.data)]
    others = config.model_copy(update={"evaluation": evaluation.for_selection()})
    with closing(Turns()) as turns, Verifier.of(reward, args.threads, args.verdicts) as verifier:
        for model in models:
            of_model = argparse.Namespace(**vars(args), model=str(model))
            with model_answers(of_model, others, {evaluation.select_by: problems}, turns) as answer:
                rows = answer(evaluation.select_by, problems)
            verdicts = grade(problems, rows, verifier, str(model))
            write_jsonl(Path(args.out) / f"{model.name}.jsonl.gz", verdicts)
            found = Counter(v["verdict"] for row in verdicts for v in row["verdicts"])
            print(json.dumps({"model": str(model), **found}), flush=True)


def kept_models(folder: Path) -> list[Path]:
    """The kept models in order of their steps; `UserError` if there is none."""
    found = {int(name[1]): path for path in folder.glob("step*") if (name := re.fullmatch(r"step(\d+)", path.name))}
    if not found:
        raise UserError(f"{folder}: no step<n> folder of a kept model; train the run again")
    return [found[step] for step in sorted(found)]
