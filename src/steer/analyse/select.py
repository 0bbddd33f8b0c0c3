"""`steer select`: choose the best of a run's kept models by avg@k on one benchmark, as the paper does with AIME24.

Ties go to the earliest model.
"""

import argparse
import json
import re
from pathlib import Path

from steer.analyse.statistics import average_at_k
from steer.errors import UserError
from steer.io import link_folder, read_jsonl, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--models", required=True, metavar="FOLDER", help="step<n> folders of the run")
    parser.add_argument("--verdicts", required=True, nargs="+", metavar="FILE", help="step<n>.jsonl.gz of each model")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to put the best model")
    parser.add_argument("--summary", required=True, metavar="FILE", help="each model's score (JSON)")


def run(args: argparse.Namespace) -> None:
    scores = {step_of(path): score(path) for path in args.verdicts}
    best = best_step(scores)
    model = Path(args.models) / f"step{best}"
    if not model.is_dir():
        raise UserError(f"{model}: no such model; train the run again")
    link_folder(model, args.out)
    # Written last: the summary marks the model as complete.
    write_json(args.summary, {"step": best, "scores": {str(step): scores[step] for step in sorted(scores)}})
    print(json.dumps({"step": best, "score": scores[best]}))


def step_of(path: str) -> int:
    found = re.fullmatch(r"step(\d+)\.jsonl\.gz", Path(path).name)
    if found is None:
        raise UserError(f"{path}: name the verdicts step<n>.jsonl.gz after the model they are of")
    return int(found[1])


def score(path: str) -> float:
    """Compute avg@k of one model, in [0, 1]."""
    names = [[verdict["verdict"] for verdict in row["verdicts"]] for row in read_jsonl(path)]
    correct = [row.count("correct") for row in names]
    verified = [row.count("correct") + row.count("wrong") for row in names]
    if not any(verified):
        raise UserError(f"{path}: no response could be verified, so the model has no score; see the reasons in it")
    return average_at_k([correct], [verified]).value


def best_step(scores: dict[int, float]) -> int:
    return max(sorted(scores), key=scores.__getitem__)
