"""DAPO-Math-17k, the mathematical training data: the hub's deduplicated copy or STEER's re-worded one.

The two copies hold the same 17,398 questions under different instructions; the question is taken out of either and
asked again in STEER's training words.
"""

from typing import Any

from steer.data.benchmarks.prompts import Question, dapo_answer, dapo_boxed, dapo_boxed_chinese
from steer.data.benchmarks.source import Item

_MARK = "\0"
_CHINESE_INSTRUCTION = "让我们一步一步地思考。请以"


def bare_question(prompt: str) -> str:
    """The question in a DAPO prompt, without the instructions of either copy."""
    for template in (dapo_boxed, dapo_answer):
        head, tail = template(Question(_MARK)).split(_MARK)
        if prompt.startswith(head) and prompt.endswith(tail):
            return prompt[len(head) : -len(tail)]
    # Twenty Chinese rows carry the instruction twice, once with typographic quotes.
    return prompt.partition(_CHINESE_INSTRUCTION)[0].removesuffix("\n")


def dapo(row: dict[str, Any], index: int) -> Item:
    """A row as it is, broken and repeated ones included: `clean` decides about those. Ids are the data set's own."""
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
