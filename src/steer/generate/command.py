"""`steer generate`: responses of one model, or of the oracle, to every benchmark of the configuration."""

import argparse
import json
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.data.problem import Problem
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="FOLDER", help="model folder or hub id")
    what.add_argument("--oracle", action="store_true", help="answer with the reference solutions")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder of <benchmark>.jsonl files")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--cache", metavar="FOLDER", help="keep responses here and take them from here")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    data, out = Path(args.data), Path(args.out)
    problems = {
        name: [Problem.from_json(row) for row in read_jsonl(data / f"{name}.jsonl")] for name in config.data.benchmarks
    }
    for name, rows in problems.items():
        if not rows:
            raise UserError(f"{data / name}.jsonl: no problems; make the data again")
    answer = _oracle if args.oracle else _model(args, config)
    counts = {}
    for name, chosen in problems.items():
        rows = answer(name, chosen)
        write_jsonl(out / f"{name}.jsonl.gz", rows)
        counts[name] = sum(len(row["responses"]) for row in rows)
    print(json.dumps({"model": "oracle" if args.oracle else args.model, "responses": counts}))


def _oracle(name: str, problems: list[Problem]) -> list[dict]:
    from steer.generate.sample import oracle_rows

    return oracle_rows(problems)


def _model(args: argparse.Namespace, config):
    # torch and transformers are loaded only when there is a model to run.
    import torch

    from steer.engines.local import LocalEngine
    from steer.generate import cache
    from steer.generate.sample import model_rows
    from steer.models.load import load_model, load_tokenizer

    torch.set_num_threads(args.threads)
    revision = config.model.revision if args.model == config.model.path else None
    engine = LocalEngine(load_model(args.model, revision), load_tokenizer(args.model, revision))
    evaluation = config.evaluation
    positions = engine.model.config.max_position_embeddings
    room = positions - evaluation.max_response_tokens
    if room <= 0:
        raise UserError(
            f"{args.config}: evaluation.max_response_tokens is {evaluation.max_response_tokens}, but {args.model} "
            f"has {positions} positions; lower it"
        )
    folder = Path(args.cache) if args.cache else None
    model = cache.model_hash(args.model, revision) if folder else ""

    def rows(name: str, problems: list[Problem]) -> list[dict]:
        # The batch size is part of the key: random numbers are drawn batch by batch.
        sampling = {**evaluation.model_dump(exclude={"samples", "also"}), "samples": evaluation.samples_for(name)}
        key = cache.key(model, problems, {**sampling, "benchmark": name})
        kept = cache.load(folder, key)
        if kept is None:
            kept = model_rows(engine, problems, name, evaluation, args.model, room)
            cache.store(folder, key, kept)
        return [{**row, "model": args.model} for row in kept]

    return rows
