r"""What two texts together show of their names: unknown functions (`\sigma(2n)`) and vectors (`\mathbf u`)."""

import re

from steer.verify.math.parse import NAMED_FUNCTIONS
from steer.verify.math.tokens import GREEK, tokenise

# a letter in upright or bold type, or with an arrow or hat
MARKED = re.compile(
    r"\\(?:text|vec|hat|overrightarrow)\s*\{?\s*(?:\\text\s*\{\s*)?(\\[a-z]+|[a-zA-Z])(?![a-zA-Z])\s*\}*"
)
SETS = re.compile(r"([A-Z])\s*\\times\s*([A-Z])")


def vectors(gold: str, answer: str) -> tuple[str, str]:
    """Both texts with an arrow on each letter that one of them marks in a product, whatever the mark.

    A product of two capital letters alone is one of sets, which does not commute either.
    """
    if "\\times" not in gold:
        return gold, answer
    names = {name for text in (gold, answer) for name in MARKED.findall(text)}
    if SETS.fullmatch(gold.strip()) and SETS.fullmatch(answer.strip()):
        names |= set(SETS.fullmatch(gold.strip()).groups())
    if not names:
        return gold, answer
    names.add("\\nabla")
    bare = re.compile(rf"(?<![\\a-zA-Z{{])({'|'.join(map(re.escape, names))})(?![a-zA-Z])")
    return tuple(bare.sub(r"\\vec{\1}", MARKED.sub(r"\\vec{\1}", text)) for text in (gold, answer))


def shared_functions(gold: str, answer: str) -> frozenset[str]:
    r"""Names that the gold applies to an argument and that never stand alone in it: `\sigma(2n)` is not `2n\sigma`.

    If the argument is a sum, both texts must apply them: `k(x + 1)` may be a product, as `kx + k` shows.
    """
    if "(" not in gold:
        return frozenset()
    (applied, plain, others), (also, surely, rest) = map(_applied_names, (gold, answer))
    usual = {name for name in applied if name in NAMED_FUNCTIONS or len(name) > 1}
    return frozenset((plain | (applied & also & (usual | surely)) - rest) - others)


def _applied_names(text: str) -> tuple[set[str], set[str], set[str]]:
    """The names in front of a parenthesis, those with no sum behind it, and the names that are no functions."""
    tokens = tokenise(text)
    applied, plain, others = set(), set(), set()
    for place, (kind, name) in enumerate(tokens):
        if not (kind == "name" or (kind == "cmd" and name[1:] in GREEK)):
            continue
        behind = [token for _, token in tokens[place + 1 : place + 16]]
        while behind[:1] == ["'"]:
            del behind[0]
        if behind[:1] == ["_"]:
            del behind[: behind.index("}") + 1 if "}" in behind[:8] and behind[1:2] == ["{"] else 2]
        end = behind.index(")") if ")" in behind else len(behind)
        if behind[:1] != ["("] or behind[end + 1 : end + 2] == ["("]:
            others.add(name)
            continue
        applied.add(name)
        if {"+", "-", "("}.isdisjoint(behind[1:end]):
            plain.add(name)
    return applied, plain, others
