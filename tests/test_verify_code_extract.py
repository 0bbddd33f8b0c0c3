"""The program in a response: fences, several blocks, prose, continuation of a prompt."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.verify.code import extract_program

PREFIX = '''from typing import List


def half(x):
    return x / 2


def f(x: int) -> int:
    """ Double.
    >>> f(2)
    4
    """
'''
BODY = "    y: List[int] = [x, x]\n    return int(half(sum(y)) * 2)\n"
WHOLE = "def f(x):\n    return 2 * x\n"


def doubles(program, name="f"):
    names = {}
    exec(program, names)
    return names[name](21) == 42


@pytest.mark.parametrize(
    "response",
    [
        BODY,
        BODY.strip(),
        "return 2 * x",
        "y = 2 * x\nreturn y",
        BODY + "\n\ndef main():\n    print(f(",
        BODY + "\n\nThis doubles the number, isn't it?\n",
        BODY + "```\nThe function doubles.",
        f"```python\n{BODY}```",
        f"```python\n{WHOLE}```",
        f"```python\n{PREFIX}{BODY}```",
        PREFIX + BODY,
        PREFIX + BODY + "\nThat is all, isn't it?",
        "```python\ndef f(x: List[int]):\n    return int(half(4 * x))\n```",
        f"Sure:\n\n{WHOLE}\nThis isn't hard.",
        f"<think>\n```python\ndef f(x): return 0\n```\n</think>\n```python\n{WHOLE}```",
        "\treturn 2 * x\n",
        "  y = 2 * x\n  return y\n",
        "        return 2 * x\n",
        "    return 2 * x<|endoftext|>def g(",
    ],
)
def test_a_continuation_of_a_prompt(response):
    assert doubles(extract_program(response, PREFIX, "f"))
    assert doubles(extract_program(response, PREFIX))


@pytest.mark.parametrize(
    "response",
    [
        WHOLE,
        f"```python\n{WHOLE}```",
        f"```\n{WHOLE}```",
        f"~~~py\n{WHOLE}~~~",
        f"```Python3 title=x\n{WHOLE}```\nDone.",
        f"````python\n{WHOLE}````",
        f"```python\r\n{WHOLE}```".replace("\n", "\r\n"),
        f"```python\n{WHOLE}",
        f"  ```python\n{WHOLE}  ```",
        f"It is easy.\n\n{WHOLE}\nThat's it: don't worry.",
        f"```python\ndef f(x): return 0\n```\nBetter:\n```python\n{WHOLE}```",
        f"```python\n{WHOLE}```\nUse:\n```python\nprint(f(2))\n```\nOutput:\n```\n4\n```",
        f"```bash\npip install x\n```\n```python\n{WHOLE}```",
        "```python\ndef g(x):\n    return 2 * x\n```\nthen\n```python\ndef f(x):\n    return g(x)\n```",
        "```python\nimport math\n```\n```python\ndef f(x):\n    return math.floor(2 * x)\n```",
        f"```json\n{{}}\n```\n```python\n{WHOLE}```\n```cpp\nint f(int x);\n```",
        "1. So:\n\n   ```python\n   def f(x):\n       return 2 * x\n   ```\n",
        "\t```python\n\tdef f(x):\n\t\treturn 2 * x\n\t```\n",
        "```python\n    def f(x):\n        return 2 * x\n```",
        'So:\n```python\ndef f(x):\n    """Doc:\n```\nf(2)\n```\n    """\n    return 2 * x\n```\nDone.',
        "```python\n>>> def f(x):\n...     return 2 * x\n...\n>>> f(2)\n4\n```",
        f"```{{.python}}\n{WHOLE}```",
        f"```python\n{WHOLE}````",
        f"```python\n{WHOLE}```<|im_end|>",
        f"```python\n{WHOLE}``` That is all.",
        f"```python\n{WHOLE.rstrip()}```",
        f"[BEGIN]\n{WHOLE}[DONE]\nYou are",
        f"```python\n{WHOLE}\ndef main():\n    print(f(",
        f"```python\n{WHOLE}```\nAgain:\n```python\ndef f(x):\n    return 2 * (x",
        "```python\ndef f(x):\n\u00a0\u00a0\u00a0\u00a0return 2 * x\n```",
        f"\ufeff{WHOLE}",
    ],
)
def test_a_program_that_stands_alone(response):
    assert doubles(extract_program(response, entry_point="f"))


def test_the_last_block_counts_without_an_entry_point():
    assert extract_program("```python\nprint(1)\n```\n```python\nprint(2)\n```") == "print(2)\n"
    assert extract_program("```python\nprint(1)\n```\n```python\nprint(2\n```") == "print(1)\n"
    assert extract_program("n = int(input())\nprint(n)\n") == "n = int(input())\nprint(n)\n"
    assert extract_program("```python\nprint(1)\n```\nOutput:\n```\n1\n```") == "print(1)\n"


def test_a_method_is_found_by_its_last_name():
    block = "class Solution:\n    def f(self, x):\n        return x\n"
    assert extract_program(f"```python\n{block}```\n```python\nprint(1)\n```", entry_point="Solution.f") == block
    assert extract_program(f"```python\n{block}```\n```python\nprint(1)\n```", entry_point="f") == block


# The compiler writes what stands in the innermost `finally` 2 ** 19 times.
NESTED = "".join(" " * i + "try: pass\n" + " " * i + "finally:\n" for i in range(19)) + " " * 19 + "x = f(x)\n"


@pytest.mark.parametrize(
    "response",
    [
        "",
        "no code",
        "(" * 100_000,
        "x = (\n" * 50_000,
        "def f(\n" * 3000,
        "```" * 50_000,
        "```\n" * 30_000,
        " `" * 50_000,
        "-" * 100_000 + "1",
        "f" + "'" * 99_999,
        "\0",
        "\ud800",
        "def f():\n" + " \n" * 100_000,
        "~" * 100_000 + "`",
        "~~~" + "a" * 100_000 + "`",
        NESTED,
        # Each of these took more than a minute, or the square of its length.
        '"' + '\\"' * 100_000 + "</think>",
        "<s>" * 100_000,
        "x" + "`" * 100_000 + "y",
        "```" + " " * 100_000,
        "a" + " " * 100_000 + "\ndef f(): return 1",
        "```python\nx = (\n" * 3000,
        "def f(x):\n    return 1\n" * 1500,
        "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(1500)) + "def f(x): return f0(x)\n",
        "```\n" + (" " * 100 + "x = 1\n") * 2000 + "  (\n```",
        "def f(x): return y\nassert 1; y = " + "+".join("1" * 900),  # too deep to be written anew
    ],
)
def test_hostile_responses_take_bounded_time(response):
    """Within a second; three for both calls, where others share the core's caches and threads."""
    started = time.process_time()
    for prefix in ("", PREFIX):
        assert isinstance(extract_program(response, prefix, "f"), str)
    assert time.process_time() - started < 3


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from("`py\n def:()x=#'\"~</think>"), max_size=200), st.sampled_from(["", PREFIX]))
def test_any_text_gives_some_text(response, prefix):
    assert isinstance(extract_program(response, prefix, "f"), str)


