r"""Compare two answers by kind, gold first. Runs only in worker processes.

The kind of the gold decides what counts: a tuple keeps its order, a set does not, an interval keeps its ends, a
unit or base must not be contradicted. Text that cannot be read here goes to Math-Verify (verdict "fallback").
"""

import re

from steer.verify.math import regions, relations, scalars, several
from steer.verify.math.answer_types import AnswerType, answer_type
from steer.verify.math.arithmetic import TooLarge, Undefined
from steer.verify.math.forms import (
    Based,
    Collection,
    Combined,
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
from steer.verify.math.nouns import worded
from steer.verify.math.parse import parse
from steer.verify.math.phrases import LOSING, SPOILED
from steer.verify.math.tokens import Unreadable
from steer.verify.math.values import constant, fixed
from steer.verify.math.work import TooMuchWork, begin

CHOICE = re.compile(r"(?:\\text\s?\{)?\s*(?:\(([A-J])\)|([A-J])[.:)])\s*\}?(?=\s*\S)")
SUBJECT = re.compile(
    r"(?:\\text\s*\{)?\s*(?:there\s+(?:is|are)\s+(?:an?\s+)?|(?:the|it|this|that|he|she)\b[^.,;:?!{}]*?\b(?:is|was|falls)\s+(?:on\s+)?(?:an?\s+)?)",
    re.IGNORECASE,
)
# everything left to Math-Verify, and only with a gold that cannot be read here. It reads what it can of a text and
# ignores the rest (`6 \\\\ 5` is 5 to it), so that nothing loose may stand in either text.
LOOSE = re.compile(r"\\\\|\\text|[;?!<>&]|\\(?:begin|or|and|quad|lor|land)|(?<![a-zA-Z\\])[a-zA-Z]{4,}")
ANALYSIS = re.compile(r"\\(?:i*int|oint|lim)(?![a-z])")
BETWEEN = r"(?:\\(?:text|q?quad|cup|cap|lor|land|vee|wedge)(?![a-z])|\\[^a-z]|[^\w\\])"  # letters in a row
# after the letter of a choice: another choice, or what makes the letter part of a formula
HEDGED = re.compile(
    r"^\s*(?:[+*/=^_,;&|<>]|(?:\\text\s*\{)?\s*(?:or|and)(?![a-z]))|(?<![A-Za-z\\])[A-J][.:)]"
    rf"|^{BETWEEN}*(?:[A-J](?![a-zA-Z\d]){BETWEEN}*)+$"
)


class Comparison:
    """One comparison, with the rules of the answer type."""

    def __init__(self, rules: AnswerType):
        self.rules = rules

    def same(self, gold: Form, answer: Form) -> bool:
        """Check whether `answer` states the same as `gold`. Raises the parser's and evaluator's exceptions."""
        gold, answer = relations.definition(gold), relations.definition(answer, relations.names(gold))
        if isinstance(gold, Collection) and len(gold.items) == 1 and isinstance(answer, (Expr, Quantity, Seq)):
            return self.same(gold.items[0], answer)
        if isinstance(answer, Collection) and len(answer.items) == 1 and isinstance(gold, (Expr, Quantity, Seq)):
            return self.same(gold, answer.items[0])
        single = not isinstance(gold, (Several, Collection, Combined, Relation))
        if single and isinstance(answer, Several) and answer.joiner == "or":
            return scalars.either(self, gold, answer.items)
        if isinstance(gold, Combined) and not isinstance(answer, Combined) and regions.domain(gold):
            return self.same(gold.items[0], answer)  # an answer may leave out that it is about integers
        kinds = (type(gold), type(answer))
        if scalars.nothing(gold) and scalars.nothing(answer):
            return True
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


def decided(form: Form) -> bool:
    """Check that the parser reads every formula of a form and that formulas without names have a value."""
    if isinstance(form, Expr):
        try:
            return constant(form.text) is not None or bool(parse(form.text))
        except (Unreadable, ArithmeticError, TooMuchWork):
            return form.text == "\\ldots"
    if isinstance(form, (Words, Based)):
        return True
    inner = form.parts if isinstance(form, Relation) else (form.value,) if isinstance(form, Quantity) else form.items
    return all(map(decided, inner))


def _verdict(comparison: Comparison, gold: Form, answer: str, texts: str) -> tuple[str, str]:
    """Return the verdict on one answer. If the gold can be read, any failure is the answer's fault."""
    try:
        same = comparison.same(gold, interpret(answer))
    except Unreadable as error:
        reason = f"cannot be read as mathematics ({error})"
    except TooLarge:
        reason = "too large to compare"
    except TooMuchWork:
        reason = "too much work to compare"
    except (Undefined, ZeroDivisionError, OverflowError) as error:
        reason = f"no value to compare ({error})"
    else:
        return ("correct", "equal") if same else ("wrong", "not equal")
    begin()
    if decided(gold):
        return "wrong", reason
    whole = not LOOSE.search(texts) and isinstance(gold, (Expr, Relation))
    return ("fallback" if whole and ANALYSIS.search(texts) else "unverifiable"), reason


def compare(gold: str, answers: list[str], kind: str | None) -> tuple[str, str, int]:
    """Return verdict ("correct", "wrong", "unverifiable" or "fallback"), reason, and the index of the answer used.

    `answers` has the content of the last box and, if several boxes end the response, all of them as one
    list; the second counts only for a gold with as many answers.
    """
    for cached in (interpret, parse, fixed):  # what an earlier comparison left would make this one cost less
        cached.cache_clear()
    begin()
    comparison = Comparison(answer_type(kind))
    form = interpret(gold)
    if answers[0] == gold:  # a question about the gold alone: equal texts need no comparison
        known = decided(form) and not scalars.statement(gold)
        return ("correct", "the gold can be read", 0) if known else ("unverifiable", "the gold cannot be read", 0)
    if worded(gold) and scalars.bag(gold) == scalars.bag(answers[0]) != "":
        same = scalars.meaning(gold) == scalars.meaning(answers[0])
        return ("correct", "the same words", 0) if same else ("wrong", "not equal", 0)
    subject = SUBJECT.match(answers[0]) if worded(gold) else None
    if subject and not SPOILED.search(subject[0]) and not LOSING.search(subject[0]):
        rest = answers[0][subject.end() :].rstrip(" }.")
        if scalars.bag(rest) == scalars.bag(gold) != "" and scalars.meaning(rest) == scalars.meaning(gold):
            return "correct", "the same words", 0
    chosen = CHOICE.match(answers[0])
    behind = answers[0][chosen.end() :] if chosen else ""
    named = chosen and not HEDGED.search(behind) and not SPOILED.search(behind)
    if named and form == Expr(chosen[1] or chosen[2]):  # `(C) 15` names choice C
        return "correct", "the same choice", 0
    verdict, reason = _verdict(comparison, form, answers[0], gold + answers[0])
    several_boxes = verdict != "correct" and len(answers) > 1 and isinstance(form, (Several, Collection, Seq))
    if several_boxes and _verdict(comparison, form, answers[1], gold + answers[1])[0] == "correct":
        return "correct", "equal, in several boxes", 1
    if verdict == "wrong" and scalars.statement(gold):
        return "unverifiable", "the gold is a statement in other words", 0
    return verdict, reason, 0
