"""The program in a model's response."""

import ast
import re
import textwrap
import warnings

_OPENING = re.compile(r"([ \t]*)(`{3,}+|~{3,}+)[ \t]*+\{?\.?([\w+#.-]*+)[^`]*+")
_PYTHON = re.compile(r"i?python[\d.]*|py3?|pycon|sage")
_END = re.compile(r"<\|(?:endoftext|end_of_text|im_end|eot_id)\|>|^\[DONE\]", re.M)  # of a response not cut there
_THINK_END = "</think>"
_CODE_START = re.compile(r"(?:(?:def|class|import|from|async def|if|for|while|with|try)\b|@|\w+ *=[^=])")
MAX_LINES, MAX_CUTS, MAX_CLOSINGS = 2000, 30, 40  # bounds on the search through a long response
MAX_FINALLY = 8  # each that is nested in another doubles what the compiler writes: of more, only the grammar is checked


def extract_program(response: str, prefix: str = "", entry_point: str | None = None) -> str:
    """Program text of a model response.

    Text up to `</think>` is dropped. Of fenced blocks, Python ones come before others; among them the last that
    defines `entry_point` and parses wins, together with earlier blocks it needs (their definitions and imports);
    without an entry point the last block that parses. Without fences the longest run of lines that parses is taken.
    `prefix` is put in front when the text continues it: when it does not itself define `entry_point`.
    """
    text = response.rpartition(_THINK_END)[2] if _THINK_END in response else response
    text = _END.split(text.replace("\r\n", "\n").lstrip("\ufeff\u200b").removeprefix("[BEGIN]\n"), 1)[0]
    blocks = _begun_inside(text) or _fenced(text)
    if blocks:
        body = _choose(blocks, prefix, entry_point)
    else:
        body = text
    if prefix:
        return _continue(prefix, body, entry_point)
    if _parses(body):
        return body
    cut = _trim(body, 0) if blocks else _longest_run(body, entry_point)
    return cut if not entry_point or _defines(cut, entry_point.rpartition(".")[2]) else body


def _begun_inside(text: str) -> list[str]:
    """The text before the first fence, where that fence can only close a block that the prompt opened."""
    fences = re.findall(r"^[ \t]*```[ \t]*([\w+#.-]*)", text, re.M)
    head = text.partition("```")[0]
    return [head] if len(fences) % 2 and not fences[0] and head.strip() and _looks_like_code(head) else []


def _looks_like_code(text: str) -> bool:
    return text[:1].isspace() or any(_CODE_START.match(line) for line in text.split("\n"))


def _fenced(text: str) -> list[str]:
    """Fenced blocks: the Python ones, else those without a language, else all."""
    found, lines, tries = [], text.split("\n"), MAX_CLOSINGS
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening is None:
            continue
        # A fence inside the program's text (a docstring, say) closes nothing: the program parses only with the rest.
        end, first = None, len(lines)
        for line in range(at, len(lines)):
            if _closes(lines[line], opening[2]):
                first = min(first, line)
                tries -= 1
                if tries < 0 or _is_code("\n".join(lines[at:line])):
                    end = line if tries >= 0 else first
                    break
        end = first if end is None else end
        inside = [line.removeprefix(opening[1]) for line in lines[at:end]]
        if end < len(lines) and (last := lines[end].partition(opening[2])[0]).strip():
            inside.append(last)
        found.append((opening[3].lower(), _plain("".join(f"{line}\n" for line in inside))))
        at = end + 1
    found = [(language, body) for language, body in found if body.strip()]
    for wanted in (_PYTHON.fullmatch, lambda language: not language, lambda language: True):
        if blocks := [body for language, body in found if wanted(language)]:
            return blocks
    return []


def _closes(line: str, fence: str) -> bool:
    """Whether `line` closes a block that `fence` opened: by a fence without a language, or at the end of code."""
    head, found, rest = line.partition(fence)
    if not found:
        return False
    rest = rest.lstrip("`~")
    return (not head.strip() and rest[:1] in ("", " ", "\t")) or (not rest.strip() and line[:1] not in "#>")


def _is_code(block: str) -> bool:
    """Whether a block parses, as a program or as the body of a function."""
    return _parses(_plain(block)) or _parses(f"def body():\n{_indent(textwrap.dedent(block))}\n")