def test_nothing_is_run(tmp_path):
    target = tmp_path / "made"
    extract_program(f"```python\nopen({str(target)!r}, 'w')\n```", entry_point="f")
    extract_program(f"open({str(target)!r}, 'w')\n", PREFIX, "f")
    assert not target.exists()


@pytest.mark.parametrize(
    "more",
    [
        "\n\n" + PREFIX,
        "\n\n" + PREFIX[:100],
        "\n\n" + PREFIX + "    return 0\n",
        "\n\ndef f(*args): pass\n",
        "\n\nclass Solution:\n    def f(self, nums: Lost) -> Lost:\n        return nums\n",
        "\n\nassert f(2) == 5\n",
        "\n\nn = int(input())\nprint(f(n))\n",
        "\n\nfor n in range(3):\n    print(f(n, n, n))\n",
        "\nimport sys\nsys.exit(1)\n",
        "\n\nimport nosuchmodule\n",
        "\n\nresult = f()\n",
    ],
)
@pytest.mark.parametrize("start", ["", PREFIX])
def test_a_base_models_text_is_cut_to_its_answer(more, start):
    assert doubles(extract_program(start + BODY + more, PREFIX, "f"))


NEEDED = "import sys\nTABLE = {}\nfor n in range(100):\n    TABLE[n] = 2 * n\nsys.setrecursionlimit(5000)\n"


@pytest.mark.parametrize(
    "program",
    [
        WHOLE + "assert f(2) == 5\n",
        WHOLE + "n = int(input())\nprint(f(n))\n",
        WHOLE + "f(1, 2, 3)\n",
        "x = int(input())\n" + WHOLE,
        NEEDED + "def f(x):\n    return TABLE[x]\nassert f(2) == 5\n",
        "def g(x):\n    return 2 * x\nf = g\nf(1, 2)\n",
        "from functools import lru_cache\ndef f(x):\n    return 2 * x\nf = lru_cache(f)\nf()\n",
    ],
)
def test_trials_of_a_program_are_left_out_and_what_it_needs_stays(program):
    assert doubles(extract_program(f"```python\n{program}```", entry_point="f"))
    assert doubles(extract_program(f"```python\n{program}```", PREFIX, "f"))


