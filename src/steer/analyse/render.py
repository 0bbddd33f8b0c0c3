"""Write a table as CSV for programs, Markdown and LaTeX (booktabs) for people, with its provenance."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from steer.analyse.statistics import with_ends
from steer.io import atomic_write, write_json

LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "λ": r"$\lambda$",
    "ε": r"$\epsilon$",
    "ω": r"$\omega$",
    "Σ": r"$\Sigma$",
    "²": r"$^2$",
    "·": r"$\cdot$",
    "•": r"$\bullet$",
    "–": "--",
    "<": r"$<$",
    ">": r"$>$",
    "\n": " ",
}


@dataclass(frozen=True)
class Cell:
    text: str
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table. `frame` is the CSV, `header` and `rows` the same numbers for people, `notes` the lines underneath.

    `name` is the file's name without suffix and begins with the table's id. `runs`: the runs in it (default: all).
    """

    name: str
    caption: str
    frame: pd.DataFrame
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    runs: frozenset[str] | None = None


def write(table: Table, folder: str | Path, provenance: dict[str, Any]) -> None:
    """Write `<name>.csv`, `.md`, `.tex` and the sidecar `.json` with caption, notes and provenance."""
    folder = Path(folder)
    write_frame(table.frame, folder / f"{table.name}.csv")
    atomic_write(folder / f"{table.name}.md", markdown(table))
    atomic_write(folder / f"{table.name}.tex", latex(table))
    if table.runs is not None:
        chosen = {
            kind: [path for path in provenance[kind] if path.split("/")[1] in table.runs]
            for kind in ("run_folders", "verdict_folders")
        }
        provenance = {**provenance, **chosen}
    about = {"table": table.name, "caption": table.caption, "notes": list(table.notes), **provenance}
    write_json(folder / f"{table.name}.json", about)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a CSV with six significant digits, gzipped (equal frames, equal bytes) if the name ends in `.gz`."""
    import gzip

    data = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
    atomic_write(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def markdown(table: Table) -> str:
    header = [_markdown_text(name) for name in table.header]
    rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    widths = [max(3, *(len(line[i]) for line in [header, *rows])) for i in range(len(header))]
    lines = [f"**{_markdown_text(table.name)}** {_markdown_text(table.caption)}", ""]
    lines.append("| " + " | ".join(name.ljust(width) for name, width in zip(header, widths, strict=True)) + " |")
    lines.append("|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|")
    for row in rows:
        cells = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {_markdown_text(note)}" for note in table.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_text(text: str) -> str:
    return " ".join(text.replace("|", r"\|").replace("_", r"\_").split())


def _markdown_cell(cell: Cell) -> str:
    text = _markdown_text(cell.text)
    return f"**{text}**" if cell.bold and text else text


def latex(table: Table) -> str:
    """Render a `table` environment for documents that load booktabs."""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
        r"\toprule",
        " & ".join(latex_text(name) for name in table.header) + r" \\",
        r"\midrule",
    ]
    for row in table.rows:
        texts = [latex_text(cell.text) for cell in row]
        cells = (rf"\textbf{{{t}}}" if c.bold and t else t for t, c in zip(texts, row, strict=True))
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {latex_text(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def latex_text(text: str) -> str:
    """Escape `text` for pdfTeX. A hyphen before a number becomes a minus."""
    escaped = "".join(LATEX_ESCAPES.get(symbol, symbol) for symbol in text)
    return re.sub(r"(?<![\w.)-])-(?=\d)", "$-$", escaped)


def number(value: Any, style: str = ".1f", scale: float = 1.0) -> str:
    """Format a number, or a dash for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return "–"
    return format(scale * value, style)


def with_interval(value: float, low: float, high: float, style: str = ".1f", scale: float = 100.0) -> str:
    """Format `57.3 [55.1, 59.4]`, only the value without an interval, a dash without a value."""
    ends = [number(end, style, scale) for end in (low, high)]
    return number(value, style, scale) + ("" if "–" in ends else f" [{ends[0]}, {ends[1]}]")


def interval_of(row: Mapping[str, float], name: str, style: str = ".1f", scale: float = 100.0) -> str:
    """Format the quantity `name` of a row with its interval."""
    return with_interval(*(row[column] for column in with_ends(name)), style, scale)


def p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else number(value, ".3f")


def with_intervals(value: float, runs: tuple[float, float], questions: tuple[float, float], style: str = ".1f") -> str:
    """Format `57.3 [50.0, 64.6] {55.1, 59.4}`: [] over runs, {} over questions, if they exist."""
    over_questions = with_interval(value, *questions, style).removeprefix(number(value, style, 100.0))
    return with_interval(value, *runs, style) + over_questions.replace("[", "{").replace("]", "}")
