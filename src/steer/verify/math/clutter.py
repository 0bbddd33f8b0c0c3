r"""Remove meaningless parts of an answer: tags, end-of-proof signs, arrows, environments, quotation marks."""

import re

from steer.verify.math.phrases.tables import compiled, table

COMMAND = re.compile(r"\\([a-zA-Z]+)")
LISTS = table("clutter")
(MARKS,) = compiled(LISTS, "MARKS", flags=0)
PLACE, COMMA_BEFORE = compiled(LISTS, "PLACE", "COMMA_BEFORE")
# names of commands, by which most texts are spared a search
MARK_NAMES, ARROW_NAMES, DOT_NAMES = (set(LISTS[name].split("|")) for name in ("MARK", "ARROW", "DOT"))
ARROWS = ("=>", "->")
ARROW = re.compile(rf"^[\s$]*(?:\\(?:{LISTS['ARROW']})(?![a-zA-Z])|⇒|→|=>|->|⟹)\s*")
ENVIRONMENT = re.compile(
    r"\\begin\s*\{(aligned|align\*?|equation\*?|gathered|gather\*?|split|center|displaymath|math)\}(.*?)\\end\s*\{\1\}",
    re.DOTALL,
)
CELL = re.compile(r"\\begin\s*\{(array|cases)\}(?:\{[lcr|\s]*\})?((?:[^&\\]|\\(?!\\|end))*)\\end\s*\{\1\}")
PLACED = "\\text", "\\in", "at", "when", "for", "where", "with"
QUOTES = "\"'`*“”«»„"
LINE_ENDS = re.compile(r"(?:\\\\|\\(?=\s*$)|\\newline)\s*$")
# `2{,}74` is 2.74, and `2{,}740` is 2740: groups have three digits
DECIMAL_COMMA = re.compile(r"(?<![\d,.}])(\d+)\{,\}(\d{1,2}|\d{4,})(?![\d{,.])")
COMMA = re.compile(r"^([^\w(\[{]*\d+),(\d{1,2})(?![\d,])")
# `0.333...`, `0.8181...`
RECURRING = re.compile(r"(?<![\d.])(\d*\.\d{0,9}?)(?:(\d)\2{2,}|(\d{2,9})\3+)\s*(?:\.{3}|…|\\[lc]?dots(?![a-zA-Z]))")
PRICE = re.compile(r"\$[\d.,]+(?:\s+|/)(?!\w*illion|thousand)[a-zA-Z][^$]*")  # `$18 per day`, but not `$18 million`
DOTS = re.compile(rf"\\(?:{LISTS['DOT']})(?![a-zA-Z])|\.{{3,}}|…|⋯")
NEGATED = re.compile(
    r"\\not\s*\\(in|subseteq|subset|supseteq|supset|mid|parallel|equiv|exists|le|ge|leq|geq)(?![a-zA-Z])"
)
TEMPERATURE = re.compile(r"(\^\s*\{?\s*\\circ\s*\}?)\s*\\text\s*\{\s*([CFK])\s*\}")
BROKEN = re.compile(r"^\$?[^$]*\\\$\s*(?==)")  # a dollar sign that ended a formula, escaped by mistake
# a currency in front of or behind a number; it becomes a unit
CURRENCIES = {"\\$": "dollars", "€": "euros", "£": "pounds", "¥": "yen", "₹": "rupees", "₩": "won", "₽": "rubles"}
CURRENCY = r"(?:\\\$|[€£¥₹₩₽])"
NAMED_CURRENCY = re.compile(rf"\\text\s*\{{\s*({CURRENCY})\s*\}}|\\(euro|pounds|yen)(?![a-zA-Z])")
CURRENCY_NAMES = {"euro": "€", "pounds": "£", "yen": "¥"}
AMOUNT = r"([-+]?\d(?:[\d,.{}!\\]|\s(?=\\[!,]))*\d|[-+]?\d)"
MONEY = re.compile(
    rf"({CURRENCY})\s*(?:(?:\\,|\\ )\s*)?{AMOUNT}(\s*(?:\\text\s*\{{)?\s*(?:thousand|[mbt]r?illion)\b\}}?)?"
    rf"|{AMOUNT}()\s*(?:\\[,; ]\s*)?({CURRENCY})(?!\s*\d)"
)


def decimal(before: str, said: str) -> str:
    """Mark a comma as a decimal one where the words before the number show its language."""
    return COMMA.sub(r"\1{,}\2", said) if "," in said and COMMA_BEFORE.search(before) else said


def cleared(text: str) -> str:
    """Remove meaningless parts; the result has the spelling that the other rules of `normalise` expect."""
    bare = text.strip()
    while len(bare) > 2 and bare[0] in QUOTES and bare[-1] in QUOTES:
        bare = bare[1:-1].strip()
    bare = DECIMAL_COMMA.sub(r"\1.\2", bare) if "{,}" in bare else bare
    if bare[:1] == "$" and PRICE.fullmatch(bare):
        bare = "\\" + bare
    unusual = not bare.isascii()
    if unusual or "..." in bare or "dots" in bare:
        bare = RECURRING.sub(lambda m: rf"{m[1]}\overline{{{m[2] or m[3]}}}", bare)
    if "\\" in bare:
        return _cleared_commands(bare, unusual)
    if unusual or bare.startswith(ARROWS):
        bare = ARROW.sub("", bare)
    if _placed(bare):
        bare = PLACE.sub("", bare)
    if unusual:
        bare = MARKS.sub(" ", bare)
    return _money(DOTS.sub(r"\\ldots ", bare)) if unusual or "..." in bare else bare


def _money(text: str) -> str:
    """Write a currency as a unit behind its number: `€12` is `12\\text{ euros}`."""
    text = NAMED_CURRENCY.sub(lambda m: m[1] or CURRENCY_NAMES[m[2]], text)
    return MONEY.sub(
        lambda m: (m[2] or m[4]).rstrip(",.") + (m[3] or "") + rf"\text{{ {CURRENCIES[m[1] or m[6]]}}}", text
    )


def _placed(text: str) -> bool:
    """Check whether a text may end in a place or remark."""
    return text.rstrip()[-1:] == ")" or any(word in text for word in PLACED)


def _cleared_commands(bare: str, unusual: bool) -> str:
    while "\\begin" in bare and (match := ENVIRONMENT.fullmatch(bare.strip()) or CELL.fullmatch(bare.strip())):
        bare = match[2].replace("&", " ")
    names = set(COMMAND.findall(bare))
    if unusual or names & MARK_NAMES:
        bare = MARKS.sub(" ", bare)
    bare = bare.strip()
    if unusual or names & ARROW_NAMES or bare.startswith(ARROWS):
        bare = ARROW.sub("", bare).strip()
    if bare.endswith("\\") or "newline" in names:
        bare = LINE_ENDS.sub("", bare)
    if _placed(bare):
        bare = PLACE.sub("", bare)
    if "\\$" in bare:
        bare = BROKEN.sub("", bare)
    if unusual or "..." in bare or names & DOT_NAMES:
        bare = DOTS.sub(r"\\ldots ", bare)
    if "\\not" in bare:
        bare = NEGATED.sub(r"\\not\1 ", bare)
    if "\\circ" in bare:
        bare = TEMPERATURE.sub(r"\1 \2", bare)
    return _money(bare) if unusual or "\\$" in bare or not names.isdisjoint(CURRENCY_NAMES) else bare
