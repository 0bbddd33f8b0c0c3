r"""Tables of phrases: text files of regular expressions, one phrase or one small family a line.

    WRONG: what an answer is that is none
        incorrect|false
        too (small|large)  # `6 is too small`
        impossible(?! to)
    IT_IS_WRONG:
        (it|this) is {WRONG}\b

A name begins a list of alternatives, and the words behind it say what they mean. `{NAME}` stands for any line of a list
above, or for an expression that Python gives. Two things are shorter than in Python: a space is any white space (`\s+`;
`\ ` is one space), and round brackets only group, as `(?:…)`.
"""

import os
import re

FOLDER = os.path.dirname(__file__)  # without pathlib, which takes longer to import than all tables to read
KEPT = re.compile(r"(\[(?:\\.|[^]\\])*\]|\\.)")  # sets of characters, and what a backslash protects
PART = re.compile(r"(^)?\{([A-Z_]+)\}($)?", re.MULTILINE)


def table(name: str, **parts: str) -> dict[str, str]:
    """Read the lists of `<name>.txt` as regular expressions. The expressions `parts` may stand in them."""
    found: dict[str, list[str]] = {}
    with open(f"{FOLDER}/{name}.txt", encoding="utf-8") as file:
        text = file.read()
    for line in text.split("\n"):
        said = line.partition("#" if line[:1] == "#" else "  #")[0].strip()
        if said and line[0] != " ":
            lines = found[said.partition(":")[0]] = []
        elif said:
            lines.append(said)

    def put(part: re.Match) -> str:
        alone = part[1] is not None and part[3] is not None
        return lists[part[2]] if alone else f"(?:{lists[part[2]]})"

    lists = dict(parts)
    for title, lines in found.items():
        pieces = KEPT.split("\n".join(lines))
        pieces[::2] = [p.replace(" ", r"\s+").replace("(", "(?:").replace("(?:?", "(?") for p in pieces[::2]]
        lists[title] = PART.sub(put, "".join(pieces)).replace("\n", "|")
    return lists


def compiled(lists: dict[str, str], *names: str, flags: int = re.IGNORECASE) -> list[re.Pattern]:
    """Compile some lists of a table."""
    return [re.compile(lists[name], flags) for name in names]
