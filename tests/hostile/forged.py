"""Answers written by hand to the line, and honest-looking ones that the judge's own tools misread."""

# ruff: noqa: E501  # a program a line

from tests.hostile import Case, asserts, fails, function
from tests.hostile.tricks import ALL_CLOSE, FORGED

ANSWERS = (
    FORGED
    + "import time\ndef f(x):\n    os.write(3, frame({}))\n    while os.read(3, 1 << 16): os.write(3, frame({}))\n"
)


def answers(first: str, later: str = "['ok', 5]") -> str:
    """A program that gives these answers, whatever it is asked."""
    return ANSWERS.format(first, later)


REFERENCE_AFTER = asserts(
    "def reference(items): return sum(items)\nitems = [4, 5]\nassert f(items) == reference(items)"
)
KEYED = function(([1], {"1": 2}))
OBJECT = "class C:\n    def __bool__(s): return False\n    def __str__(s): return 5\ndef f(x): return C()"
INTERFACE = (
    "{'dict': [['data', {'tuple': [4096, False]}], ['shape', {'tuple': [1]}], ['typestr', '<f8'], ['version', 3]]}"
)
EQUAL_ARRAYS = asserts("import numpy as np\nassert np.allclose(f(1), [9.0])")

CASES = [
    Case("changes the arguments of the reference", answers("['ok', 0, [[]]]"), REFERENCE_AFTER, fails("runtime_error")),
    Case("claims a shape", "import collections\ndef f(x): return collections.namedtuple('X', 'shape')(())", asserts(ALL_CLOSE + "assertion(f(3), 9.0, 0)"), fails("wrong_answer"), 5.0),
    Case("two lengths", "class C:\n    n = 0\n    def __len__(s):\n        s.n += 1\n        if s.n < 2: raise TypeError\n        return 0\n    def __getitem__(s, i): raise IndexError\ndef f(x): return (C(),)", asserts(ALL_CLOSE + "assertion(f(3), [9.0], 0)"), fails("wrong_answer"), 5.0),
    Case("memory of the judge as an array", answers(f"['ok', {{'named': [[{INTERFACE}], ['__array_interface__']]}}]"), EQUAL_ARRAYS, fails("wrong_answer"), 5.0),
    Case("array made by the program", answers("['ok', {'named': [[{'obj': [0, 'x']}], ['__array__']]}]", "['ok', {'ndarray': [9.0]}]"), EQUAL_ARRAYS, fails("wrong_answer"), 5.0),
    Case("another number each time", "NUMBERS = iter([7.0, -1.0])\nclass C:\n    def __float__(s): return next(NUMBERS)\ndef f(c): return C()", asserts("import math\nx = f([9, 1, 2])\nassert abs(9 + math.pow(x, 1) + 16 * math.pow(x, 2)) < 40"), fails("wrong_answer")),
    # Not earned as well: a verdict that masks the sample.
    Case("key of too many digits", "def f(x): return {10**200_000: 2}", KEYED, fails("wrong_answer")),
    Case("inner key of too many digits", "def f(x): return {'1': {10**200_000: 2}}", function(([1], {"1": {"2": 2}})), fails("wrong_answer")),
    Case("coroutine as an argument", "async def f(x): return x", asserts("assert f(f(1)) == 1"), fails("wrong_answer")),
    Case("coroutine through the test's function", answers("['callback', 0, [{'coroutine': [0, 'x']}], {'dict': []}]"), asserts("assert f(lambda x: x) == 9"), fails("wrong_answer")),
    Case("default that is no plain data", answers("['ok', {'defaultdict': ['object', []]}]"), asserts("assert f(f(1)[0]) == 9"), fails("runtime_error")),
    Case("text that is no text", OBJECT, asserts("result = f(1)\nassert result, result"), fails("wrong_answer")),
    Case("text of an argument of an error", answers("['error', 'KeyError', '', ['KeyError'], [{'obj': [0, 'x']}]]"), asserts("assert f(1) == 9"), fails("runtime_error")),
]  # fmt: skip
