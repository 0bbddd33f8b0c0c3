"""Forms of responses around a right program, for `verify_code_shapes.py`.

`{prompt}`, `{body}` and `{name}` are a problem's prompt, the function's body and its name; `{cut}` is most of the
prompt, `{half}` half of the body, `{deep}` the whole function two levels to the right, `{session}` the function as an
interactive session shows it, `{numbered}` with line numbers, `{escaped}` as HTML. `{program}` is a whole program.
"""

import html

CONTINUATIONS = {
    "body alone": "{body}",
    "body, stripped": "{stripped}",
    "the prompt again, cut": "{body}\n\n{cut}",
    "the prompt again with half a body": "{body}\n\n{prompt}{half}",
    "the prompt again with a wrong body": "{body}\n\n{prompt}    return None\n",
    "a stub of the same name": "{body}\n\ndef {name}(*args): pass\n",
    "another class": "{body}\n\nclass Solution:\n    def solve(self, nums: Lost) -> Lost:\n        return nums\n",
    "another problem, cut": '{body}\n\ndef another(a, b):\n    """ The sum of two\n',
    "a wrong assertion": "{body}\n\nassert {name}() == 12345\n",
    "its own check": "{body}\n\ndef check(candidate):\n    assert candidate() == 1\n\ncheck({name})\n",
    "a driver that reads": "{body}\n\nn = int(input())\nprint({name}(n))\n",
    "a main guard": "{body}\n\nif __name__ == '__main__':\n    import doctest\n    doctest.testmod()\n    {name}()\n",
    "an endless loop below": "{body}\n\nwhile True:\n    pass\n",
    "an exit below": "{body}\n\nimport sys\nsys.exit(0)\n",
    "prose": "{body}\n\nThis function works, isn't it?\n",
    "a fence and prose": "{body}```\n\nThe function walks through its input once.\n",
    "comments and an unclosed text": "{body}\n# Test cases\n'''\nsome more text\n",
    "end of sequence": "{body}<|endoftext|>def {name}(): pass",
    "end of text": "{body}</s>",
    "end of turn": "{body}<end_of_turn>\n",
}
SHAPES = {
    "one fenced block": "```python\n{prompt}{body}\n```",
    "prose and a bare fence": "\nHere is the code:\n```\n{prompt}{body}\n```\n",
    "no fence": "\nHere is the code:\n\n{prompt}{body}\nIt isn't hard: one pass is enough.\n",
    "the body alone, fenced": "Only the body is missing:\n```python\n{body}\n```",
    "a wrong assertion inside": "```python\n{prompt}{body}\nassert {name}() == 12345\n```",
    "a driver inside": "```python\n{prompt}{body}\nn = int(input())\nprint({name}(n))\n```",
    "a failing usage line inside": "```python\n{prompt}{body}\nprint({name}(undefined))\n```",
    "a unittest inside": (
        "```python\nimport unittest\n{prompt}{body}\nclass T(unittest.TestCase):\n    def test(self):\n"
        "        self.assertEqual({name}(), 1)\n\nif __name__ == '__main__':\n    unittest.main()\n```"
    ),
    "usage in a second block": "```python\n{prompt}{body}\n```\nUse it so:\n```python\nprint({name}(1, 2, 3, 4))\n```",
    "output in a second block": "```python\n{prompt}{body}\n```\nOutput:\n```\n42\n```",
    "double fences": "```python\n```python\n{prompt}{body}\n```\n```",
    "a thought with a draft": "<think>```python\ndef {name}(*args): pass\n```</think>\n```python\n{prompt}{body}\n```",
    "a thought, then a bare fence": "<think>\nHm.\n</think>\n\n```\n{prompt}{body}\n```",
    "an open thought": "<think>\n```python\n{prompt}{body}\n```\n",
    "a draft, then the answer": (
        "```python\ndef {name}(*args):\n    return 0\n```\nBetter:\n```python\n{prompt}{body}\n```"
    ),
    "a skeleton below": "```python\n{prompt}{body}\n```\nIn short:\n```python\ndef {name}(*args):\n    ...\n```",
    "an unclosed draft": "```python\ndef {name}(a):\n    x = (\nNo:\n\n```python\n{prompt}{body}\n```",
    "an unclosed fence": "```python\n{prompt}{body}\n",
    "a cut explanation": "```python\n{prompt}{body}\n```\n\nThis works because `",
    "tildes": "~~~python\n{prompt}{body}\n~~~",
    "four backticks": "````python\n{prompt}{body}\n````",
    "in a list": "1. The answer:\n\n{deep}\n",
    "in a quote": "{quoted}",
    "an interactive session": "```python\n{session}\n```",
    "line numbers": "```python\n{numbered}\n```",
    "HTML": "```python\n{escaped}\n```",
    "Windows line ends": "{windows}",
    "an answer tag": "<answer>\n{prompt}{body}\n</answer>",
    "[PYTHON] tags": "[PYTHON]\n{prompt}{body}\n[/PYTHON]",
    "a LaTeX listing": "\\begin{lstlisting}[language=Python]\n{prompt}{body}\n\\end{lstlisting}",
    "another language too": "```cpp\nint f() { return 1; }\n```\n```python\n{prompt}{body}\n```",
    "shell commands first": "```bash\npip install numpy\n```\n```python\n{prompt}{body}\n```",
    "an end mark behind": "```python\n{prompt}{body}\n```<|im_end|>\n<|im_start|>user",
    "a thought's mark in a string": "```python\n{prompt}{body}\nMARK = '</think>'\n```",
    "a missing package": "```python\nimport nosuchpackage\n{prompt}{body}\n```",
}
WITHOUT_PROGRAM = {"an open thought"}
# Around a program that reads and prints; neither peer knows those.
PROGRAM_SHAPES = {
    "program: alone": "{program}",
    "program: fenced": "```python\n{program}```",
    "program: prose and a bare fence": "\nHere is the code:\n```\n{program}```\n",
    "program: a number below": "```python\n{program}```\nFor the sample it prints\n```\n6\n```",
    "program: YES below": "```\n{program}```\nFor the sample it prints\n```\nYES\n```",
    "program: an import below": "```python\n{program}```\nFor speed:\n```python\nimport sys\n```",
    "program: a comment below": "```python\n{program}```\n```python\n# Time O(n)\n```",
    "program: a cut block below": "```python\n{program}```\nOr:\n```python\nfor i in range(",
    "program: a draft above": "```python\nprint('draft')\n```\nBetter:\n```python\n{program}```",
    "program: the sample above": "Input:\n```\n1 2\n```\nProgram:\n```python\n{program}```",
    "program: a thought": "<think>\n```python\nprint(input())\n```\n</think>\n\n```python\n{program}```",
    "program: an answer tag": "<answer>\n```python\n{program}```\n</answer>",
}


def filled(form: str, prompt: str, body: str, name: str) -> str:
    """A form with its parts in place."""
    whole = f"{prompt}{body}".rstrip("\n")
    lines = whole.split("\n")
    fenced = ["```python", *lines, "```"]
    parts = {
        "deep": "\n".join(f"   {line}" for line in fenced),
        "quoted": "\n".join(f"> {line}" for line in fenced),
        "session": "\n".join((f"... {line}" if number else f">>> {line}") for number, line in enumerate(lines)),
        "numbered": "\n".join(f"{number:3} {line}" for number, line in enumerate(lines, 1)),
        "escaped": html.escape(whole),
        "windows": "\r\n".join(fenced),
        "stripped": body.strip(),
        "cut": prompt[: len(prompt) * 7 // 10],
        "half": body[: len(body) // 2],
        "prompt": prompt,
        "body": body,
        "name": name,
    }
    for part, value in parts.items():
        form = form.replace("{" + part + "}", value)
    return form
