"""The program in a model's response."""

import ast
import re

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON = {"", "python", "python3", "py", "py3", "pycon", "ipython"}
_THINK_END = "</think>"


def extract_program(response: str, prefix: str = "", entry_point: str | None = None) -> str:
    """Program text of a model response.

    Text up to `</think>` is dropped. Of fenced blocks, Python ones come before others; among them the last that
    defines `entry_point` wins, together with earlier blocks it needs (their definitions and imports); without an
    entry point the last block that parses. Without fences the longest run of lines that parses is taken. `prefix`
    is put in front when the text continues it: when it does not itself define `entry_point`.
    """
    text = response.rpartition(_THINK_END)[2] if _THINK_END in response else response
    text = text.replace("\r\n", "\n")
    blocks = _fenced(text)
    if blocks:
        body = _choose(blocks, prefix, entry_point)
    else:
        body = text
    if prefix:
        return _continue(prefix, body, entry_point)
    return body if blocks or _parses(body) else _longest_run(body, entry_point)


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
            joined = (
                f"{prefix.rstrip()}\n    pass\n\n{program}" if _parses(f"{prefix.rstrip()}\n    pass\n") else program
            )
            return joined if _parses(joined) else program
    lines = body.strip("\n")
    for candidate in (lines, _indent(lines)):
        joined = prefix + ("" if prefix.endswith("\n") else "\n") + candidate + "\n"
        if _parses(joined):
            return joined
    return _trim(prefix + ("" if prefix.endswith("\n") else "\n") + lines + "\n", len(prefix))


def _trim(text: str, keep: int) -> str:
    """The longest start of `text`, cut at a line end after position `keep`, that parses; else `text`."""
    if _parses(text):
        return text
    for match in reversed(list(re.finditer(r"\n", text[keep:]))[-400:]):
        start = text[: keep + match.start() + 1]
        if start[keep:].strip() and _parses(start):
            return start
    return text


def _longest_run(text: str, entry_point: str | None) -> str:
    """The longest run of lines that parses, starting where code plausibly starts."""
    lines = text.split("\n")[:2000]
    starts = [
        i
        for i, line in enumerate(lines)
        if re.match(r"(def|class|import|from|async def|@|if|for|while|\w+ ?=)\b", line)
    ]
    best = ""
    for start in starts[:40]:
        for end in range(len(lines), start, -1):
            if end < len(lines) and lines[end - 1].strip() == "":
                continue
            run = "\n".join(lines[start:end]) + "\n"
            if len(run) <= len(best):
                break
            if _parses(run) and (not entry_point or _defines(run, entry_point)):
                best = run
                break
    return best or text


def _indent(text: str) -> str:
    return "\n".join("    " + line if line.strip() else line for line in text.split("\n"))


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parses(text: str) -> bool:
    return _tree(text) is not None


def _defines(text: str, name: str) -> bool:
    """Whether a function, class or variable `name` is defined at any level (also where the text does not parse)."""
    return (
        re.search(
            rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*=", text, re.M
        )
        is not None
    )


def _only_definitions(text: str) -> bool:
    tree = _tree(text)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return tree is not None and all(isinstance(node, kinds) for node in tree.body)


def _last_function(text: str) -> str:
    names = re.findall(r"^(?:async[ \t]+)?def[ \t]+(\w+)", text, re.M)
    return names[-1] if names else ""
