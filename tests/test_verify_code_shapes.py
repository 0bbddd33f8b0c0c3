"""The program in a response that sets it apart in other ways than fences, or gives it in several blocks."""

import time

import pytest

from steer.verify.code import extract_program
from tests.test_verify_code_extract import BODY, PREFIX, WHOLE, doubles

INDENTED = "".join(f"    {line}\n" for line in WHOLE.splitlines())
LINE = "def f(x): return 2 * x"


@pytest.mark.parametrize(
    "response",
    [
        f"The code:\n\n{INDENTED}\nThat is it.\n",
        f"The code:\n\n{INDENTED.replace('    ', chr(9))}",
        f"The code:\n\n    import math\n\n{INDENTED}\nThat is it.\n",
        f"1. Define:\n\n   {LINE}\n\n2. Call it.\n",
        f"A draft:\n\n    def f(x): return 0\n\nThe code:\n\n{INDENTED}",
        f"The answer is:\n\n`{LINE}`\n",
        f"You can write ``{LINE}`` in one line.",
        f"```{LINE}```",
        f"Answer: ```{LINE}```",
        "`f = lambda x: 2 * x`",
        f"We write `def f(x): return 0` first.\n\n{WHOLE}",
        f"{WHOLE}\nNote that `def f(x): return 0` is wrong.",
        f"Not `def f(x): return 0`:\n```python\n{WHOLE}```\nnor `def f(x): return 1`.",
        f'<code class="python">\n{WHOLE}</code>',
        f'<p>Here:</p>\n<pre><code class="language-python">{WHOLE}</code></pre>\n<p>Done</p>',
        "<pre><code>def f(x):\n    return 2 * x if x &lt; 99 else 0\n</code></pre>",
        "```\n1  def f(x):\n2\n3      return 2 * x\n```",
        "```\n1\tdef f(x):\n2\t    return 2 * x\n```",
        "```\n 9 | def f(x):\n10 |     return 2 * x\n```",
        "```\n9  def f(x):\n10     return 2 * x\n```",
        "```\n9: def f(x):\n10:     return 2 * x\n```",
    ],
)
def test_marks_of_code_other_than_fences(response):
    assert doubles(extract_program(response, entry_point="f"))
    assert doubles(extract_program(response, PREFIX, "f"))


@pytest.mark.parametrize(
    "more",
    [
        "sum = 3\n",
        "int = None\n",
        "f = None\n",
        "half = None\n",
        "class List:\n    pass\n",
        "from operator import add as sum\n",
        "from nosuchmodule import half\n",
    ],
)
def test_what_a_base_model_binds_below_its_function_does_not_spoil_it(more):
    assert doubles(extract_program(BODY + "\n" + more, PREFIX, "f"))


@pytest.mark.parametrize(
    "response",
    [
        PREFIX + PREFIX + BODY,
        PREFIX + WHOLE,
        f"{PREFIX}```python\n{PREFIX}{BODY}```",
        f"{PREFIX}\nSure:\n```python\n{WHOLE}```",
        "    pass\n\n\n" + WHOLE,
        PREFIX + BODY + "\n\ndef f(x):\n    return 0\n",
    ],
)
def test_a_repeated_prompt_without_a_body_is_not_the_answer(response):
    assert doubles(extract_program(response, PREFIX, "f"))


def test_a_program_that_is_no_continuation_keeps_what_it_binds():
    assert doubles(extract_program("```python\ndef g(x):\n    return 2 * x\n\nf = None\nf = g\n```", entry_point="f"))
    program = "def f(x):\n    return sum([x, x])\n\nfrom math import fsum as sum\n"
    assert extract_program(f"```python\n{program}```", entry_point="f") == program


@pytest.mark.parametrize(
    "response",
    [
        f"```python\n{WHOLE}```\nTest:\n```python\nfrom solution import f\n\ndef test_f():\n    assert f(1) == 2\n```",
        f"```python\n{WHOLE}\nfrom solution import f\n\ndef test_f():\n    assert f(1) == 2\n```",
        f"```\n{WHOLE}```\nUse:\n```python\nprint(f(2))\n```",
        f"```\n{WHOLE}```\n```python\n# Time: O(1)\n```",
    ],
)
def test_a_block_that_defines_nothing_is_not_the_program(response):
    assert doubles(extract_program(response, entry_point="f"))
    assert doubles(extract_program(response, PREFIX, "f"))


def test_a_block_of_comments_in_python_is_not_the_program():
    program = "n = int(input())\nprint(2 * n)\n"
    for label in ("# Time: O(n)", "import sys"):
        assert extract_program(f"```\n{program}```\n```python\n{label}\n```") == program


READS = "import sys\n\ndef main():\n    n = int(input())\n    print(2 * n)\n\nmain()\n"


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (READS, "    n = int(input())\n    print(2 * n)\n", 0),
        (READS, "print(2 * n)\nmain()\n", 0),
        (READS, "n = int(input())\nprint(2 * n)  # shorter\n", 1),
        ("n = input()\nprint(n)\nprint('x')\n", "n = input()\nprint(n)\n", 1),  # a line less, not a quote from within
    ],
)
def test_a_later_block_that_quotes_an_earlier_one_is_not_the_program(first, second, wanted):
    found = extract_program(f"```python\n{first}```\nThat is:\n```python\n{second}```")
    assert found.strip() == (first, second)[wanted].strip()


def test_a_program_in_parts_is_joined():
    first, second = "n = int(input())\n", "print(2 * n)\n"
    found = extract_program(f"Read:\n```python\n{first}```\nThen print:\n```python\n{second}```\n")
    assert [line for line in found.split("\n") if line] == [first.strip(), second.strip()]
    assert extract_program("```python\nm = 3\n```\nOr:\n```python\nprint(7)\n```").strip() == "print(7)"


@pytest.mark.parametrize(
    "response",
    [
        "".join("```python\n" + "print(input())\n" * 3 + f"{i}\n```\n" for i in range(3000)),
        "".join(f"```python\nx{i} = y{i - 1}\n```\n" for i in range(6000)),
        "`def f(x): return 1` " * 14_000,
        "    def f(x):\n        return (\n\nprose\n" * 6000,
        "<pre><code>" * 30_000,
        "<pre>" + "</code> " * 40_000,
        "```\n" + ("1" * 50 + " x\n") * 5000 + "```",
    ],
)
def test_such_responses_take_bounded_time(response):
    started = time.process_time()
    for name in (None, "f"):
        assert isinstance(extract_program(response, entry_point=name), str)
    assert time.process_time() - started < 3
