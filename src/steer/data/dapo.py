"""DAPO-Math-17k, the mathematical training data: the hub's deduplicated copy or STEER's reworded one.

The two copies have the same 17,398 questions with different instructions; the question is extracted and put into
STEER's training prompt.
"""

from typing import Any

from steer.data.benchmarks.prompts import Question, dapo_answer, dapo_boxed, dapo_boxed_chinese
from steer.data.benchmarks.source import Item

_MARK = "\0"
_CHINESE_INSTRUCTION = "让我们一步一步地思考。请以"


def bare_question(prompt: str) -> str:
    """Extract the question from a DAPO prompt, without the instructions of either copy."""
    for template in (dapo_boxed, dapo_answer):
        head, tail = template(Question(_MARK)).split(_MARK)
        if prompt.startswith(head) and prompt.endswith(tail):
            return prompt[len(head) : -len(tail)]
    # Twenty Chinese rows have the instruction twice, once with typographic quotes.
    return prompt.partition(_CHINESE_INSTRUCTION)[0].removesuffix("\n")


def dapo(row: dict[str, Any], index: int) -> Item:
    """Read a row unchanged; `clean` handles broken and repeated rows. Ids are those of the data set."""
    prompt = row["prompt"][0]["content"]
    question, gold, chinese = bare_question(prompt), row["reward_model"]["ground_truth"], _CHINESE_INSTRUCTION in prompt
    template = dapo_boxed_chinese if chinese else dapo_boxed
    return Item(
        row["extra_info"]["index"],
        Question(question),
        gold=gold,
        answer_type="integer",
        solution=f"The answer is \\boxed{{{gold}}}.",
        prompt=template(Question(question)),
        meta={"language": "zh" if chinese else "en"},
    )
