r"""Compare answers with several parts: lists, sets, tuples, intervals, unions, vectors.

Functions take the running comparison `c` first: `c.same` compares parts.
"""

from steer.verify.math import regions
from steer.verify.math.forms import Collection, Combined, Expr, Form, Relation, Seq, Several, Words
from steer.verify.math.values import close, constant


def many(c, gold: Form, answer: Form) -> bool:
    if any(map(regions.is_interval_like, (gold, answer))):
        found = [regions.region(form) for form in (gold, answer)]
        if None not in found:
            return regions.equal(found[0][1], found[1][1])
    if isinstance(gold, Seq) and isinstance(answer, Seq):
        return sequence(c, gold, answer)
    names = [labels(form) for form in (gold, answer)]
    if any(names) and isinstance(answer if names[0] else gold, Seq):  # `y=2, x=3` is the point (3, 2)
        gold, answer = (_by_name(f, n) for f, n in zip((gold, answer), names, strict=True))
    parts = all(isinstance(form, (Several, Seq, Collection)) for form in (gold, answer))
    if parts and any(names) and not all(names):  # `x=2, y=3` against `2, 3`, in the order of the names
        values = [
            [item.parts[1] for item in f.items] if n else f.items for f, n in zip((gold, answer), names, strict=True)
        ]
        return ordered(c, *values) if not isinstance(answer, Collection) else False
    if any(map(dotted, (gold, answer))):
        return type(gold) is type(answer) and ordered(c, gold.items, answer.items)
    if isinstance(gold, (Several, Collection)) and isinstance(answer, (Several, Collection)):
        joiners = {getattr(gold, "joiner", ","), getattr(answer, "joiner", ",")}
        if joiners in ({"lor", "land"}, {"lor", "and"}, {"land", "or"}):
            return False
        return unordered(c, gold, answer)
    if isinstance(gold, Seq) and isinstance(answer, Several):
        return gold.opening == "(" and ordered(c, gold.items, answer.items)
    if isinstance(gold, Several) and isinstance(answer, Seq):
        return answer.opening == "(" and ordered(c, gold.items, answer.items)
    if isinstance(gold, Combined) and isinstance(answer, Combined) and gold.operation == answer.operation:
        if gold.operation != "minus":
            return unordered(c, Collection(gold.items), Collection(answer.items))
        rest = Collection(gold.items[1:]), Collection(answer.items[1:])
        return c.same(gold.items[0], answer.items[0]) and unordered(c, *rest)
    if (isinstance(gold, Expr) and isinstance(answer, Seq)) or (isinstance(gold, Seq) and isinstance(answer, Expr)):
        return vector(c, gold, answer)
    return False


def labels(form: Form) -> list[str]:
    """Return the names in `x = 2, y = 3` if every part has one and they differ; else none."""
    if not isinstance(form, (Several, Seq)) or len(form.items) < 2:
        return []
    named = [item.parts[0].text.strip().partition("_")[0] for item in form.items if _named(item)]  # x_1, x_2: all x
    return named if len(named) == len(form.items) and len(set(named)) > 1 else []


def _by_name(form: Form, names: list[str]) -> Form:
    """Put values of x, y and z in this order."""
    if len(names) < 2 or not set(names) <= set("xyz"):
        return form
    return Several(tuple(item for _, item in sorted(zip(names, form.items, strict=True), key=lambda pair: pair[0])))


def _named(item: Form) -> bool:
    return isinstance(item, Relation) and item.signs == ("=",) and isinstance(item.parts[0], (Expr, Words))


def dotted(form: Form) -> bool:
    return isinstance(form, (Several, Seq, Collection)) and Expr("\\ldots") in form.items


def sequence(c, gold: Seq, answer: Seq) -> bool:
    brackets = gold.opening + gold.closing == answer.opening + answer.closing
    return (brackets or len(gold.items) > 2) and ordered(c, gold.items, answer.items)


def ordered(c, gold: tuple[Form, ...], answer: tuple[Form, ...]) -> bool:
    return len(gold) == len(answer) and all(c.same(g, a) for g, a in zip(gold, answer, strict=True))


def unordered(c, gold: Several | Collection, answer: Several | Collection) -> bool:
    """Match every gold answer with its own partner; repetition matters only if the gold repeats outside braces."""
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
    """Compare a column vector with the tuple of its entries, and a matrix with the list of its rows."""
    matrix, sequence = (gold, answer) if isinstance(gold, Expr) else (answer, gold)
    value = constant(matrix.text)
    if not isinstance(value, tuple) or len(value) != len(sequence.items):
        return False
    column = sequence.opening == "(" and len(value[0]) == 1
    rows = [item.items if isinstance(item, Seq) else (item,) * column for item in sequence.items]  # `[[1, 2], [3, 4]]`
    return all(
        len(row) == len(entries)
        and all(isinstance(e, Expr) and close(v, constant(e.text)) for v, e in zip(row, entries, strict=True))
        for row, entries in zip(value, rows, strict=True)
    )
