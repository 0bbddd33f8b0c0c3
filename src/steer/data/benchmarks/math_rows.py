r"""Read rows of the mathematical benchmarks as `Item`. One function per layout; copies of one benchmark share it.

The hub's and the older public copies name their columns differently (`problem`/`question`, `answer`/`solution`);
each reader accepts both. The reference response ends in `\boxed{gold}`.
"""

import re
from typing import Any

from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item

# Golds known to be wrong; kept in the benchmark (scores stay comparable) and marked in `meta` for the tables.
_WRONG_GOLDS = {
    r"(t + \frac{1}{2} \sin{2t}) u(t)": "the inverse transform of 4/(s^2(s^2+4)) is t - sin(2t)/2: a sign is lost"
}


def last_boxed(text: str) -> str | None:
    r"""Return the content of the last `\boxed{…}` of `text`, with balanced braces; None without one."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    begin, depth = start + len("\\boxed{"), 1
    for position in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[begin:position].strip()
    return None


def aime(row: dict[str, Any], index: int) -> Item:
    """AIME24, AIME25: an integer of 0 to 999, some copies with leading zeros, some only in `solution`."""
    gold, solution = _integer(_answer(row)), row.get("solution", "")
    return _item(_key(row, index), row, gold, solution, "integer", url=row.get("url"))


def amc(row: dict[str, Any], index: int) -> Item:
    """AMC23: an integer, stored as a float by some copies (`27.0`)."""
    return _item(_key(row, index), row, _integer(_answer(row)), "", "integer", url=row.get("url"))


def minerva(row: dict[str, Any], index: int) -> Item:
    r"""Minerva Math (OCW courses): the gold stands in `\boxed{}` of the solution, its unit mostly outside.

    Numbers are measured or rounded values, compared as in the Minerva paper: within 1 %.
    """
    # One gold is split over two inline formulas; join them.
    gold = re.sub(r"\$\s+\$", " ", _answer(row))
    flaw = _WRONG_GOLDS.get(gold)
    kind = "real" if re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", gold) else None
    key, solution = str(row.get("idx", index)), row.get("solution", "")
    return _item(key, row, gold, solution, kind, subject=row.get("type"), flaw=flaw)


def gsm8k(row: dict[str, Any], index: int) -> Item:
    """GSM8K: the gold follows `####` in `answer`, which is the worked solution."""
    solution, mark, gold = row["answer"].rpartition("####")
    if not mark:
        raise ValueError("no '####' before the answer")
    return _item(str(index), row, _integer(gold.replace(",", "")), solution.strip(), "integer")


def olympiadbench(row: dict[str, Any], index: int) -> Item:
    """OlympiadBench (open-ended, mathematics, English, text only): several answers, units, one tolerance.

    Several answers form one gold, separated by commas as in the data set. `error` is an absolute
    tolerance and goes into the type; `unit` stays in `meta`: the question states it, the gold does not.
    """
    answers = row["final_answer"]
    gold = ", ".join(_plain(answer) for answer in ([answers] if isinstance(answers, str) else answers))
    kind = {"Tuple": "tuple", "Interval": "interval", "Expression": "expression"}.get(row["answer_type"])
    if row["is_multiple_answer"]:
        kind = "list"
    elif row.get("error"):
        kind = f"real:abs={float(row['error'])}"
    return _item(
        _key(row, index),
        row,
        gold,
        "\n\n".join(row["solution"] or ()),
        kind,
        subfield=row.get("subfield"),
        several_answers=bool(row["is_multiple_answer"]),
        unit=_plain(row["unit"]) if row.get("unit") else None,
    )


def _item(key: str, row: dict[str, Any], gold: str, solution: str, kind: str | None, **meta: Any) -> Item:
    question = row["question"] if "question" in row else row["problem"]
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError("no answer")
    response = f"{solution}\n\nThe answer is \\boxed{{{gold}}}.".strip()
    kept = {name: value for name, value in meta.items() if value is not None}
    return Item(str(key), Question(question), gold=gold, answer_type=kind, solution=response, meta=kept)


def _key(row: dict[str, Any], index: int) -> str:
    return str(row.get("id", index))


def _answer(row: dict[str, Any]) -> str:
    if "answer" in row:
        return str(row["answer"])
    gold = last_boxed(row["solution"])
    if gold is None:
        raise ValueError("no \\boxed{} in 'solution'")
    return gold


def _integer(text: str) -> str:
    match = re.fullmatch(r"\s*([-+]?\d+)(?:\.0*)?\s*", text)
    if match is None:
        raise ValueError(f"the answer {text!r} is not an integer")
    return str(int(match.group(1)))


def _plain(text: str) -> str:
    return text.replace("$", "").strip().rstrip(".").strip()