def test_definitions_that_only_tests_use_stay():
    program = "class Pair:\n    def __init__(self, a):\n        self.a = a\ndef f(p):\n    return p.a\n"
    assert extract_program(f"```python\n{program}```", entry_point="f") == program


SKELETON = "def f(x):\n    # your code\n    ...\n"


@pytest.mark.parametrize(
    "response",
    [
        f"\nHere is the code:\n```\n{WHOLE}```\n",
        f"\nHere is the code:\n```\n{WHOLE}",
        f"```python\n```python\n{WHOLE}```\n```",
        f"```\n```python\n{WHOLE}```\n```",
        f"```python\ndef f(x):\n    return 0\nNo, better:\n\n```python\n{WHOLE}```",
        f"```python\ndef f(x):\n    y = (\nNo, better:\n\n```python\n{WHOLE}```",
        "".join(f"> {line}\n" for line in f"```python\n{WHOLE}```".split("\n")),
        "- ```python\n  def f(x):\n      return 2 * x\n  ```",
        f"```python\n{WHOLE}END = '</think>'\n```",
        f"<think>Well</think>```python\nEND = '<think>'\n{WHOLE}```",
        f"```python\n{WHOLE}```</s>",
        f"{WHOLE}<end_of_turn>\nmodel",
        f"```python\n{WHOLE}```\nIn short:\n```python\n{SKELETON}```",
        f"<answer>\n{WHOLE}</answer>",
        f"[PYTHON]\n{WHOLE}[/PYTHON]",
        f"Here it is: ```python\n{WHOLE}```",
        f"{WHOLE}\nUsage:\n```python\nprint(f(2))\n```\n",
        "```python def f(x): return 2 * x```",
        "```python\n1 def f(x):\n2     return 2 * x\n```",
    ],
)
def test_unusual_shapes(response):
    assert doubles(extract_program(response, entry_point="f"))
    assert doubles(extract_program(response, PREFIX, "f"))


def test_an_open_thought_has_no_program():
    assert extract_program(f"<think>\n```python\n{WHOLE}```\n", entry_point="f") == ""
    assert extract_program(f"<think>\n```python\n{WHOLE}```\n") == ""


@pytest.mark.parametrize("later", ["6", "YES", "import sys", "# Time O(1)", "print(solve(3))", "a, b = 1, 2"])
def test_a_program_that_reads_and_prints_stands_before_a_later_snippet(later):
    program = "n = int(input())\nprint(2 * n)\n"
    assert extract_program(f"```python\n{program}```\nSo:\n```python\n{later}\n```") == program


def test_nested_finally_is_not_compiled():
    text = "def f(a):\n" + "".join(
        " " * i + "try:\n" + " " * i + " if a: return 1\n" + " " * i + "finally:\n" for i in range(1, 60)
    )
    started = time.process_time()
    assert extract_program(text + " " * 60 + "return 2\n", entry_point="f")
    assert time.process_time() - started < 1


def test_extraction_works_in_threads_and_holds_its_bounds():
    texts = ["a\n" * 500_000, "```\n" * 300_000, "x = (\n" * 300_000, "1 " * 1_000_000, "\n" * 2_000_000]
    with ThreadPoolExecutor(2) as pool:
        assert all(isinstance(program, str) for program in pool.map(extract_program, texts))


def test_statements_that_share_a_line_are_taken_apart():
    program = "def f(x): return y + z\nassert f(1) == 0; y = 2; print(1); z = '\u00e9;#'; assert 0  # all\n"
    found = extract_program(program, entry_point="f")
    assert found == "def f(x): return y + z\ny = 2\nz = '\u00e9;#'\n"
    block = "assert 1; y = [1,\n  2]; assert 2\n@staticmethod\ndef f(x):\n    return y\n"
    assert extract_program(block, entry_point="f") == "y = [1,\n  2]\n@staticmethod\ndef f(x):\n    return y\n"


def test_an_open_quote_hides_no_mark():
    assert extract_program(f"<think>\n'tis a thought </think>\n```python\n{WHOLE}```", entry_point="f") == WHOLE
    assert extract_program(f"{WHOLE}\nMARK = r'</think>'\n", entry_point="f").startswith(WHOLE)
