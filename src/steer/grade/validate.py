"""`steer validate`: evaluate the kept models of a run on the benchmark that selects the best of them.

vLLM starts once; then it takes the weights of one model after another.

The samples differ from those of the final evaluation, so that the selected model's final score is not the number it was
selected by. It was still selected on these questions, so its score on them is biased upwards.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import Config
from steer.data.problem import Problem, read_problems
from steer.engines.turns import Turns
from steer.errors import UserError
from steer.generate.command import model_answers
from steer.grade.command import grade
from steer.io import write_jsonl
from steer.verify.responses import Verifier


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--data", required=True, metavar="FILE", help="problems of the `select_by` benchmark")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="step<n>.jsonl.gz: verdicts, a line per problem")
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every evaluation of kept models takes (`judged`)."""
    parser.add_argument("--models", required=True, metavar="FOLDER", help="step<n> folders kept during training")
    parser.add_argument("--cache", metavar="FOLDER", help="cache of responses")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads and verifiers (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    evaluation = config.evaluation
    if evaluation.select_by is None:
        raise UserError(f"{args.config}: `evaluation.select_by` is not set, so there is nothing to choose by")
    models = kept_models(Path(args.models))
    problems = read_problems(args.data)
    others = config.model_copy(update={"evaluation": evaluation.for_selection()})
    for model, _, _, verdicts in judged(args, others, models, {evaluation.select_by: problems}):
        write_jsonl(Path(args.out) / f"{Path(model).name}.jsonl.gz", verdicts)
        found = Counter(v["verdict"] for row in verdicts for v in row["verdicts"])
        print(json.dumps({"model": model, **found}), flush=True)


def judged(
    args: argparse.Namespace, config: Config, models: Iterable[str | Path], problems: dict[str, list[Problem]]
) -> Iterator[tuple[str, str, list[dict], list[dict]]]:
    """Yield model, benchmark, rows of responses and rows of verdicts of each model on each benchmark.

    Reads config (the file), cache, verdicts (a cache) and threads from `args`.
    """
    with closing(Turns()) as turns, Verifier.of(config.reward, args.threads, args.verdicts) as verifier:
        for model in map(str, models):
            of_model = argparse.Namespace(**{**vars(args), "model": model})
            with model_answers(of_model, config, problems, turns) as answer:
                for name, chosen in problems.items():
                    rows = answer(name, chosen)
                    yield model, name, rows, grade(chosen, rows, verifier, model)


def kept_models(folder: Path) -> list[Path]:
    """Return the kept models in order of their steps; `UserError` if there is none."""
    found = {int(name[1]): path for path in folder.glob("step*") if (name := re.fullmatch(r"step(\d+)", path.name))}
    if not found:
        raise UserError(f"{folder}: no step<n> folder of a kept model; train the run again")
    return [found[step] for step in sorted(found)]
