"""Units of measurement: recognise and convert them. Unknown words are separate units.

A unit is a size and powers of base dimensions, so that N and kg·m/s², J and N·m, mL and cm³, Hz and 1/s agree. The case
of a symbol counts: mg is not Mg, and mW is not MW.
"""

import re
from functools import lru_cache

Dimensions = dict[str, int]
# symbol of a dimension: name of its base unit. Derived units are products of these.
BASE = {
    "length": {"length": 1}, "time": {"time": 1}, "mass": {"mass": 1}, "current": {"current": 1},
        "amount": {"amount": 1},
    "temperature": {"temperature": 1}, "fahrenheit": {"fahrenheit": 1}, "kelvin": {"kelvin": 1}, "money": {"money": 1},
    "euro": {"euro": 1}, "yen": {"yen": 1},
    "angle": {"angle": 1}, "arcsecond": {"arcsecond": 1}, "arcminute": {"arcminute": 1},
        "before noon": {"before noon": 1},
    "after noon": {"after noon": 1}, "count": {}, "data": {"data": 1},
    "area": {"length": 2}, "volume": {"length": 3}, "frequency": {"time": -1}, "speed": {"length": 1, "time": -1},
    "force": {"mass": 1, "length": 1, "time": -2}, "energy": {"mass": 1, "length": 2, "time": -2},
    "power": {"mass": 1, "length": 2, "time": -3}, "pressure": {"mass": 1, "length": -1, "time": -2},
    "charge": {"current": 1, "time": 1}, "voltage": {"mass": 1, "length": 2, "time": -3, "current": -1},
    "resistance": {"mass": 1, "length": 2, "time": -3, "current": -2},
    "field": {"mass": 1, "time": -2, "current": -1},
}  # fmt: skip
# unit: (dimensions, size in metres, seconds, grams, amperes, moles)
TABLE: dict[str, tuple[Dimensions, float]] = {}
for _dimension, _units in {
    "length": {"m": 1, "meter": 1, "metre": 1, "in": 0.0254, "inch": 0.0254, "inche": 0.0254, "ft": 0.3048,
        "foot": 0.3048,
               "feet": 0.3048, "yd": 0.9144, "yard": 0.9144, "mile": 1609.344, "mi": 1609.344,
                   "parsec": 3.0856775814914e16,
               "pc": 3.0856775814914e16, "AU": 1.495978707e11, "ly": 9.4607304725808e15, "Å": 1e-10, "angstrom": 1e-10},
    "time": {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600,
             "day": 86400, "week": 604800, "yr": 31557600, "year": 31557600, "month": 2629800},
    "mass": {"g": 1, "gram": 1, "gramme": 1, "lb": 453.59237, "pound": 453.59237, "oz": 28.349523125,
        "ounce": 28.349523125,
             "GBP": 453.59237, "tonne": 1e6, "ton": 907184.74},  # a pound may be money: its sign has the same name
    "area": {"hectare": 1e4, "ha": 1e4, "acre": 4046.8564224},
    "volume": {"l": 1e-3, "L": 1e-3, "liter": 1e-3, "litre": 1e-3, "cc": 1e-6, "gallon": 3.785411784e-3,
        "gal": 3.785411784e-3},
    "money": {"dollar": 1, "cent": 0.01, "¢": 0.01, "usd": 1, "USD": 1, "buck": 1},
    "euro": {"euro": 1, "eur": 1, "EUR": 1}, "yen": {"yen": 1, "yuan": 1, "RMB": 1, "CNY": 1, "JPY": 1},
    "angle": {"radian": 1, "rad": 1},
    "temperature": {"C": 1, "celsius": 1}, "fahrenheit": {"F": 1, "fahrenheit": 1}, "kelvin": {"K": 1, "kelvin": 1},
    "arcsecond": {"arcsecond": 1, "arcsec": 1}, "arcminute": {"arcminute": 1, "arcmin": 1},
    "energy": {"J": 1e3, "joule": 1e3, "erg": 1e-4, "eV": 1.602176634e-16, "ev": 1.602176634e-16, "cal": 4184.0,
               "calorie": 4184.0},
    "force": {"N": 1e3, "newton": 1e3, "dyne": 1e-2, "dyn": 1e-2}, "power": {"W": 1e3, "watt": 1e3},
    "pressure": {"Pa": 1e3, "pascal": 1e3, "atm": 101325e3, "bar": 1e8},
    "frequency": {"Hz": 1, "hertz": 1}, "speed": {"mph": 0.44704, "kph": 1 / 3.6, "kmh": 1 / 3.6, "fps": 0.3048},
    "current": {"A": 1, "amp": 1, "ampere": 1}, "charge": {"coulomb": 1}, "voltage": {"V": 1e3, "volt": 1e3},
    "resistance": {"ohm": 1e3, "Ω": 1e3}, "field": {"T": 1e3, "tesla": 1e3, "gauss": 0.1, "G": 0.1},
    "amount": {"mol": 1, "mole": 1}, "data": {"byte": 8, "B": 8, "bit": 1, "b": 1},
    "before noon": {"am": 1}, "after noon": {"pm": 1}, "count": {"unit": 1, "time": 1},
}.items():  # fmt: skip
    TABLE |= {_name: (BASE[_dimension], _size) for _name, _size in _units.items()}
