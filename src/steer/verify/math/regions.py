r"""Sets of real numbers as sorted pieces: intervals, unions, solutions of inequalities, `x \ne 3`."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mpmath import mp

from steer.verify.math.arithmetic import Undefined, inexact
from steer.verify.math.forms import Collection, Combined, Expr, Form, Relation, Seq, Several
from steer.verify.math.parse import parse
from steer.verify.math.trees import Node, symbols
from steer.verify.math.values import bound, close, line

INFINITY = mp.inf
FLIP = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "\\ne": "\\ne"}


@dataclass(frozen=True)
class Piece:
    """An interval from `low` to `high`; flags tell whether the ends belong to it. A point has equal, included ends."""

    low: object
    low_in: bool
    high: object
    high_in: bool


EVERYTHING = (Piece(-INFINITY, False, INFINITY, False),)


def _less(a, b) -> bool:
    return not close(a, b) and bool((a < b) if type(a) is type(b) else inexact(a) < inexact(b))


def merge(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Sort pieces, drop empty ones and join touching ones."""
    kept = [p for p in pieces if _less(p.low, p.high) or (close(p.low, p.high) and p.low_in and p.high_in)]
    kept.sort(key=lambda p: (inexact(p.low), not p.low_in))
    merged: list[Piece] = []
    for piece in kept:
        last = merged[-1] if merged else None
        touching = last and (
            _less(piece.low, last.high) or (close(piece.low, last.high) and (piece.low_in or last.high_in))
        )
        if not touching:
            merged.append(piece)
        elif close(piece.high, last.high):
            merged[-1] = Piece(last.low, last.low_in, last.high, last.high_in or piece.high_in)
        elif _less(last.high, piece.high):
            merged[-1] = Piece(last.low, last.low_in, piece.high, piece.high_in)
    return tuple(merged)


def intersect(a: tuple[Piece, ...], b: tuple[Piece, ...]) -> tuple[Piece, ...]:
    found = []
    for p in a:
        for q in b:
            low = max(p.low, q.low, key=inexact)
            high = min(p.high, q.high, key=inexact)
            low_in = all(r.low_in for r in (p, q) if close(r.low, low))
            high_in = all(r.high_in for r in (p, q) if close(r.high, high))
            found.append(Piece(low, low_in, high, high_in))
    return merge(found)


def complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    result = EVERYTHING
    for p in pieces:
        outside = [Piece(-INFINITY, False, p.low, not p.low_in), Piece(p.high, not p.high_in, INFINITY, False)]
        result = intersect(
            result, merge([q for q in outside if not mp.isinf(inexact(q.low)) or not mp.isinf(inexact(q.high))])
        )
    return result


def equal(a: tuple[Piece, ...], b: tuple[Piece, ...]) -> bool:
    return len(a) == len(b) and all(
        close(p.low, q.low) and close(p.high, q.high) and p.low_in == q.low_in and p.high_in == q.high_in
        for p, q in zip(a, b, strict=True)
    )


def _interval(form: Seq) -> tuple[Piece, ...] | None:
    if len(form.items) != 2 or not all(isinstance(item, Expr) for item in form.items):
        return None
    low, high = (bound(item.text) for item in form.items)
    low_in, high_in = form.opening == "[", form.closing == "]"
    if low is None or high is None or not (_less(low, high) or (close(low, high) and low_in and high_in)):
        return None  # ends in the wrong order are no interval, rather than an empty one
    return merge([Piece(low, low_in and not mp.isinf(inexact(low)), high, high_in and not mp.isinf(inexact(high)))])


def _half_line(sign: str, root) -> tuple[Piece, ...]:
    if sign == "\\ne":
        return (Piece(-INFINITY, False, root, False), Piece(root, False, INFINITY, False))
    inside = sign in ("\\le", "\\ge")
    below = sign in ("<", "\\le")
    return (Piece(-INFINITY, False, root, inside),) if below else (Piece(root, inside, INFINITY, False),)


def _unknown(node: Node) -> Node:
    """Replace an unknown function such as f(x) in the tree by one symbol."""
    if node[0] == "apply":
        return ("sym", repr(node))
    return tuple(
        _unknown(part) if isinstance(part, tuple) and part and isinstance(part[0], str) else part for part in node
    )


def solve(form: Relation) -> tuple[str, tuple[Piece, ...]] | None:
    """Solve a chain of linear inequalities, possibly with absolute values of x + c or c - x.

    Returns the name of the unknown and the solution set; None for other relations.
    """
    if not all(isinstance(part, Expr) for part in form.parts):
        return None
    trees = [_unknown(parse(part.text)) for part in form.parts]
    unknown, pieces = None, EVERYTHING
    for left, sign, right in zip(trees, form.signs, trees[1:], strict=False):
        if sign not in FLIP:
            return None
        constants = [t for t in (left, right) if t == ("const", "inf") or t == ("neg", ("const", "inf"))]
        if constants:
            continue
        difference = ("add", left, ("neg", right))
        names = symbols(difference)
        if len(names) != 1 or names != {unknown or next(iter(names))}:
            return None
        (unknown,) = names
        found = _solve(difference, sign)
        if found is None:
            return None
        pieces = intersect(pieces, found)
    return (unknown, pieces) if unknown else None


