"""Units of measurement: which unit a text names, and how it converts. Unknown words are units of their own."""

import re
from functools import lru_cache

# unit: (dimension, size in the dimension's base unit)
TABLE: dict[str, tuple[str, float]] = {}
for _dimension, _units in {
    "length": {"m": 1, "meter": 1, "metre": 1, "cm": 0.01, "centimeter": 0.01, "centimetre": 0.01, "mm": 0.001,
               "millimeter": 0.001, "km": 1000, "kilometer": 1000, "kilometre": 1000, "in": 0.0254, "inch": 0.0254,
               "inche": 0.0254, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "yd": 0.9144, "yard": 0.9144,
               "mile": 1609.344, "mi": 1609.344, "nm": 1e-9, "µm": 1e-6},
    "time": {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600,
             "day": 86400, "week": 604800, "ms": 0.001, "yr": 31557600, "year": 31557600},
    "mass": {"g": 1, "gram": 1, "kg": 1000, "kilogram": 1000, "mg": 0.001, "lb": 453.59237, "pound": 453.59237},
    "volume": {"l": 1, "liter": 1, "litre": 1, "ml": 0.001, "milliliter": 0.001},
    "money": {"dollar": 1, "cent": 0.01, "usd": 1, "buck": 1},
    "angle": {"radian": 1, "rad": 1},
    "temperature": {"c": 1, "celsius": 1},
    "fahrenheit": {"f": 1, "fahrenheit": 1},
    "arcsecond": {"arcsecond": 1, "arcsec": 1},
    "energy": {"j": 1, "joule": 1, "kj": 1000, "erg": 1e-7, "ev": 1.602176634e-19},
    "force": {"n": 1, "newton": 1},
    "power": {"w": 1, "watt": 1, "kw": 1000},
    "before noon": {"am": 1},
    "after noon": {"pm": 1},
    "": {"unit": 1, "time": 1},
}.items():  # fmt: skip
    TABLE |= {_name: (_dimension, _size) for _name, _size in _units.items()}

POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
NOISE = {"of", "the", "a", "an", "in", "are", "is"}
TOKEN = re.compile(r"([a-zA-Zµ]+)\.?\s*(?:\^\s*\{?\s*(-?\d)\s*\}?)?|([/*])")


def _singular(word: str) -> str:
    word = word if word in TABLE else word.lower()
    if word in TABLE:
        return word
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def known(text: str) -> bool:
    """Whether every word of `text` is a unit of the table."""
    words = [word for word, _, _ in TOKEN.findall(re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)) if word]
    return bool(words) and all(_singular(word) in TABLE or word in POWERS or word == "per" for word in words)


@lru_cache(maxsize=1024)
def unit(text: str) -> tuple[float, frozenset[tuple[str, int]]]:
    """Size and dimensions of a unit: `km/h` is (0.277…, {("length", 1), ("time", -1)}). Pure counts have none."""
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text).replace("\\cdot", "*").replace("\\circ", "")
    if re.search(r"\\prime", text):
        return 1.0, frozenset({("arcsecond" if text.count("\\prime") == 2 else "arcminute", 1)})
    size, dimensions = 1.0, {}
    sign, pending, last = 1, 1, None
    for word, exponent, operator in TOKEN.findall(text):
        if operator or word == "per":
            sign = -1 if operator != "*" else sign
            continue
        if word.lower() in POWERS and last is not None and word.lower().endswith("ed"):
            dimensions[last] += sign * (POWERS[word.lower()] - 1)
            continue
        if word.lower() in POWERS:
            pending = POWERS[word.lower()]
            continue
        if word.lower() in NOISE and word.lower() not in ("in",):
            continue
        power = sign * int(exponent or pending)
        dimension, factor = TABLE.get(_singular(word), (_singular(word), 1.0))
        size *= factor**power
        if dimension:
            dimensions[dimension] = dimensions.get(dimension, 0) + power
            last = dimension
        pending = 1
    return size, frozenset((name, power) for name, power in dimensions.items() if power)
