"""Write prepared problems as parquet for verl."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

from steer.data.problem import Problem
from steer.io import atomic_write


def write_parquet(path: Path, problems: Iterable[Problem], split: str, thought: str = "") -> None:
    """Write one row per problem: verl's columns, and in `extra_info` what the reward needs: the problem as JSON, and
    `thought`, the mark by which the chat template itself opens a thought."""
    import pyarrow
    import pyarrow.parquet

    rows = [
        {
            "data_source": problem.benchmark,
            "prompt": [
                *([{"role": "system", "content": problem.system}] if problem.system else []),
                {"role": "user", "content": problem.prompt},
            ],
            "ability": problem.kind,
            "reward_model": {"style": "rule", "ground_truth": problem.gold},
            "extra_info": {
                "split": split,
                "index": index,
                "problem": json.dumps(problem.to_json()),
                "thought": thought,
            },
        }
        for index, problem in enumerate(problems)
    ]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    atomic_write(path, buffer.getvalue())
