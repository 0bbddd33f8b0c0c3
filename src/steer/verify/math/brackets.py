"""Where brackets open and close in LaTeX, and what stands between separators outside of them."""

import re

from steer.verify.math.work import CHARACTER, spend

OPENING, CLOSING = "([{", ")]}"


def levels(text: str) -> list[int]:
    """Compute the bracket depth before each character. Half-open intervals mix bracket kinds, so any may match."""
    spend(CHARACTER * len(text))
    depths, depth = [], 0
    for place, character in enumerate(text):
        opens = character in OPENING or text.startswith(("\\begin", "\\langle", "\\lfloor", "\\lceil"), place)
        closes = character in CLOSING or text.startswith(("\\end", "\\rangle", "\\rfloor", "\\rceil"), place)
        depth -= closes
        depths.append(depth)
        depth += opens
    return depths


def split(text: str, pattern: re.Pattern) -> tuple[list[str], list[str]]:
    """Split `text` at the matches of `pattern` outside brackets; return the parts and the matches."""
    matches = list(pattern.finditer(text))
    if not matches:
        return [text], []
    depths = levels(text)
    parts, found, start = [], [], 0
    for match in matches:
        if depths[match.start()] == 0:
            parts.append(text[start : match.start()])
            found.append(match.group())
            start = match.end()
    return [*parts, text[start:]], found


def enclosed(text: str) -> bool:
    """Check whether the first character opens a bracket that the last one closes."""
    return (
        len(text) > 1
        and text[0] in OPENING + "]"
        and all(depth > 0 for depth in levels(text)[1:-1])
        and text[-1] in CLOSING + "["
    )
