"""Configurations with data sets of one's own, for tests."""

import csv
import gzip
import json

import pyarrow
import pyarrow.parquet
import yaml

from steer.cli import main

ROWS = [{"question": f"What is {n} plus {n}?", "answer": f"{n} + {n} = {2 * n}\n#### {2 * n}"} for n in range(1, 6)]
MINE = {"file": "rows.jsonl", "kind": "math", "answer_after": "####"}


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def configuration(folder, sets, benchmarks=("mine",), train="mine_train", **data):
    tree = {
        "name": "own",
        "data": {"source": "benchmarks", "benchmarks": list(benchmarks), "train": train, "sets": sets, **data},
        "training": {"steps": 1, "prompts": 2, "updates": 1},
        "evaluation": {"samples": {"default": 1}},
        "methods": {"grpo": None} if train else {},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "own.yaml")


def made(folder, *arguments, **keywords):
    """The files of `steer data`, by name."""
    assert main(["data", "--config", configuration(folder, *arguments, **keywords), "--out", f"{folder}/out"]) == 0
    return {p.stem: [json.loads(line) for line in p.read_text().splitlines()] for p in (folder / "out").glob("*.jsonl")}


def refusal(folder, capsys, *arguments, **keywords):
    assert main(["data", "--config", configuration(folder, *arguments, **keywords), "--out", f"{folder}/out"]) != 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def write(folder, name, rows):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".jsonl"):
        path.write_text(jsonl(rows))
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(jsonl(rows).encode()))
    elif name.endswith(".json"):
        path.write_text(json.dumps(rows))
    elif name.endswith(".csv"):
        with open(path, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