def _plain(block: str) -> str:
    """A block without the marks of an interactive session, without no-break spaces, and not indented as a whole."""
    block = block.replace("\u00a0", " ")
    if block.lstrip().startswith(">>> "):
        lines = [line.strip() for line in block.split("\n")]
        return "\n".join(line[4:] for line in lines if line.startswith((">>> ", "... "))) + "\n"
    straight = textwrap.dedent(block)
    return straight if straight != block and _CODE_START.match(straight) and _parses(straight) else block


def _choose(blocks: list[str], prefix: str, entry_point: str | None) -> str:
    if entry_point:
        name = entry_point.rpartition(".")[2]
        defining = [index for index, block in enumerate(blocks) if _defines(block, name)]
        if defining:
            last = [*defining, *(index for index in defining if _parses(blocks[index]))][-1]
            joined = "\n".join(
                [*(b for b in blocks[:last] if _only_definitions(b) and not _defines(b, name)), blocks[last]]
            )
            return joined if _parses(joined) else blocks[last]
        if prefix:
            for block in blocks:
                if _parses(_continue(prefix, block, None)):
                    return block
    parsing = [block for block in blocks if _parses(block)]
    return (parsing or blocks)[-1]


def _continue(prefix: str, body: str, entry_point: str | None) -> str:
    """`body` alone where it is a whole program, else `prefix` followed by as much of `body` as parses."""
    name = entry_point.rpartition(".")[2] if entry_point else _last_function(prefix)
    if body.startswith(prefix):
        return _trim(body, len(prefix))
    if name and _defines(body, name):
        program = body if _parses(body) else _longest_run(body, name)
        if _defines(program, name) and _parses(program):
            # Imports and helper functions of the prompt stay available; the body's definitions come later and win.
            stub = prefix if _parses(prefix) else f"{prefix.rstrip()}\n    pass\n"
            joined = f"{stub.rstrip()}\n\n\n{program}"
            return joined if _parses(joined) else program
    lines = body.strip("\n")
    # A response that was stripped has lost the indentation of its first line, or of all lines.
    straight = _indent(textwrap.dedent(lines))
    for candidate in [lines, straight] if lines[:1].isspace() else ["    " + lines, straight, lines]:
        joined = prefix + ("" if prefix.endswith("\n") else "\n") + candidate + "\n"
        if _parses(joined):
            return joined
    return _trim(prefix + ("" if prefix.endswith("\n") else "\n") + lines + "\n", len(prefix))


def _trim(text: str, keep: int) -> str:
    """The longest start of `text`, cut at a line end after position `keep`, that parses; else `text`."""
    start = text
    for _ in range(MAX_CUTS):
        line = _error_line(start)
        if line is None:
            return start
        lines = start.split("\n")
        # The parser gives up at `line` or later; whatever is wrong ends there, so the text is cut before it.
        shorter = "\n".join(lines[: max(0, min(line, len(lines)) - 1)]).rstrip()
        if len(shorter) <= keep or len(shorter) >= len(start):
            shorter = "\n".join(start.rstrip().split("\n")[:-1])
        if not shorter[keep:].strip():
            return text
        start = shorter + "\n"
    return text


def _longest_run(text: str, entry_point: str | None) -> str:
    """The longest run of lines that parses (and defines `entry_point`), starting where code plausibly starts."""
    lines = text.split("\n")[:MAX_LINES]
    best = ""
    for start in [i for i, line in enumerate(lines) if _CODE_START.match(line)][:MAX_CUTS]:
        rest = "\n".join(lines[start:]) + "\n"
        if len(rest) <= len(best):
            break
        run = _trim(rest, 0)
        if len(run) > len(best) and _parses(run) and (not entry_point or _defines(run, entry_point)):
            best = run
    return best or text


def _indent(text: str) -> str:
    return "\n".join("    " + line if line.strip() else line for line in text.split("\n"))


def _parses(text: str) -> bool:
    return _error_line(text) is None


def _error_line(text: str) -> int | None:
    """The line at which `text` stops being Python, from 1; None when it is Python throughout. Nothing is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST if text.count("finally") > MAX_FINALLY else 0
            compile(text, "<response>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return 1
    return None


def _defines(text: str, name: str) -> bool:
    """Whether a function, class or variable `name` is defined at any level (also where the text does not parse)."""
    return (
        re.search(
            rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*=", text, re.M
        )
        is not None
    )


def _only_definitions(text: str) -> bool:
    if not _parses(text):
        return False
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return all(isinstance(node, kinds) for node in ast.parse(text).body)


def _last_function(text: str) -> str:
    names = re.findall(r"^(?:async[ \t]+)?def[ \t]+(\w+)", text, re.M)
    return names[-1] if names else ""
