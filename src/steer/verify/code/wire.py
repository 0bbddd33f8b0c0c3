"""Plain data across the boundary between judge and candidate: JSON, with every other plain type tagged.

`None`, booleans, integers, strings, finite floats and lists travel as JSON; everything else becomes an object with
one key that names its type. Decoding builds exact built-in types only, so no code of the candidate runs where the
decoded value is compared. A frame is a 4-byte big-endian length and that many bytes of JSON.
"""

import builtins
import collections
import datetime
import decimal
import fractions
import json
import math
import struct
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 300
MAX_INT_BITS = 8_000  # beyond it hexadecimal, as decimal conversion is quadratic and limited to 4,300 digits
_SCALARS = frozenset({type(None), bool, str})
_NUMBERS = frozenset({int, float})
_LARGE = 1 << MAX_INT_BITS
_to_json = json.JSONEncoder(separators=(",", ":")).encode  # bound here: a program may patch the module
HEADER = struct.Struct(">I")


MAX_FRACTION_BITS = 1 << 16  # reducing one takes time that grows with the square


# What decoding raises for data that is no answer of `encode`.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class NotPlain(TypeError):
    """A value that cannot leave its process as plain data."""


class Named(tuple):
    """A named tuple without its own class, so that no name of the candidate becomes code.

    As in Python, no field begins with an underscore: numpy would read `__array_interface__` and the memory it points
    to.
    """

    def __new__(cls, items: Any = (), fields: Any = ()) -> "Named":
        self = super().__new__(cls, items)
        self.__dict__["_fields"] = tuple(map(str, fields))
        return self

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._fields:
            return self[self._fields.index(name)]
        raise AttributeError(name)

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=False))


def frame(message: Any) -> bytes:
    data = _to_json(message).encode()
    return HEADER.pack(len(data)) + data


