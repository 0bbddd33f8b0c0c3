"""Tables for the page, from the Markdown rendering beside each CSV; CSV files without one are data."""

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
    """`full` is the stored value, `text` the displayed one."""

    text: str
    full: str
    number: bool
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """`id` is the part of the file name before the first underscore; `total` counts rows, shown or not.

    `name` is the part after it, without the ending. `runs` names the run of each row where the CSV does.
    `sources` are lines of the sidecar JSON, the folders and the command that the numbers come from.
    """

    id: str
    name: str
    file: str
    title: str
    header: list[str]
    rows: list[list[Cell]]
    total: int
    caption: str = ""
    notes: list[str] = field(default_factory=list)
    sources: str = ""
    runs: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """The first sentence of the caption."""
        return self.caption.partition(". ")[0].removesuffix(".") or self.title


@dataclass(frozen=True)
class DataFile:
    """A CSV file with the data of figures; `size` in bytes."""

    file: str
    size: int


def data_files(folder: Path) -> list[DataFile]:
    """List CSV files in `folder` without a Markdown rendering."""
    paths = sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")], key=lambda path: natural(path.name))
    return [DataFile(path.name, path.stat().st_size) for path in paths if not path.with_suffix(".md").is_file()]


def read_tables(folder: Path, missing: list[str]) -> list[Table]:
    """Read every table in `folder` with a Markdown rendering, by name; an empty one becomes a line of `missing`."""
    paths = sorted(folder.glob("*.md"), key=lambda path: natural(path.name))
    if not paths:
        missing.append("tables/: no table, so there is no summary")
    tables = []
    for path in paths:
        lines = markdown_rows(path.read_text(encoding="utf-8", errors="replace"))
        if len(lines) < 2:
            missing.append(f"tables/{path.name} has no rows")
            continue
        tables.append(_table(path, lines, missing))
    return tables


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts T2 before T10."""
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
    """Format a cell: plain fractions with more than four significant digits are shown with four."""
    text = text.strip()
    bold = len(text) > 4 and text.startswith("**") and text.endswith("**")
    text = text[2:-2] if bold else text
    plain = text.removeprefix("<")
    match = NUMBER.match(plain)
    if match and match[0] == text and "." in text and len(text.lstrip("+-0.").replace(".", "")) > 4:
        value = float(text)
        shown = f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"
        return Cell(shown, text, True, bold)
    return Cell(text, text, bool(match) and plain[match.end() :][:1] in ("", " ", "%"), bold)


def _table(path: Path, lines: list[list[str]], missing: list[str]) -> Table:
    header, body = lines[0], lines[1:]
    rows = [[cell(text) for text in (line + [""] * len(header))[: len(header)]] for line in body[:ROWS_SHOWN]]
    order = _averages_first(header)
    header, rows = [header[i] for i in order], [[row[i] for i in order] for row in rows]
    about = _sidecar(path.with_suffix(".json"))
    caption, notes = about.pop("caption", ""), about.pop("notes", [])
    about.pop("table", None)
    id, _, name = path.stem.partition("_")
    runs = _runs(path.with_suffix(".csv"), missing)
    return Table(
        id=id,
        name=name,
        file=f"{path.stem}.csv",
        title=title_of(path.stem),
        header=header,
        rows=rows,
        total=len(body),
        caption=str(caption),
        notes=[str(note) for note in notes] if isinstance(notes, list) else [],
        sources=json.dumps(about, indent=1, ensure_ascii=False) if about else "",
        runs=runs if len(runs) == len(body) else [],
    )


def _averages_first(header: list[str]) -> list[int]:
    """The columns with averages over benchmarks right after the first: at the end they would be out of view."""
    names = [name.split(" (n=")[0].replace("_", " ") for name in header]
    averages = [i for i, name in enumerate(names) if i and name in ("average", "math average", "code average")]
    averages.sort(key=lambda i: names[i] != "average")
    return [*range(len(header))[:1], *averages, *(i for i in range(1, len(header)) if i not in averages)]


def _runs(path: Path, missing: list[str]) -> list[str]:
    """Return the column `run` of a CSV, empty without one.

    CSV and rendering have the same rows in the same order, unless the rendering shows only some of them.
    """
    if not path.is_file():
        missing.append(f"tables/{path.name} is not beside its Markdown rendering")
        return []
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        return [row["run"] for row in reader] if "run" in (reader.fieldnames or []) else []


def _sidecar(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
