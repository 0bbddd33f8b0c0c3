"""DAPO-Math-17k, the mathematical training data: the hub's deduplicated copy or STEER's re-worded one.

The two copies hold the same 17,398 questions under different instructions; the question is taken out of either and
asked again in STEER's training words.
"""

from pathlib import Path
from typing import Any

from steer.data.benchmarks.prompts import Question, dapo_answer, dapo_boxed, dapo_boxed_chinese
from steer.data.hub import hub_rows, read_parquet
from steer.data.problem import Problem
from steer.errors import UserError

HUB = "YouJiacheng/DAPO-Math-17k-dedup"
REVISION = "6e26a33abdabd3e6aaa1d742326b790758f7dbc5"
FILE = "train/dapo_math_17k.parquet"
ROWS = 17_398

_MARK = "\0"
_CHINESE_INSTRUCTION = "让我们一步一步地思考。请以"


def load_dapo(data_dir: str | Path | None = None) -> list[Problem]:
    """All rows as they are, broken and repeated ones included: `clean` decides about those.

    From `data_dir`/train/dapo_math_17k.parquet or, without it, from the hub. Ids are the data set's own indices.
    """
    if data_dir is None:
        rows, origin = list(hub_rows(HUB, "train", REVISION)), HUB
    else:
        rows, origin = read_parquet(Path(data_dir) / FILE, HUB), str(Path(data_dir) / FILE)
    if len(rows) != ROWS:
        raise UserError(f"{origin}: {len(rows)} rows, but DAPO-Math-17k (deduplicated) has {ROWS}; replace the file")
    return [_problem(row, number, origin) for number, row in enumerate(rows, 1)]


def bare_question(prompt: str) -> str:
    """The question in a DAPO prompt, without the instructions of either copy."""
    for template in (dapo_boxed, dapo_answer):
        head, tail = template(Question(_MARK)).split(_MARK)
        if prompt.startswith(head) and prompt.endswith(tail):
            return prompt[len(head) : -len(tail)]
    # Twenty Chinese rows carry the instruction twice, once with typographic quotes.
    return prompt.partition(_CHINESE_INSTRUCTION)[0].removesuffix("\n")


def _problem(row: dict[str, Any], number: int, origin: str) -> Problem:
    try:
        question = bare_question(row["prompt"][0]["content"])
        gold, index = row["reward_model"]["ground_truth"], row["extra_info"]["index"]
        chinese = _CHINESE_INSTRUCTION in row["prompt"][0]["content"]
    except (KeyError, TypeError, IndexError) as error:
        raise UserError(f"{origin}, row {number}: not a DAPO row ({error}); replace the file") from None
    template = dapo_boxed_chinese if chinese else dapo_boxed
    return Problem(
        id=f"dapo/{index}",
        benchmark="dapo",
        kind="math",
        prompt=template(Question(question)),
        gold=gold,
        answer_type="integer",
        solution=f"The answer is \\boxed{{{gold}}}.",
        meta={"question": question, "language": "zh" if chinese else "en"},
    )
