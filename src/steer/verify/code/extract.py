"""The program in a model's response."""

import ast
import re
import warnings

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON = {"", "python", "python3", "py", "py3", "pycon", "ipython"}
_THINK_END = "</think>"
_CODE_START = re.compile(r"(?:(?:def|class|import|from|async def|if|for|while|with|try)\b|@|\w+ *=[^=])")
MAX_LINES, MAX_CUTS = 2000, 30  # bounds on the search through a long response


def extract_program(response: str, prefix: str = "", entry_point: str | None = None) -> str:
    """Program text of a model response.

    Text up to `</think>` is dropped. Of fenced blocks, Python ones come before others; among them the last that
    defines `entry_point` wins, together with earlier blocks it needs (their definitions and imports); without an
    entry point the last block that parses. Without fences the longest run of lines that parses is taken. `prefix`
    is put in front when the text continues it: when it does not itself define `entry_point`.
    """
    text = response.rpartition(_THINK_END)[2] if _THINK_END in response else response
    text = text.replace("\r\n", "\n")
    blocks = _begun_inside(text) or _fenced(text)
    if blocks:
        body = _choose(blocks, prefix, entry_point)
    else:
        body = text
    if prefix:
        return _continue(prefix, body, entry_point)
    return body if blocks or _parses(body) else _longest_run(body, entry_point)


def _begun_inside(text: str) -> list[str]:
    """The text before the first fence, where that fence can only close a block that the prompt opened."""
    fences = re.findall(r"^[ \t]*```[ \t]*([\w+#.-]*)", text, re.M)
    head = text.partition("```")[0]
    return [head] if len(fences) % 2 and not fences[0] and head.strip() and _looks_like_code(head) else []


def _looks_like_code(text: str) -> bool:
    return text[:1].isspace() or any(_CODE_START.match(line) for line in text.split("\n"))


def _fenced(text: str) -> list[str]:
    found = [(match[2].lower(), match[3]) for match in _FENCE.finditer(text)]
    python = [body for language, body in found if language in _PYTHON and body.strip()]
    return python or [body for _, body in found if body.strip()]


def _choose(blocks: list[str], prefix: str, entry_point: str | None) -> str:
    if entry_point:
        name = entry_point.rpartition(".")[2]
        defining = [index for index, block in enumerate(blocks) if _defines(block, name)]
        if defining:
            last = defining[-1]
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
    for candidate in [lines] if lines[:1].isspace() else ["    " + lines, _indent(lines), lines]:
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
            compile(text, "<response>", "exec", dont_inherit=True)
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
