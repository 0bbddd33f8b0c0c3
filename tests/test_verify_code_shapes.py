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
        "So:\n\n 9: def f(x):\n10:     return 2 * x\n\nThat is all.",
        "So:\n\n>>> def f(x):\n...     return 2 * x\n...\n>>> f(2)\n4\n",
        "```\nIn [8]: def f(x):\n   ...:     return 2 * x\n   ...:\n\nIn [9]: f(2)\nOut[9]: 4\n```",
        "```diff\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def f(x):\n-    return x\n+    return 2 * x\n```",
        "```python\n\ufeffdef f(x):\n    \u200breturn 2 *\u2060 x\n```",
        f"We take ```python {LINE}``` here.",
        "".join(f"> > {line}\n" for line in f"```python\n{WHOLE}```".split("\n")),
        f"I write it.<|python_tag|>{WHOLE}<|eom_id|>",
        f"<seed:think>`def f(x): return 0`</seed:think>\n```python\n{WHOLE}```",
        "<|channel|>analysis<|message|>`def f(x): return 0`<|end|><|start|>assistant<|channel|>final<|message|>"
        f"{WHOLE}<|return|>def f(x): return 0",
    ],
)
def test_marks_of_code_other_than_fences(response):
    assert doubles(extract_program(response, entry_point="f"))
    assert doubles(extract_program(response, PREFIX, "f"))


@pytest.mark.parametrize("opening", ["<seed:think>", "<|channel|>analysis<|message|>"])
def test_a_thought_that_never_ends_has_no_program(opening):
    assert extract_program(f"{opening}Perhaps\n```python\n{WHOLE}```\nWait", entry_point="f") == ""


@pytest.mark.parametrize("width", ["  ", "   ", "        ", "\t"])
def test_a_body_may_be_indented_by_another_width_than_its_prompt(width):
    body = "    if x:\n        return 2 * x\n    return 0\n".replace("    ", width)
    assert doubles(extract_program(f"{body}\nassert f(2) == 5\n", PREFIX, "f"))
    below = "    return twice(x)\n\n\ndef twice(x):\n    return 2 * x\n"
    assert doubles(extract_program(f"{below}\nThat is all.\n", PREFIX, "f"))


FILLED = "t = {}\ndef f(x): return t[x]\ndef fill(t=t):\n    for n in range(99): t[n] = 2 * n\n"


@pytest.mark.parametrize(
    "program",
    [
        FILLED + "fill()\n",
        FILLED + "fill(t)\nprint(f(int(input())))\n",
        FILLED + "if not t:\n    fill()\n",
        FILLED + "def start(): fill()\nstart()\n",
        FILLED + "def add(n): t[n] = 2 * n\nfor n in range(99): add(n)\n",
        "def start():\n    global k\n    k = 2\nstart()\ndef f(x): return k * x\n",
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return 2 * x\n",
        "import heapq\nh = [9, 2]\nheapq.heapify(h)\ndef f(x): return h[0] * x\n",
        "class K: pass\nsetattr(K, 'k', 2)\ndef f(x): return K.k * x\n",
        "from decimal import *\ngetcontext().prec = 9\ndef f(x): return len(str(Decimal(1) / 3)) - 11 + 2 * x\n",
        "s = set()\ns.f(2) if 0 else s.add(2)\ndef f(x): return len(s) * 2 * x\n",
    ],
)
def test_calls_that_fill_what_the_function_reads_stay(program):
    assert doubles(extract_program(f"```python\n{program}```", entry_point="f"))


CACHED = "t = {}\ndef g(x):\n    t[x] = 2 * x\n    return t[x]\ndef f(x): return g(x)\n"


@pytest.mark.parametrize(
    "trial",
    [
        "print(t.pop(9))",
        "def main():\n    t[0] = f(int(input()))\nmain()",
        "def test():\n    t.clear()\n    assert g(1) == 3\ntest()",
        "for a, b in [(1, 3)]:\n    assert g(a) == b",
        "g(int(input()))",
        "def main():\n    t[0] = int(open(0).read())\nmain()",
        "import sys\ndef main():\n    t[0] = 1\n    sys.exit(0)\nmain()",
        "while True: f(3)",
    ],
)
def test_calls_that_try_the_program_are_left_out(trial):
    assert doubles(extract_program(f"```python\n{CACHED}{trial}\n```", entry_point="f"))


@pytest.mark.parametrize("name", ["C.f", "f"])
def test_calls_of_the_method_under_test_are_left_out(name):
    owner = name.partition(".")[0] if "." in name else "Solution"
    program = f"class {owner}:\n    @staticmethod\n    def f(x): return 2 * x\n"
    trials = f"{owner}.f()\nprint({owner}.f(input()))\n"
    assert extract_program(f"```python\n{program}{trials}```", entry_point=name) == program


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
        "".join(f"def f{i}(): f{i + 1}()\n" for i in range(900)) + "def f(): f0()\n" + "f0()\n" * 900,
        "def f(): "
        + " ".join(f"g{i};" for i in range(900))
        + "".join(f"\ndef g{i}(): h()" for i in range(900))
        + "\ng1()" * 900,
        "1 x = (\ny\n" * 20_000,
    ],
)
def test_such_responses_take_bounded_time(response):
    started = time.process_time()
    for name in (None, "f"):
        assert isinstance(extract_program(response, entry_point=name), str)
    assert time.process_time() - started < 3