SHORT = {"n": 1e-9, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "c": 1e-2, "d": 0.1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
LONG = {"nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 0.1, "kilo": 1e3, "mega": 1e6, "giga": 1e9}
for _prefixes, _stems in (
    (SHORT, ("m", "s", "g", "l", "L", "J", "eV", "N", "W", "Pa", "Hz", "V", "A", "mol", "T", "cal", "pc", "B",
        "ohm", "Ω")),
    (LONG, ("meter", "metre", "second", "gram", "liter", "litre", "joule", "watt", "newton", "volt", "hertz",
        "pascal", "ohm")),
):  # fmt: skip
    for _prefix, _factor in _prefixes.items():
        for _stem in _stems:
            TABLE.setdefault(_prefix + _stem, (TABLE[_stem][0], TABLE[_stem][1] * _factor))

POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
NOISE = "of the a an are is long tall wide high deep away apart each left total altogether"
NOISE = set(NOISE.split())
LOOSE_NUMBER = re.compile(r"(?:^|[\w}]\s+|[*·⋅]\s*)\d+(?!\s*/)")  # `5 times 10`, `5 m 3`: no part of a unit
TOKEN = re.compile(r"(1(?=\s*/)|[a-zA-ZµμÅΩ¢]+)\.?\s*(?:\^\s*\{?\s*\+?(-?\d)\s*\}?)?|([/*·⋅])")


def _singular(word: str) -> str:
    """The name of the table that a word stands for. Words may be in any case; of symbols only M and m, G and g and such
    tell different units apart."""
    if word in TABLE:
        return word
    lower = word.lower()
    plain = (
        lower
        if lower in TABLE and (len(lower) > 3 or word[0].lower() == word[0] or word[0] not in "MSGNTAJKWVPCHL")
        else word
    )
    if plain in TABLE or word[:2] in ("Km", "KM", "Kg", "KG", "CM", "Cm", "FT", "LB", "HR", "AM", "PM", "Am", "Pm"):
        return plain if plain in TABLE else lower
    return (
        lower[:-1]
        if lower.endswith("s") and not lower.endswith("ss") and len(lower) > 2
        else lower
        if len(lower) > 3
        else word
    )


def _plain(text: str) -> str:
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\bdegrees?\s+(?=[CFK]\b|[Cc]elsius|[Ff]ahrenheit|[Kk]elvin)", "", text)
    return (
        re.sub(r"\\(?:cdot|times)(?![a-z])", "*", text)
        .replace("\\circ", "")
        .replace("\\Omega", " Ω ")
        .replace("\\mu", "µ")
    )


def known(text: str) -> bool:
    """Check whether every word of `text` is a unit of the table, with no number beside them."""
    if LOOSE_NUMBER.search(text):
        return False
    words = [word for word, _, _ in TOKEN.findall(_plain(text)) if word and word != "1"]
    named = [_singular(word) in TABLE for word in words]
    return any(named) and all(
        name or word.lower() in POWERS or word == "per" for name, word in zip(named, words, strict=True)
    )


@lru_cache(maxsize=1024)
def unit(text: str) -> tuple[float, frozenset[tuple[str, int]]]:
    """Size and dimensions of a unit: `km/h` is (0.277…, {("length", 1), ("time", -1)}). Pure counts have none."""
    if re.search(r"\\prime", text):
        return 1.0, frozenset({("arcsecond" if text.count("\\prime") == 2 else "arcminute", 1)})
    size, found = 1.0, {}
    sign, pending, last = 1, 1, None
    for word, exponent, operator in TOKEN.findall(_plain(text)):
        if operator or word == "per":
            sign = -1 if operator not in ("*", "·", "⋅") else sign
            continue
        power = POWERS.get(word.lower())
        if power and last is not None and word.lower().endswith("ed"):
            size *= last[1] ** (sign * (power - 1))
            _add(found, last[0], sign * (power - 1))
            continue
        if power:
            pending = power
            continue
        if word.lower() in NOISE or word == "1":
            continue
        times = sign * int(exponent or pending)
        name = _singular(word)
        last = TABLE.get(name, ({name: 1}, 1.0))
        size *= last[1] ** times
        _add(found, last[0], times)
        pending = 1
    return size, frozenset((name, power) for name, power in found.items() if power)


def rescaled(a, b, text: str, slack: float = 0.0) -> bool:
    """Check whether the number `a` in some unit may be `b` of the unit `text`, give or take `slack`."""
    size, dimensions = unit(text)
    if not dimensions or not a or not b:
        return False
    sizes = (one for powers, one in TABLE.values() if powers == dict(dimensions))
    return any(abs(a * one / size - b) <= slack + 1e-9 * abs(b) for one in sizes)


def _add(found: dict[str, int], dimensions: Dimensions, times: int) -> None:
    for name, power in dimensions.items():
        found[name] = found.get(name, 0) + power * times