def encode(value: Any, other: Callable[[Any], Any] | None = None, depth: int = 0) -> Any:
    """Encode `value` for JSON; `other` encodes objects that are not plain data (default: raise `NotPlain`)."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int:
        return value if value.bit_length() <= MAX_INT_BITS else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if depth > MAX_DEPTH:
        raise NotPlain(f"nested deeper than {MAX_DEPTH}")
    if kind is list:
        if value and _numbers(value):
            return value
        return [encode(item, other, depth + 1) for item in value]
    if kind is tuple:
        return {"tuple": [encode(item, other, depth + 1) for item in value]}
    if kind is dict:
        return {"dict": [[encode(k, other, depth + 1), encode(v, other, depth + 1)] for k, v in value.items()]}
    return _encode_rare(value, kind, other, depth)


def _numbers(items: list) -> bool:
    """Check whether all items are numbers that JSON holds (a fast path for long lists)."""
    if not set(map(type, items)) <= _NUMBERS:
        return False
    try:
        return all(map(math.isfinite, items)) and max(map(abs, items)) < _LARGE
    except OverflowError:  # an integer beyond the range of floats
        return False


def _encode_rare(value: Any, kind: type, other: Callable[[Any], Any] | None, depth: int) -> Any:
    if issubclass(kind, set):
        return {"set": [encode(item, other, depth + 1) for item in set.__iter__(value)]}
    if issubclass(kind, frozenset):
        return {"frozenset": [encode(item, other, depth + 1) for item in frozenset.__iter__(value)]}
    if kind is complex:
        return {"complex": [encode(value.real), encode(value.imag)]}
    if kind in (bytes, bytearray):
        return {kind.__name__: value.hex()}
    if kind is range:
        return {"range": [encode(value.start), encode(value.stop), encode(value.step)]}
    if kind is collections.Counter or kind is collections.OrderedDict:
        return {kind.__name__: _pairs(value, other, depth)}
    if kind is collections.defaultdict and value.default_factory in _FACTORIES:
        return {"defaultdict": [value.default_factory.__name__, _pairs(value, other, depth)]}
    if issubclass(kind, tuple) and type(fields := getattr(value, "_fields", None)) is tuple and set(fields):
        items = [encode(item, other, depth + 1) for item in tuple.__iter__(value)]
        return {"named": [items, [str.__str__(field) for field in fields]]}
    if kind in _MOMENTS:
        return {kind.__name__: kind.isoformat(value)}
    if kind is datetime.timedelta:
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if kind is type and value in _TYPE_NAMES:
        return {"type": _TYPE_NAMES[value]}
    if kind is collections.deque:
        return {"deque": [encode(item, other, depth + 1) for item in value]}
    if kind is decimal.Decimal:
        return {"decimal": str(value)}
    if kind is fractions.Fraction:
        return {"fraction": [encode(value.numerator), encode(value.denominator)]}
    if kind in _VIEWS:
        return {_VIEWS[kind]: [encode(item, other, depth + 1) for item in value]}
    if kind is slice:
        return {"slice": [encode(part, other, depth + 1) for part in (value.start, value.stop, value.step)]}
    if kind is type(Ellipsis):
        return {"ellipsis": 0}
    # Subclasses are sent as the plain type under them: an overridden __eq__ or __iter__ stays behind.
    for base, strip in _BASES:
        if issubclass(kind, base):
            return encode(strip(value), other, depth)
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        plain = encode(value.tolist(), other, depth)
        return {"ndarray": plain} if kind.__name__ == "ndarray" else plain
    if other is None:
        raise NotPlain(kind.__name__)
    return other(value)


def _pairs(value: dict, other: Callable[[Any], Any] | None, depth: int) -> list:
    return [[encode(k, other, depth + 1), encode(v, other, depth + 1)] for k, v in dict.items(value)]


_FACTORIES = (int, list, set, dict, str, float, bool, tuple)
_FACTORY_NAMES = {kind.__name__: kind for kind in _FACTORIES}
_MOMENTS = (datetime.date, datetime.datetime, datetime.time)
_TYPES = {name: kind for name, kind in vars(builtins).items() if type(kind) is type} | {"NoneType": type(None)}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}
_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
_BASES = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (list, lambda value: list(list.__iter__(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (bytes, lambda value: bytes(memoryview(value))),
    (collections.deque, lambda value: collections.deque(collections.deque.__iter__(value))),
)


def _ndarray(items: Any) -> Any:
    import numpy

    return numpy.array(items)


def _fraction(parts: list) -> fractions.Fraction:
    if max(part.bit_length() for part in parts) > MAX_FRACTION_BITS:
        raise ValueError("a fraction of large numbers")
    return fractions.Fraction(*parts)


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": lambda text: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[text],
    "tuple": tuple,
    "dict": lambda items: {key: value for key, value in items},
    "set": set,
    "frozenset": frozenset,
    "complex": lambda parts: complex(*parts),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda parts: range(*parts),
    "deque": collections.deque,
    "decimal": decimal.Decimal,
    "fraction": _fraction,
    "Counter": lambda items: collections.Counter(dict(items)),
    "OrderedDict": lambda items: collections.OrderedDict(items),
    "defaultdict": lambda parts: collections.defaultdict(_FACTORY_NAMES[parts[0]], dict(parts[1])),
    "named": lambda parts: Named(*parts),
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "type": lambda name: _TYPES[name],
    "keys": lambda items: dict.fromkeys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: dict(items).items(),
    "ellipsis": lambda _: ...,
    "slice": lambda parts: slice(*parts),
}


def decoder(arrays: bool = False, **others: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """Return a function that decodes the bytes of a frame; it raises one of `MALFORMED`.

    `others` decode further tags; with `arrays`, numpy arrays stay arrays, else they become lists.
    """
    table = {**_DECODERS, "ndarray": _ndarray if arrays else lambda items: items, **others}

    def hook(tagged: dict) -> Any:
        if len(tagged) == 1:
            ((tag, payload),) = tagged.items()
            if tag in table:
                return table[tag](payload)
        return tagged

    parse = json.JSONDecoder(object_hook=hook, parse_constant=_no_constant).decode
    return lambda data: parse(data.decode())


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not plain JSON")
