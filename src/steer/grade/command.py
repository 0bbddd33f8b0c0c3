"""`steer grade`: verify stored responses with the verifiers that also gave the rewards."""

import argparse
import json
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from steer.configs.load import add_config_argument, config_from
from steer.data.problem import Problem, read_problems
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl
from steer.verify.responses import Verifier
from steer.verify.thought import opened_thought


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder of <benchmark>.jsonl files")
    parser.add_argument("--generations", required=True, metavar="FOLDER", help="folder written by `steer generate`")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="verifier processes (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    reward = config.reward
    totals = {}
    with Verifier.of(reward, args.workers, args.verdicts) as verifier:
        for name in tqdm(config.data.benchmarks, desc="grade"):
            problems = read_problems(Path(args.data) / f"{name}.jsonl")
            generations = read_jsonl(Path(args.generations) / f"{name}.jsonl.gz")
            rows = grade(problems, generations, verifier, str(Path(args.generations) / name))
            write_jsonl(Path(args.out) / f"{name}.jsonl.gz", rows)
            totals[name] = dict(Counter(v["verdict"] for row in rows for v in row["verdicts"]))
    print(json.dumps(totals))


def grade(problems: list[Problem], generations: list[dict], verifier: Verifier, source: str) -> list[dict]:
    """Return one row of verdicts per problem, in order; the generations must answer exactly these problems."""
    ids, answered = [p.id for p in problems], [row["id"] for row in generations]
    if ids != answered:
        raise UserError(f"{source}: responses to other problems than the data holds; generate again")
    pairs = [
        (p, opened_thought(row["prompt"]) + r["text"])  # a template may open the thought that the response continues
        for p, row in zip(problems, generations, strict=True)
        for r in row["responses"]
    ]
    verdicts = iter(verifier.verify([p for p, _ in pairs], [text for _, text in pairs]))
    return [{"id": row["id"], "verdicts": [_fields(next(verdicts)) for _ in row["responses"]]} for row in generations]


def _fields(verdict) -> dict:
    return {
        "verdict": verdict.verdict,
        "extracted": verdict.extracted,
        "reason": verdict.reason,
        "seconds": round(verdict.seconds, 4),
        "reading": verdict.reading,
    }
