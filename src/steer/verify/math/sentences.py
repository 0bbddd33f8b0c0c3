"""Where sentences end, in texts that hold formulas. One pass over the text."""

import re
from collections.abc import Iterator
from itertools import pairwise

# every alternative of these begins with its sign, for which long texts are searched fast, and looks behind only then
MATH = re.compile(
    r"\$\$([^$]+)\$\$|\\\[((?:[^\\]|\\(?![\[\]]))+)\\\]|\\\(((?:[^\\]|\\(?![()]))+)\\\)|\$(?<!\\\$)((?:\\.|[^$\\\n]|\n(?!\s*\n))+)\$",
    re.DOTALL,
)
END = re.compile(
    r"\n|\.(?<![.\d]\.)(?<!\bi\.e\.)(?<!\be\.g\.)(?=[\s\"'”*`_)\]]|$)|\.(?<=\d\.)(?=[\"'”*`_)]*(?:\s|$))|!(?=[\s\"'”*`_)]|$)|\?(?=[\s\"'”*`_)]|$)|[。！？।]"
)


def _ends(text: str) -> Iterator[int]:
    """Where sentences end, their marks included. Marks inside formulas end nothing."""
    formulas = MATH.finditer(text)
    low = high = -1
    for match in END.finditer(text):
        while high <= match.start() and high < len(text):
            low, high = next((formula.span() for formula in formulas), (len(text), len(text)))
        if not low <= match.start() < high:
            yield match.end()


def sentence(text: str) -> int:
    """Where the first sentence ends."""
    return next(_ends(text), len(text))


def sentences(text: str) -> list[str]:
    ends = [*_ends(text), len(text)]
    return [part for start, end in pairwise([0, *ends]) if (part := text[start:end]).strip()]
