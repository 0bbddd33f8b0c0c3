"""The tables of phrases: how they are read, that no list is idle, and that results depend on them."""

import argparse
import re
from itertools import pairwise
from pathlib import Path

import pytest

from steer.train import settings
from steer.verify.math.phrases import tables

MATH = Path(tables.FOLDER).parent
TABLES = sorted(MATH.glob("phrases/*.txt"))


OWN = r"""# About the table.

SIZE: how large
    too (small|large)  # `6 is too small`
    of\ {NUMBER}
SAID: a whole sentence
    # about the next line
    (it|this)(?= is) is {SIZE}\b
    {SIZE}
    [( ]\(no\)
"""


def test_a_table_is_read_as_one_expression_for_each_list(tmp_path, monkeypatch):
    (tmp_path / "own.txt").write_text(OWN)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    lists = tables.table("own", NUMBER=r"\d|ten")
    assert lists["SIZE"] == r"too\s+(?:small|large)|of\ (?:\d|ten)"
    assert lists["SAID"] == rf"(?:it|this)(?=\s+is)\s+is\s+(?:{lists['SIZE']})\b|{lists['SIZE']}|[( ]\(no\)"
    (said,) = tables.compiled(lists, "SAID")
    assert said.match("It is too  LARGE.") and not said.match("It is so large.")


def _each(line: str) -> list[str]:
    """The phrases of a line: it is cut at the bars outside brackets."""
    depth, marks = 0, []
    for piece in re.finditer(r"\[(?:\\.|[^]\\])*\]|\\.|.", line):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        marks += [piece.start()] * (piece[0] == "|" and not depth)
    return [line[start + 1 : end] for start, end in pairwise([-1, *marks, len(line)])]


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_list_of_a_table_is_used_and_says_nothing_twice(path):
    text = path.read_text(encoding="utf-8")
    users = "".join(table.read_text(encoding="utf-8") for table in TABLES) if path.stem == "common" else text
    code = "".join(file.read_text(encoding="utf-8") for file in MATH.rglob("*.py"))
    for name, body in re.findall(r"^([A-Z_]+):.*\n((?: .*\n|\n|#.*\n)+)", text, re.MULTILINE):
        assert f"{{{name}}}" in users or f'"{name}"' in code or f"['{name}']" in code, name
        phrases = [one for line in re.findall(r"^ +([^\s#].*?)(?:  #.*)?$", body, re.MULTILINE) for one in _each(line)]
        assert phrases and len(set(phrases)) == len(phrases), (name, [p for p in phrases if phrases.count(p) > 1])
    wrong = re.findall(r"^(?![A-Z_]+:|    \S|#|$).*$", text, re.MULTILINE)
    assert wrong == [], "neither a name, nor a phrase after four spaces, nor a comment"


def test_checkpoints_and_results_depend_on_the_phrases(tmp_path):
    inputs = settings._inputs(argparse.Namespace(data=tmp_path / "data.jsonl", model=str(tmp_path)))
    assert TABLES and set(TABLES) <= set(inputs)
