"""`steer data`: write the training and evaluation problems of a configuration, one JSON line each."""

import argparse
import csv
import io
import json
import math
import random
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import Config, Data
from steer.data.known import check_names
from steer.data.problem import Problem
from steer.data.sets import data_set
from steer.data.tasks import distinct_problems, training_families
from steer.errors import UserError
from steer.io import atomic_write, write_jsonl


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--out", required=True, metavar="FOLDER")


def run(args: argparse.Namespace) -> None:
    config, out = config_from(args), Path(args.out)
    check_names(config, args.config)
    evaluation = {name: evaluation_problems(config, name) for name in config.data.benchmarks}
    for name, problems in evaluation.items():
        if not problems:
            raise UserError(f"{args.config}: benchmark {name!r} has no problems; check `data.rows` and its file")
        write_jsonl(out / f"{name}.jsonl", (p.to_json() for p in problems))
    everything = [problem for problems in evaluation.values() for problem in problems]
    training, removals = training_problems(config, everything)
    _check_left(config, training, removals, args.config)
    write_jsonl(out / "train.jsonl", (p.to_json() for p in training))
    atomic_write(out / "removed.csv", _csv(removals))
    for row in removals:
        print(f"training data: {row['count']} rows removed: {row['reason']}")
    limit = config.data.rows
    if config.data.source == "benchmarks" and any(len(problems) == limit for problems in evaluation.values()):
        print(f"evaluation: at most {limit} rows of each benchmark are used; `data.rows` sets this limit")
    counts = {name: len(problems) for name, problems in evaluation.items()}
    print(json.dumps({"train": len(training), "evaluation": counts}))


def _check_left(config: Config, training: list[Problem], removals: list[dict], file: str) -> None:
    """Raise `UserError` where nothing is left to train on, of all sets or of one that has a share."""
    if config.data.train is None:
        return
    left = {problem.benchmark for problem in training}
    gone = [name for name in config.data.train_shares or () if name not in left]
    if training and not gone:
        return
    removed = ", ".join(f"{row['count']} removed: {row['reason']}" for row in removals) or "none was there"
    of = f" of {gone[0]!r}" if gone else ""
    raise UserError(f"{file}: key `data.train`: no training problem{of} is left ({removed}); name other rows")


def evaluation_problems(config: Config, name: str) -> list[Problem]:
    """Load the problems of one benchmark of the configuration."""
    data = config.data
    if data.source == "synthetic" and name not in data.sets:
        return distinct_problems(name, "evaluation", data.seed, data.rows or 64)
    from steer.data.benchmarks.load import load_set

    spec = data_set(name, data)
    window = data.window if spec.parser == "livecodebench" else None
    return load_set(name, spec, data.data_dir, template=data.template, limit=data.rows, window=window)


def training_problems(config: Config, evaluation: list[Problem]) -> tuple[list[Problem], list[dict]]:
    """Return (training problems, removed ones with reasons).

    Real training data is cleaned of overlaps with the evaluation, unless the configuration disables cleaning.
    """
    data = config.data
    if data.train is None:
        return [], []
    if data.train == "synthetic":
        return _synthetic(config), []
    from steer.data.benchmarks.load import load_set
    from steer.data.cleaning import clean

    problems = [
        problem
        for name in data.train_sets
        for problem in load_set(name, data_set(name, data), data.data_dir, template=data.template)
    ]
    _check_ids(problems)
    kept, removals = clean(problems, evaluation, own=frozenset(data.sets)) if data.clean else (problems, [])
    random.Random(data.seed).shuffle(kept)
    return _cut(kept, data), removals


def _check_ids(problems: list[Problem]) -> None:
    sets: dict[str, str] = {}
    for problem in problems:
        if problem.id in sets:
            both = f"{sets[problem.id]} and {problem.benchmark}"
            raise UserError(f"key `data.train`: id {problem.id!r} is in {both}; leave out their `id`")
        sets[problem.id] = problem.benchmark


def _cut(problems: list[Problem], data: Data) -> list[Problem]:
    """Take the first `train_size` problems; with shares, each set's share of them."""
    if data.train_shares is None or data.train_size is None:
        return problems[: data.train_size]
    left = {name: math.ceil(share * data.train_size) for name, share in data.train_shares.items()}
    kept = []
    for problem in problems:
        if left[problem.benchmark] > 0:
            kept.append(problem)
            left[problem.benchmark] -= 1
    return kept


def _synthetic(config: Config) -> list[Problem]:
    """Mix the same number of training questions from each family."""
    size = config.data.train_size or 4096
    families = training_families(config.data.benchmarks)
    each = -(-size // len(families))
    problems = [p for name in families for p in distinct_problems(name, "train", config.data.seed, each)]
    random.Random(config.data.seed).shuffle(problems)
    return problems[:size]


def _csv(rows: list[dict]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=["reason", "count", "ids"])
    writer.writeheader()
    writer.writerows({**row, "ids": " ".join(row["ids"])} for row in rows)
    return buffer.getvalue()
