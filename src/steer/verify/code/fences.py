"""Find code blocks in the Markdown of a response."""

import html
import re
import textwrap
from collections.abc import Callable
from itertools import islice

from steer.verify.code.syntax import Syntax

_BEFORE = r"[ \t]*+(?:(?:>|[-*+]|\d+[.)])[ \t]++|>)*+[ \t]*+"  # a quote or an entry of a list
_OPENING = re.compile(rf"({_BEFORE})(`{{3,}}+|~{{3,}}+)[ \t]*+([^`]*+)")
_ENDS_PROSE = re.compile(r".*\S[ \t]*(?<!`)(`{3,})(i?python[\d.]*|py3?)[ \t]*", re.I)
_ON_ONE_LINE = re.compile(rf"{_BEFORE}```(?:[ \t]*(?:i?python[\d.]*|py3?))?[ \t]++(\S[^`]*+)```[ \t]*", re.I)
_INFO = re.compile(r"\{?\.?([\w+#.-]*)")
_PYTHON = re.compile(r"i?python[\d.]*|py3?|pycon|sage|python-repl", re.I)
_TAGS = r"answer|code|python|solution|pre|program"
_TAGGED = re.compile(rf"<({_TAGS})(?:\s[^<>]*)?>(.*?)(?:</\1>|\Z)|\[(PYTHON)\](.*?)(?:\[/PYTHON\]|\Z)", re.S | re.I)
_WITHIN = re.compile(r"\A\s*<code\b[^<>]*>(.*?)(?:</code>\s*)?\Z", re.S | re.I)  # `<pre><code>`
_LISTING = re.compile(
    r"\\begin\{(lstlisting|verbatim|minted)\}(?:\[[^\]\n]*\])?(?:\{\w+\})?(.*?)(?:\\end\{\1\}|\Z)", re.S
)
_NUMBERED = re.compile(r"([ \t]*+\d++(?:[ \t]*+[|:)]|\.)?(?:[ \t]|$))(.*)")
_MARKED = re.compile(rf"{_NUMBERED.pattern}$|>>> |\.\.\.")  # a line with the mark of a listing
_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)(?:(?:i?python[\d.]*|py3?)[ \t]+)?([^`\n]++)\1(?!`)", re.I)  # in a line
_PROMPTED = re.compile(r"(?:>>>|\.\.\.|In \[\d*\]:|[ .]*\.\.\.:)(?: (.*)|)")  # a line of an interactive session
_NOT_COMMENT = re.compile(r"^[ \t]*[^#\s]", re.M)
CODE_START = re.compile(r"(?:(?:def|class|import|from|async def|if|for|while|with|try)\b|@\w|print\(|[\w., ]++=[^=])")
MAX_LINES = 20_000
MAX_CLOSINGS = 40  # fences that may be tried as the end of a block, in one response
MAX_LOOKS = 100_000  # lines looked at for the end of a block, in one response


def blocks(text: str, syntax: Syntax, enough: Callable[[list[str]], bool] = bool) -> list[str]:
    """Return the Python blocks of `text`, else those without a language, else all; in order.

    The first of these that is `enough`, or the first that there is. Blocks of comments count if there are no others.
    """
    text = _as_fences(text)
    found, lines, tries, looks = [], text.split("\n")[:MAX_LINES], MAX_CLOSINGS, MAX_LOOKS
    at = 0
    while at < len(lines):
        opening = _opening(lines[at])
        at += 1
        if opening is None:
            continue
        before, fence, language, first = opening
        if isinstance(fence, int):  # opened and closed on one line
            found.append((language, first + "\n"))
            continue
        while at < len(lines) and not first and _opens_again(lines[at], fence):  # a fence within a fence
            before, fence, language, first = _opening(lines[at])
            at += 1
        # A fence inside the program's text (a docstring, say) closes nothing: the program parses only with the rest.
        end, closing, again = None, len(lines), len(lines)
        for line in range(at, min(len(lines), at + looks)):
            looks -= 1
            if _closes(lines[line], fence):
                closing = min(closing, line)
                tries -= 1
                if tries < 0 or _is_code(_inside(lines[at:line], before, first), syntax):
                    end = line if tries >= 0 else closing
                    break
            elif again == len(lines) and (other := _opening(lines[line])) and other[2]:
                again = line  # a draft that was never closed, and a block after it
        end = min(closing, again) if end is None else end
        inside = _inside(lines[at:end], before, first)
        if end == closing < len(lines) and (last := lines[end].partition(fence)[0]).strip(" \t>"):
            inside += last + "\n"
        found.append((language, plain(inside, syntax)))
        at = end if end == again and end != closing else end + 1
    found = [each for each in found if _NOT_COMMENT.search(each[1])] or [each for each in found if each[1].strip()]
    kinds = _PYTHON.fullmatch, lambda language: not language, lambda language: True
    kept = [chosen for wanted in kinds if (chosen := [body for language, body in found if wanted(language)])]
    return next(filter(enough, kept), kept[0] if kept else [])


def unfenced(text: str, syntax: Syntax) -> list[str]:
    """Return the code of a text without fences that is set apart in other ways; in order, spans within a line last.

    Lines that are indented, numbered or of an interactive session; spans in backticks that are a definition or program.
    """
    found, lines, manner = [], [], ""
    for line in [*text.split("\n")[:MAX_LINES], "end"]:
        if line.strip():
            begins = "indented" if line[0] in " \t" else "prose"
            begins = "marked" if manner != "indented" and _MARKED.match(line) else begins
            if begins != manner and lines:
                found.append(plain(textwrap.dedent("\n".join(lines)).strip("\n") + "\n", syntax))
                lines = []
            manner = begins
        if manner != "prose":
            lines.append(line)
    indented_code = [block for block in found if CODE_START.match(block) and syntax.valid(block)]
    spans = (f"{match[2].strip()}\n" for match in islice(_SPAN.finditer(text), MAX_CLOSINGS))
    return indented_code + [span for span in spans if CODE_START.match(span) and syntax.valid(span)]


def before_first(text: str) -> str:
    """Return the text before the first fence."""
    return re.split(r"^[ \t>]*(?:```|~~~)", text, maxsplit=1, flags=re.M)[0].partition("```")[0]


def begun_inside(text: str, syntax: Syntax) -> str:
    """Return the text before the first fence if that fence can only close a block opened by the prompt; else ""."""
    marks = re.findall(r"^[ \t]*```[ \t]*([\w+#.-]*)", text, re.M)
    head = before_first(text)
    if len(marks) % 2 and not marks[0] and looks_like_code(head) and _is_code(head, syntax):
        return head
    return ""


def looks_like_code(text: str) -> bool:
    return any(CODE_START.match(line) or (line[:1] in " \t" and line.strip()) for line in text.split("\n"))


def indented(text: str) -> str:
    return "\n".join("    " + line if line.strip() else line for line in text.split("\n"))


def plain(block: str, syntax: Syntax) -> str:
    """Remove the marks of an interactive session, no-break spaces and common indentation from a block."""
    block = block.replace("\u00a0", " ")
    if block.lstrip().startswith((">>> ", "In [")) and (session := _without_prompts(block)).strip():
        return session
    if syntax.valid(block):
        return block
    for change in (
        textwrap.dedent,
        html.unescape,
        _without_commands,
        _without_numbers,
        _numbers_as_spaces,
        _patched,
        _seen,
    ):
        changed = change(block)
        if changed != block and looks_like_code(changed) and syntax.valid(changed):
            return changed
    return block


def _without_prompts(block: str) -> str:
    lines = map(_PROMPTED.fullmatch, textwrap.dedent(block).split("\n"))
    return "".join(f"{line[1] or ''}\n" for line in lines if line)


def _patched(block: str) -> str:
    """Return what a patch makes: its lines without the first column, except removed ones."""
    lines = [line for line in block.split("\n") if line.strip() and not line.startswith(("+++", "---", "@@", "diff "))]
    kept = [line[1:] for line in lines if line[0] in "+ "]
    return "\n".join(kept) + "\n" if all(line[0] in "+- " for line in lines) else block


def _seen(block: str) -> str:
    """Return a block without characters of no width: spaces, joiners, byte-order marks."""
    return re.sub("[\u200b\u2060\ufeff]", "", block)


def _without_commands(block: str) -> str:
    return "\n".join(line for line in block.split("\n") if not line.startswith(("%", "!", "In [", "$ ")))


def _without_numbers(block: str) -> str:
    lines = [_NUMBERED.fullmatch(line) for line in block.split("\n") if line.strip()]
    return "\n".join(line[2] for line in lines) + "\n" if all(lines) else block


def _numbers_as_spaces(block: str) -> str:
    """Remove line numbers before code that starts in one column, however long the numbers are."""
    lines = [_NUMBERED.fullmatch(line) for line in block.split("\n") if line.strip()]
    blank = (" " * len(line[1].expandtabs(8)) + line[2] for line in lines if line)
    return textwrap.dedent("\n".join(blank)) + "\n" if all(lines) else block


def _as_fences(text: str) -> str:
    """Turn other marks of code into fences if there are none."""
    if "```" in text or "~~~" in text:
        return text
    text = _TAGGED.sub(lambda m: _fenced(_WITHIN.sub(r"\1", m[2] or m[4] or "")), text)
    return _LISTING.sub(lambda m: _fenced(m[2]), text)


def _fenced(code: str) -> str:
    code = code.strip("\n")
    return f"\n```python\n{code}\n```\n"


def _opening(line: str) -> tuple[str, str | int, str, str] | None:
    """Split a line into the text before the fence, the fence, the language, and code after it."""
    if "```" not in line and "~~~" not in line:
        return None
    if one := _ON_ONE_LINE.fullmatch(line):
        return "", 1, "python", one[1]
    if not (match := _OPENING.fullmatch(line)):
        prose = _ENDS_PROSE.fullmatch(line)
        return ("", prose[1], prose[2].lower(), "") if prose else None
    before, fence, info = match.groups()
    if CODE_START.match(info) and not re.fullmatch(r"\w+[ \t]+\w+=.*", info):
        return before, fence, "", info
    language = _INFO.match(info)[1]
    rest = info[len(language) :].lstrip() if info.startswith(language) else ""
    return before, fence, language.lower(), rest if CODE_START.match(rest) and "(" in rest else ""


def _opens_again(line: str, fence: str) -> bool:
    other = _opening(line)
    return other is not None and not isinstance(other[1], int) and line.strip(" \t>").startswith(fence[:3])


def _closes(line: str, fence: str) -> bool:
    """Check whether `line` closes a block opened by `fence`: a fence without a language, or one at the end of code."""
    head, found, rest = line.partition(fence)
    if not found:
        return False
    rest = rest.lstrip("`~")
    return (not head.strip(" \t>") and rest[:1] in ("", " ", "\t")) or (not rest.strip() and line[:1] not in "#>")


def _inside(lines: list[str], before: str, first: str) -> str:
    if quotes := before.count(">"):
        lines = [re.sub(rf"^(?:[ \t]*>[ ]?){{1,{quotes}}}", "", line) for line in lines]
    else:
        lines = [line.removeprefix(before) for line in lines]
    return "".join(f"{line}\n" for line in ([first] if first else []) + lines)


def _is_code(block: str, syntax: Syntax) -> bool:
    """Check whether a block parses as a program or as the body of a function."""
    return syntax.valid(plain(block, syntax)) or syntax.valid(f"def body():\n{indented(textwrap.dedent(block))}\n")
