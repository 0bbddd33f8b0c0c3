r"""Comparison of answers with several parts: lists, sets, tuples, intervals, unions, vectors.

Functions take the running comparison `c` first: `c.same` compares parts.
"""

from steer.verify.math import regions
from steer.verify.math.forms import Collection, Combined, Expr, Form, Relation, Seq, Several
from steer.verify.math.values import close, constant


def many(c, gold: Form, answer: Form) -> bool:
    if regions.is_interval_like(gold) or regions.is_interval_like(answer) or (
        isinstance(gold, Several) and isinstance(gold.items[0], Relation) and "=" not in gold.items[0].signs
    ):  # fmt: skip
        found = [regions.region(form) for form in (gold, answer)]
        if None not in found:
            return regions.equal(found[0][1], found[1][1])
    if isinstance(gold, Seq) and isinstance(answer, Seq):
        return sequence(c, gold, answer)
    if isinstance(gold, (Several, Collection)) and isinstance(answer, (Several, Collection)):
        return unordered(c, gold, answer)
    if isinstance(gold, Seq) and isinstance(answer, Several):
        return gold.opening == "(" and ordered(c, gold.items, answer.items)
    if isinstance(gold, Several) and isinstance(answer, Seq):
        return answer.opening == "(" and ordered(c, gold.items, answer.items)
    if isinstance(gold, Combined) and isinstance(answer, Combined) and gold.operation == answer.operation:
        return unordered(c, Collection(gold.items), Collection(answer.items))
    if (isinstance(gold, Expr) and isinstance(answer, Seq)) or (isinstance(gold, Seq) and isinstance(answer, Expr)):
        return vector(c, gold, answer)
    return False


def sequence(c, gold: Seq, answer: Seq) -> bool:
    brackets = gold.opening + gold.closing == answer.opening + answer.closing
    return (brackets or len(gold.items) > 2) and ordered(c, gold.items, answer.items)


def ordered(c, gold: tuple[Form, ...], answer: tuple[Form, ...]) -> bool:
    return len(gold) == len(answer) and all(c.same(g, a) for g, a in zip(gold, answer, strict=True))


def unordered(c, gold: Several | Collection, answer: Several | Collection) -> bool:
    """Every gold answer has its own partner; repetition matters only where the gold repeats itself outside braces."""
    wanted, given = list(gold.items), list(answer.items)
    if isinstance(gold, Collection) or len(distinct(c, wanted)) == len(wanted):
        wanted, given = distinct(c, wanted), distinct(c, given)
    if len(wanted) != len(given):
        return False
    for item in wanted:
        partner = next((k for k, other in enumerate(given) if c.same(item, other)), None)
        if partner is None:
            return False
        given.pop(partner)
    return True


def distinct(c, items: list[Form]) -> list[Form]:
    kept: list[Form] = []
    for item in items:
        if not any(c.same(item, other) for other in kept):
            kept.append(item)
    return kept


def vector(c, gold: Form, answer: Form) -> bool:
    """A column vector and the tuple of its entries."""
    matrix, sequence = (gold, answer) if isinstance(gold, Expr) else (answer, gold)
    value = constant(matrix.text)
    if not isinstance(value, tuple) or sequence.opening != "(" or len(value[0]) != 1:
        return False
    if not all(isinstance(item, Expr) for item in sequence.items) or len(value) != len(sequence.items):
        return False
    return all(close(row[0], constant(item.text)) for row, item in zip(value, sequence.items, strict=True))
