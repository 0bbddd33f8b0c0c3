"""Extract the program from a model's response."""

import ast
import re
import textwrap
from collections.abc import Callable

from steer.verify.code import fences
from steer.verify.code.answer import DEFINED, IMPORT, answer, defines_whole, root
from steer.verify.code.syntax import Syntax, binds, known, last_function, uses
from steer.verify.thought import END, THOUGHTS, before_end, outside_thought

MOST_CHARACTERS = 300_000  # of a response, thoughts left out
MAX_LINES, MAX_CUTS = 2000, 30  # bounds on the search through a long response
MAX_TAILS = 3  # last lines that are left out if the text is invalid from its beginning
_MARK = re.compile("|".join([*(re.escape(mark) for pair in THOUGHTS for mark in pair), END.pattern]))
# A string on one line, or what a quote begins that never ends; an apostrophe in a word begins none.
_STRING = re.compile(r"""(?<!\w)[rbfuRBFU]{0,2}(["'])(?:\\.|(?!\1)[^\\\n])*+(\1)?""")
_HIDDEN = {"<": "\ue000", "[": "\ue001", "◁": "\ue002"}  # the first characters of marks, out of sight
WHOLE = 7  # the worth of a block that reads and prints
_DEFINITIONS = DEFINED | IMPORT | ast.Assign | ast.AnnAssign
_DONE = re.compile(r"^\[DONE\]", re.M)  # the end of an answer in MBPP's own prompt


