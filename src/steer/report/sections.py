"""Arrange tables and figures on the page."""

from dataclasses import dataclass

from steer.report.figures import Figure
from steer.report.tables import Table

MAIN = ("main_results", "differences", "power", "against_paper")
STATEMENTS = "T0_statements.csv"
ESTIMATES = ("T1", "T8")
# In this order; unknown figures come last.
CATEGORIES = ("Results", "Training", "Tokens and weights", "Estimates", "Studies", "Other")


@dataclass(frozen=True)
class Study:
    """A table and a figure of one name (T6_extreme_clipping, F8_extreme_clipping), and other tables of the same id."""

    title: str
    tables: list[Table]
    figures: list[Figure]


@dataclass(frozen=True)
class Sections:
    """`statements` are (claim, measured, holds) of what was measured, `unmeasured` counts the others."""

    statements: list[tuple[str, str, str]]
    unmeasured: int
    main: list[Table]
    studies: list[Study]
    estimates: list[Table]
    estimate_figures: list[Figure]
    figures: dict[str, list[Figure]]
    rest: list[Table]


def arrange(tables: list[Table], figures: list[Figure]) -> Sections:
    """Give every table and figure one place; nothing is left out."""
    studies = _studies(tables, figures)
    placed = {table.file for study in studies for table in study.tables}
    drawn = {figure.stem for study in studies for figure in study.figures}
    said = [tuple(cell.full for cell in row) for t in tables if t.file == STATEMENTS for row in t.rows]
    main = [table for table in tables if table.name in MAIN and table.file not in placed]
    main.sort(key=lambda table: MAIN.index(table.name))
    estimates = [table for table in tables if table.id in ESTIMATES]
    placed |= {table.file for table in [*main, *estimates]} | {STATEMENTS}
    left = [figure for figure in figures if figure.stem not in drawn]
    by_category = {name: [figure for figure in left if figure.category == name] for name in CATEGORIES}
    return Sections(
        statements=[row for row in said if row[-1] != "not measured"],
        unmeasured=sum(row[-1] == "not measured" for row in said),
        main=main,
        studies=studies,
        estimates=estimates,
        estimate_figures=by_category.pop("Estimates"),
        figures={name: of for name, of in by_category.items() if of},
        rest=[table for table in tables if table.file not in placed],
    )


def _studies(tables: list[Table], figures: list[Figure]) -> list[Study]:
    found = []
    for table in tables:
        mine = [figure for figure in figures if figure.name == table.name]
        if mine:
            beside = [other for other in tables if other.id == table.id != "E" and other is not table]
            found.append(Study(table.headline, [table, *beside], mine))
    return found