def _solve(node: Node, sign: str) -> tuple[Piece, ...] | None:
    """Solve `node sign 0`: between the zeros of absolute values the tree is linear."""
    turns = []
    try:
        for inner in _absolutes(node):
            slope, start = line(inner)
            if abs(slope) != 1:
                return None
            turns.append(-start / slope if type(slope) is type(start) else -inexact(start) / inexact(slope))
        ends = [-INFINITY, *sorted(turns, key=inexact), INFINITY]
        found: list[Piece] = []
        for low, high in pairwise(ends):
            slope, start = line(_unfolded(node, _between(low, high)))
            if slope == 0:
                holds = {"<": start < 0, ">": start > 0, "\\le": start <= 0, "\\ge": start >= 0, "\\ne": start != 0}
                part = EVERYTHING if holds[sign] else ()
            else:
                root = -start / slope if type(slope) is type(start) else -inexact(start) / inexact(slope)
                part = _half_line(sign if slope > 0 else FLIP[sign], root)
            found += intersect(part, (Piece(low, low != -INFINITY, high, high != INFINITY),))
    except Undefined:
        return None
    return merge(found)


def _between(low, high):
    if low == -INFINITY:
        return Fraction(0) if high == INFINITY else inexact(high) - 1
    return inexact(low) + 1 if high == INFINITY else (inexact(low) + inexact(high)) / 2


def _absolutes(node: Node) -> list[Node]:
    if node[:2] == ("call", "abs"):
        return [node[2]] if symbols(node) else []
    return [inner for part in node[1:] if isinstance(part, tuple) and part for inner in _absolutes(part)]


def _unfolded(node: Node, at) -> Node:
    """Replace each absolute value in the tree by its linear form around `at`."""
    if node[:2] == ("call", "abs") and symbols(node):
        slope, start = line(node[2])
        return node[2] if inexact(slope) * at + inexact(start) > 0 else ("neg", node[2])
    return tuple(
        _unfolded(part, at) if isinstance(part, tuple) and part and isinstance(part[0], str) else part for part in node
    )


def region(form: Form) -> tuple[str | None, tuple[Piece, ...]] | None:
    """Return the set of reals that a form describes, with the unknown's name if it has one; None for other forms."""
    if isinstance(form, Seq):
        pieces = _interval(form)
        return None if pieces is None else (None, pieces)
    if isinstance(form, Relation):
        if form.signs == ("\\notin",):
            inside = region(form.parts[1])
            return inside and (None, complement(inside[1]))
        return solve(form)
    if isinstance(form, Collection):
        ends = [bound(item.text) if isinstance(item, Expr) else None for item in form.items]
        return (
            None if any(end is None for end in ends) else (None, merge([Piece(end, True, end, True) for end in ends]))
        )
    if isinstance(form, Several):
        if not all(isinstance(item, (Relation, Seq, Combined)) for item in form.items):
            return None
        unequal = all(isinstance(item, Relation) and item.signs == ("\\ne",) for item in form.items)
        if form.joiner == "pm" and not all(isinstance(item, Seq) for item in form.items):  # `x > \pm 1` says nothing
            return _combine([region(item) for item in form.items], "cap", form) if unequal else None
        return _combine(
            [region(item) for item in form.items], "cup" if form.joiner in ("or", "lor", "pm") else "cap", form
        )
    if isinstance(form, Combined):
        return _combine([region(item) for item in form.items], form.operation, form)
    return None


def _combine(found: list, operation: str, form: Form) -> tuple[str | None, tuple[Piece, ...]] | None:
    if None in found or not found:
        return None
    names = {name for name, _ in found if name}
    if len(names) > 1 or (isinstance(form, Several) and form.joiner == "," and not names):
        return None
    result = found[0][1]
    for _, pieces in found[1:]:
        if operation == "cup":
            result = merge([*result, *pieces])
        else:
            result = intersect(result, pieces if operation == "cap" else complement(pieces))
    return (names.pop() if names else None), result


def domain(form: Combined) -> bool:
    """Check whether a form is a condition for the elements of a set of numbers: `\\{x \\in \\mathbb{Z} : x < 2\\}`."""
    return (
        form.operation == "cap" and isinstance(form.items[1], Expr) and isinstance(form.items[0], (Relation, Several))
    )


def is_interval_like(form: Form) -> bool:
    """Check whether a form can only be a set of reals: half-open or infinite intervals, unions, inequalities."""
    if isinstance(form, Seq):
        infinite = any(isinstance(item, Expr) and "\\infty" in item.text for item in form.items)
        return len(form.items) == 2 and (infinite or form.opening + form.closing in ("[)", "(]"))
    form = form.items[0] if isinstance(form, Several) else form
    return isinstance(form, Combined) or (isinstance(form, Relation) and "=" not in form.signs)
