"""The forms that an answer can take: one value, several, a tuple, a set, an interval, a relation, a quantity, words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expr:
    text: str


@dataclass(frozen=True)
class Words:
    text: str


@dataclass(frozen=True)
class Several:
    """Unordered answers. `joiner` is the word or logic sign between them: "or", "and", "lor", "land", else ","."""

    items: tuple["Form", ...]
    joiner: str = ","


@dataclass(frozen=True)
class Seq:
    """Ordered, with its brackets: a tuple, point, vector or interval."""

    opening: str
    closing: str
    items: tuple["Form", ...]


@dataclass(frozen=True)
class Collection:
    """An explicit set."""

    items: tuple["Form", ...]


@dataclass(frozen=True)
class Combined:
    """Sets joined by an operation: "cup", "cap" or "minus"."""

    operation: str
    items: tuple["Form", ...]


@dataclass(frozen=True)
class Relation:
    """`parts[0] signs[0] parts[1] signs[1] ...`"""

    parts: tuple["Form", ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Quantity:
    """A value with the text of its unit; "%" and "deg" mean per cent and degrees of arc."""

    value: "Form"
    unit: str


@dataclass(frozen=True)
class Based:
    """A number written in base `base`."""

    digits: str
    base: int


@dataclass(frozen=True)
class Ratio:
    items: tuple["Form", ...]


Form = Expr | Words | Several | Seq | Collection | Combined | Relation | Quantity | Based | Ratio
