"""The optional `type` of a pair: a data set's hint on the kind and precision of its gold answer.

The gold's own form decides what is compared; a type only adds what the form cannot show:

    real            a measured or rounded value: 1 % relative tolerance
    real:rel=0.001  another relative tolerance
    real:abs=0.1    an absolute one, in units of the gold
    text, choice    compare as words, or as the letter of a choice

Other names (`steer.configs.answers`) and unknown ones are accepted and have no effect: a hint must not cost a verdict.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from steer.configs.answers import MEANINGFUL, TOLERANCE

DEFAULT_RELATIVE = 0.01


@dataclass(frozen=True)
class AnswerType:
    name: str = ""
    relative: float = 0.0
    absolute: float = 0.0

    def accepts(self, gold, answer) -> bool:
        """Check whether a number is within the tolerance around the gold. False for types without one."""
        if self.name != "real":
            return False
        exact = isinstance(gold, Fraction)  # and maybe beyond the range of floats
        relative, absolute = (Fraction(t) if exact else t for t in (self.relative, self.absolute))
        return bool(abs(gold - answer) <= relative * abs(gold) + absolute)


@lru_cache(maxsize=256)
def answer_type(kind: str | None) -> AnswerType:
    """Return the rules of a type; an unknown name has those of no type."""
    if not kind:
        return AnswerType()
    kind = kind.strip().lower()
    match = TOLERANCE.fullmatch(kind)
    if match and math.isfinite(value := float(match[2])):
        return AnswerType(
            "real", relative=value if match[1] == "rel" else 0.0, absolute=value if match[1] == "abs" else 0.0
        )
    if kind == "real":
        return AnswerType("real", relative=DEFAULT_RELATIVE)
    return AnswerType(kind if kind in MEANINGFUL else "")