def extract_program(response: str, prefix: str = "", entry_point: str | None = None) -> str:
    """Extract the program text of a model response; empty if the response ends inside a thought.

    Thoughts and what follows the end of the sequence are left out. Of fenced blocks, Python ones come before others;
    among them the last that defines `entry_point` as a whole wins, with blocks it needs (their definitions and
    imports); without an entry point the last that reads and prints. Without fences the longest run of lines that is
    Python is taken, else what is indented or in backticks within a line. `prefix` is put in front when the text
    continues it. Of a program with an entry point, statements that are no part of the answer are left out (see
    `answer`). Text is parsed, never run, within a bound on its length.
    """
    syntax = Syntax()
    text = _visible(response, syntax)
    if text is None:
        return ""
    text = text[:MOST_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\u200b")
    text = _DONE.split(text.removeprefix("[BEGIN]\n").replace("<|python_tag|>", "\n"), maxsplit=1)[0]
    if prefix:
        return _with_prefix(text, prefix, entry_point, syntax)
    begun = fences.begun_inside(text, syntax)
    blocks = [begun] if begun else fences.blocks(text, syntax, _enough(entry_point, syntax))
    if entry_point and not any(_defines(block, entry_point) for block in blocks):
        outside = fences.before_first(text) if blocks else text
        run = outside if syntax.valid(outside) else _longest_run(outside, entry_point, syntax)
        if not blocks or _defines(run, entry_point):
            return answer(run, entry_point, syntax)
    if not blocks:
        return text if syntax.valid(text) else _longest_run(text, None, syntax)
    body = _choose(blocks, entry_point, syntax)
    return answer(body if syntax.valid(body) else _trim(body, 0, syntax), entry_point, syntax)


def _visible(response: str, syntax: Syntax) -> str | None:
    """Remove thoughts and everything after the end of the response; None inside a thought.

    A mark in a string of a program, or anywhere in a Python block, is ordinary text.
    """
    if not _MARK.search(response):
        return response
    lines = response.split("\n")
    opened = None
    for number, line in enumerate(lines):
        if "```" in line:
            bare = line.strip().strip("`~")
            if opened is not None and not bare:
                block = lines[opened + 1 : number]
                if any(map(_MARK.search, block)) and syntax.valid("\n".join(block)):
                    lines[opened + 1 : number] = map(_hide, block)
                opened = None
            else:
                opened = number
        elif _MARK.search(line):
            lines[number] = _STRING.sub(lambda match: _hide(match[0]) if match[2] else match[0], line)
    text = outside_thought(before_end("\n".join(lines)))
    if text is not None:
        for seen, hidden in _HIDDEN.items():
            text = text.replace(hidden, seen)
    return text


def _hide(text: str) -> str:
    for seen, hidden in _HIDDEN.items():
        text = text.replace(seen, hidden)
    return text


def _choose(blocks: list[str], entry_point: str | None, syntax: Syntax) -> str:
    """Choose the block that is the answer and join it with blocks it needs."""
    if entry_point:
        whole = [i for i, block in enumerate(blocks) if defines_whole(syntax.body(block), entry_point)]
        defining = whole or [i for i, block in enumerate(blocks) if _defines(block, entry_point)]
        chosen = defining[-1] if defining else _last_valid(blocks, syntax)
    else:
        worth = [_worth(block, syntax) for block in blocks]
        most = max(worth)
        best = [i for i in range(len(blocks)) if worth[i] == most]
        chosen = next((i for i in best[: -MAX_CUTS - 1 : -1] if not _quotes(blocks, i)), best[-1])
        if most < WHOLE and (parts := _in_parts(blocks, syntax)):
            return parts
    lacks = _lacks(blocks[chosen], syntax)
    earlier, later = [], []
    for i, block in enumerate(blocks):
        given = set().union(*map(binds, syntax.body(block)))
        if i == chosen or not given or not _only_definitions(block, syntax):
            continue
        if entry_point and root(entry_point, syntax.body(block)) in given:
            continue
        if i < chosen and (entry_point or given & lacks):
            earlier.append(block)
        elif i > chosen and given & lacks:
            later.append(block)
    joined = "\n".join([*earlier, *(later if not entry_point else []), blocks[chosen], *(later if entry_point else [])])
    return joined if syntax.valid(joined) else blocks[chosen]


def _enough(entry_point: str | None, syntax: Syntax) -> Callable[[list[str]], bool]:
    """Return a check whether some of the blocks it gets hold an answer."""
    if not entry_point:
        return lambda blocks: any(_worth(block, syntax) == WHOLE for block in blocks)
    return lambda blocks: any(_defines(block, entry_point) and syntax.valid(block) for block in blocks)


def _last_valid(blocks: list[str], syntax: Syntax) -> int:
    return [i for i in range(len(blocks)) if syntax.valid(blocks[i]) or i == len(blocks) - 1][-1]


def _worth(block: str, syntax: Syntax) -> int:
    """Rate how much a block looks like a program that reads and prints."""
    nodes = [each for node in syntax.body(block) for each in ast.walk(node)]
    names = {n.id if isinstance(n, ast.Name) else n.attr for n in nodes if isinstance(n, ast.Name | ast.Attribute)}
    if not nodes:
        return 0
    return 1 + 4 * bool(names & {"input", "stdin", "open", "read", "fileinput"}) + 2 * bool(names & {"print", "stdout"})


def _quotes(blocks: list[str], at: int) -> bool:
    """Check whether a block repeats lines from within an earlier one, to explain them."""
    part = _bare(blocks[at], 0)
    return any(part in _bare(block, 1) for block in blocks[:at])


def _bare(block: str, start: int) -> str:
    """Return a block's lines from the line `start` on, without indentation and blank lines."""
    lines = [line.strip() for line in block.split("\n") if line.strip()]
    return "".join(f"\n{line}\n" for line in lines[start:])


def _in_parts(blocks: list[str], syntax: Syntax) -> str:
    """Join a program that is given in parts: the blocks that are Python, if one needs names of an earlier one."""
    parts = [block for block in blocks if syntax.body(block)]
    joined = "\n".join(parts)
    given: set[str] = set()
    for part in parts:
        if given & _lacks(part, syntax):
            return joined if syntax.valid(joined) and _worth(joined, syntax) == WHOLE else ""
        given |= set().union(*map(binds, syntax.body(part)))
    return ""


def _lacks(block: str, syntax: Syntax) -> set[str]:
    bound = set().union(*map(binds, syntax.body(block)))
    return {name for name in uses(block) - bound if not known(name)}


def _with_prefix(text: str, prefix: str, entry_point: str | None, syntax: Syntax) -> str:
    """Return the program if it may continue `prefix`."""
    name = entry_point or last_function(prefix)
    start = 0
    while text.startswith(prefix, start) and len(text) > start + len(prefix):
        start += len(prefix)  # the prompt again
    text = text[start:]
    head = fences.before_first(text)
    whole = _trim(textwrap.dedent(head.strip("\n")), 0, syntax)
    begins = head.strip() and not (syntax.valid(whole) and _defines(whole, name))
    if begins and (program := _continued(prefix, head, syntax, head != text or not head[:1].isspace())):
        return answer(program, name, syntax, first=True)
    blocks = fences.blocks(text, syntax, _enough(name, syntax))
    if not begins and head.strip() and not any(_defines(block, name) for block in blocks):
        blocks = [whole]  # a whole program without fences, before trials of it
    body = _choose(blocks, name, syntax) if blocks else text
    if not blocks and name and not _defines(text, name):
        body = _set_apart(text, name, syntax) or text
    if blocks and name and not _defines(body, name):
        for block in blocks:
            if program := _continued(prefix, block, syntax, strict=False):
                return answer(program, name, syntax, first=True)
    if body.startswith(prefix):
        return answer(_trim(body, len(prefix), syntax), name, syntax)
    if name and _defines(body, name):
        program = body if syntax.valid(body) else _longest_run(body, name, syntax)
        if _defines(program, name) and syntax.valid(program):
            if method := _method(prefix, program, name, syntax):
                return method
            # Imports and helper functions of the prompt stay available; the body's definitions come later and win.
            stub = prefix if syntax.valid(prefix) else f"{prefix.rstrip()}\n    pass\n"
            joined = f"{stub.rstrip()}\n\n\n{program}"
            return answer(joined if syntax.valid(joined) else program, name, syntax)
    found = _continued(prefix, body, syntax, strict=False)
    return answer(found, name, syntax, first=True) if found else f"{prefix.rstrip()}\n{body}"


def _method(prefix: str, program: str, name: str, syntax: Syntax) -> str:
    """Move a method written outside the class that the prompt left open into it."""
    functions = [node for node in syntax.body(program) if isinstance(node, ast.FunctionDef) and node.name == name]
    arguments = functions[-1].args.args if functions else []
    if prefix.rstrip().endswith(":") and arguments and arguments[0].arg == "self":
        joined = f"{prefix.rstrip()}\n{fences.indented(program)}\n"
        return joined if syntax.valid(joined) else ""
    return ""


def _continued(prefix: str, body: str, syntax: Syntax, strict: bool) -> str:
    """Join `prefix` with as much of `body` as is Python; empty if there is none.

    With `strict`, only if the body looks like code, because prose may be valid Python by chance.
    """
    lines = body.strip("\n").rstrip()
    # A response that was stripped has lost the indentation of its first line, or of all lines.
    straight = fences.indented(textwrap.dedent(lines))
    first = "    " + lines.lstrip()
    forms = [lines, straight] if lines[:1].isspace() else [first, straight, lines]
    if strict and not fences.looks_like_code(lines) and not lines.startswith(("return", "yield")):
        return ""
    start = prefix if prefix.endswith("\n") else prefix + "\n"
    for form in forms:
        if syntax.valid(start + form + "\n"):
            return start + form + "\n"
    own = re.split(r"^(?=\S)", lines, maxsplit=1, flags=re.M)[0]  # perhaps indented by another width than the prompt
    forms.append(fences.indented(textwrap.dedent(own)))
    found = [_trim(start + form + "\n", len(start), syntax) for form in forms]
    found = [program for program in found if syntax.valid(program) and program[len(start) :].strip()]
    return max(found, key=lambda program: _inner_lines(program, syntax), default="")


def _inner_lines(program: str, syntax: Syntax) -> int:
    """Count the lines of the longest definition: a wrongly indented body ends its function early."""
    return max((node.end_lineno - node.lineno for node in syntax.body(program)), default=0)


def _trim(text: str, keep: int, syntax: Syntax) -> str:
    """Return the longest prefix of `text`, cut at a line end after position `keep`, that parses; else `text`."""
    start, tails = text, 0
    for _ in range(MAX_CUTS):
        if syntax.left <= 0:
            break
        line = syntax.parse(start)
        if not isinstance(line, int):
            return start
        lines = start.split("\n")
        # The parser gives up at `line` or later; the error ends there, so the text is cut before it.
        shorter = "\n".join(lines[: max(0, min(line, len(lines)) - 1)]).rstrip()
        if len(shorter) <= keep or len(shorter) >= len(start):
            tails += 1
            shorter = "\n".join(start.rstrip().split("\n")[:-1]) if tails <= MAX_TAILS else ""
        if not shorter[keep:].strip():
            return text
        start = shorter + "\n"
    return text


def _longest_run(text: str, entry_point: str | None, syntax: Syntax) -> str:
    """Find the longest run of lines that parses (and defines `entry_point`), starting where code plausibly starts."""
    lines = text.split("\n")[:MAX_LINES]
    best = ""
    for start in [i for i, line in enumerate(lines) if fences.CODE_START.match(line)][:MAX_CUTS]:
        rest = "\n".join(lines[start:]) + "\n"
        if len(rest) <= len(best):
            break
        run = _trim(rest, 0, syntax)
        if len(run) > len(best) and syntax.valid(run) and (not entry_point or _defines(run, entry_point)):
            best = run
    return best or _set_apart(text, entry_point, syntax) or text


def _set_apart(text: str, entry_point: str | None, syntax: Syntax) -> str:
    """Return code of `text` that is indented or stands within a line: the last that is an answer, else ""."""
    found = fences.unfenced(text, syntax)
    if entry_point:
        found = [block for block in found if _defines(block, entry_point)]
        found = [block for block in found if defines_whole(syntax.body(block), entry_point)] or found
    else:
        found = [block for block in found if _worth(block, syntax) == WHOLE]
    return found[-1] if found else ""


def _defines(text: str, entry_point: str) -> bool:
    """Check whether a function, class or variable of that name is defined at any level, even in unparsable text."""
    name = re.escape(entry_point.rpartition(".")[2].removesuffix("()"))
    pattern = rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*=(?!=)"
    return re.search(pattern, text, re.M) is not None


def _only_definitions(text: str, syntax: Syntax) -> bool:
    statements = syntax.body(text)
    return bool(statements) and all(isinstance(node, _DEFINITIONS) for node in statements)
