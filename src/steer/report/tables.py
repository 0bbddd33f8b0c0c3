"""The tables as people read them: the Markdown rendering beside each CSV, or the CSV itself where there is none."""

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROWS_SHOWN = 150
NUMBER = re.compile(r"[-+−]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Cell:
    """`full` is the value as stored, `text` what is shown of it."""

    text: str
    full: str
    number: bool
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """`id` is the part of the file name before the first underscore; `total` counts rows, shown or not.

    `sources` are lines of the sidecar JSON, the folders and the command that the numbers come from.
    """

    id: str
    file: str
    title: str
    header: list[str]
    rows: list[list[Cell]]
    total: int
    caption: str = ""
    notes: list[str] = field(default_factory=list)
    sources: str = ""


def read_tables(folder: Path, missing: list[str]) -> list[Table]:
    """Every CSV in `folder`, by name; one that cannot be read or is empty becomes a line of `missing`."""
    paths = sorted(folder.glob("*.csv"), key=lambda path: natural(path.name))
    if not paths:
        missing.append("tables/: no table, so there is no summary")
    tables = []
    for path in paths:
        try:
            with open(path, newline="", encoding="utf-8", errors="replace") as file:
                lines = [line for line in csv.reader(file) if line]
        except (csv.Error, OSError) as error:
            missing.append(f"tables/{path.name} is left out: {error}")
            continue
        readable = path.with_suffix(".md")
        if readable.is_file():
            lines = markdown_rows(readable.read_text(encoding="utf-8", errors="replace")) or lines
        if len(lines) < 2:
            missing.append(f"tables/{path.name} has no rows")
            continue
        tables.append(_table(path, lines))
    return tables


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which T2 comes before T10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def title_of(stem: str) -> str:
    """`T3_main_results` to `T3: main results`; a name without an id keeps its words."""
    head, _, rest = stem.partition("_")
    identified = rest and re.fullmatch(r"[A-Z]+\d*", head)
    return f"{head}: {rest.replace('_', ' ')}" if identified else stem.replace("_", " ")


def markdown_rows(text: str) -> list[list[str]]:
    """Header and rows of the first table in Markdown, escapes undone and `**` left in place."""
    lines = [line.strip() for line in text.splitlines() if line.lstrip().startswith("|")]
    rows = [[part.strip().replace(r"\|", "|").replace(r"\_", "_") for part in BAR.split(line)[1:-1]] for line in lines]
    return [*rows[:1], *rows[2:]]


def cell(text: str) -> Cell:
    """Plain fractions with more than four significant digits are shown with four."""
    text = text.strip()
    bold = len(text) > 4 and text.startswith("**") and text.endswith("**")
    text = text[2:-2] if bold else text
    match = NUMBER.match(text)
    if match and match[0] == text and "." in text and len(text.lstrip("+-0.").replace(".", "")) > 4:
        value = float(text)
        shown = f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"
        return Cell(shown, text, True, bold)
    return Cell(text, text, bool(match) and text[match.end() :][:1] in ("", " ", "%"), bold)


def _table(path: Path, lines: list[list[str]]) -> Table:
    header, body = lines[0], lines[1:]
    rows = [[cell(text) for text in (line + [""] * len(header))[: len(header)]] for line in body[:ROWS_SHOWN]]
    about = _sidecar(path.with_suffix(".json"))
    caption, notes = about.pop("caption", ""), about.pop("notes", [])
    about.pop("table", None)
    return Table(
        id=path.stem.partition("_")[0],
        file=path.name,
        title=title_of(path.stem),
        header=header,
        rows=rows,
        total=len(body),
        caption=str(caption),
        notes=[str(note) for note in notes] if isinstance(notes, list) else [],
        sources=json.dumps(about, indent=1, ensure_ascii=False) if about else "",
    )


def _sidecar(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
