r"""Comparison of two answers by kind, gold first. Runs in worker processes only.

The kind of the gold decides what is needed: a tuple keeps its order, a set does not, an interval keeps its ends, a
unit or base must not be contradicted. What cannot be read here goes to Math-Verify (verdict "fallback").
"""

import re

from steer.verify.math import relations, scalars, several
from steer.verify.math.answer_types import AnswerType, answer_type
from steer.verify.math.arithmetic import TooLarge, Undefined
from steer.verify.math.forms import (
    Based,
    Collection,
    Expr,
    Form,
    Quantity,
    Ratio,
    Relation,
    Seq,
    Several,
    Words,
)
from steer.verify.math.interpret import interpret
from steer.verify.math.tokens import Unreadable

CHOICE = re.compile(r"(?:\\text\s?\{)?\s*(?:\(([A-J])\)|([A-J])[.:)])\s*\}?\s*\S")


class Comparison:
    """One comparison, with what the answer type asks for."""

    def __init__(self, rules: AnswerType):
        self.rules = rules

    def same(self, gold: Form, answer: Form) -> bool:
        """Whether `answer` states what `gold` states. Raises what the parser and the evaluator raise."""
        gold, answer = relations.definition(gold), relations.definition(answer)
        if isinstance(gold, Collection) and len(gold.items) == 1 and isinstance(answer, (Expr, Quantity, Seq)):
            return self.same(gold.items[0], answer)
        if isinstance(answer, Collection) and len(answer.items) == 1 and isinstance(gold, (Expr, Quantity, Seq)):
            return self.same(gold, answer.items[0])
        kinds = (type(gold), type(answer))
        if self.rules.name == "text" or Words in kinds:
            return scalars.words(self, gold, answer)
        if Relation in kinds:
            return relations.relation(self, gold, answer)
        if Quantity in kinds:
            return scalars.quantity(self, gold, answer)
        if Based in kinds:
            return scalars.based(self, gold, answer)
        if Ratio in kinds:
            return scalars.ratio(self, gold, answer)
        if kinds == (Expr, Expr):
            return scalars.expr(self, gold.text, answer.text)
        return several.many(self, gold, answer)


def _verdict(comparison: Comparison, gold: Form, answer: str) -> tuple[str, str]:
    try:
        same = comparison.same(gold, interpret(answer))
    except Unreadable as error:
        return "fallback", f"not read by the built-in parser ({error})"
    except TooLarge:
        return "unverifiable", "both values are too large to compare"
    except (Undefined, ZeroDivisionError, OverflowError) as error:
        return "fallback", f"no value to compare ({error})"
    return ("correct", "equal") if same else ("wrong", "not equal")


def compare(gold: str, answers: list[str], kind: str | None) -> tuple[str, str, int]:
    """Verdict ("correct", "wrong", "unverifiable" or "fallback"), reason, and which of the answers it is about.

    `answers` holds what stands in the last box and, where several boxes close the response, all of them as one
    list; the second counts only for a gold that consists of as many answers.
    """
    comparison = Comparison(answer_type(kind))
    form = interpret(gold)
    chosen = CHOICE.match(answers[0])
    if chosen and form == Expr(chosen[1] or chosen[2]):  # `(C) 15` names choice C
        return "correct", "the same choice", 0
    verdict, reason = _verdict(comparison, form, answers[0])
    several_boxes = verdict != "correct" and len(answers) > 1 and isinstance(form, (Several, Collection, Seq))
    if several_boxes and _verdict(comparison, form, answers[1])[0] == "correct":
        return "correct", "equal, in several boxes", 1
    return verdict, reason, 0
