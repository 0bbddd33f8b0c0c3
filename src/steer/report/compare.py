"""`steer compare`: the main tables of two results folders side by side; with more folders, intervals over them."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from steer.errors import UserError
from steer.io import read_runs
from steer.report import replicates

TABLE = "T*_main_results.csv"
COLUMNS = ("math average", "code average", "average")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", help="results/<name>")
    parser.add_argument("reference", help="another folder of the same form, e.g. results/reference/tiny")
    parser.add_argument("more", nargs="*", help="with more folders: means and intervals over all of them")
    parser.add_argument("--csv", metavar="FILE", help="with more folders: also write them to this file")


def run(args: argparse.Namespace) -> None:
    if args.more:
        folders = [args.results, args.reference, *args.more]
        rows = replicates.over_folders(folders)
        if args.csv:
            replicates.write(rows, folders, args.csv)
        print(replicates.shown(rows, folders))
        return
    if args.csv:
        raise UserError("--csv: intervals over folders need three of them or more")
    print(side_by_side(read(args.results), read(args.reference), args.results, args.reference))


def read(folder: str) -> dict[str, dict[str, str]]:
    """Rows of the folder's main table by run."""
    tables = Path(folder, "tables")
    return read_runs(next(tables.glob(TABLE), tables / TABLE))


def side_by_side(ours: dict, reference: dict, our_name: str, reference_name: str) -> str:
    """Format both tables' averages: percent with 95 % intervals, one row for every run of either."""
    names = list(dict.fromkeys([*ours, *reference]))
    labels = {name: (ours.get(name) or reference[name])["label"] for name in names}
    width = max(len("run"), *(len(label) for label in labels.values())) if names else 3
    cells = [[_cell(table.get(name), column) for column in COLUMNS for table in (ours, reference)] for name in names]
    found = [difference(ours.get(name), reference.get(name)) for name in names]
    cells = [[*row, _points(one), one.verdict if one else "–"] for row, one in zip(cells, found, strict=True)]
    head = [f"{column} ({place})" for column in COLUMNS for place in ("here", "reference")]
    head += ["difference of averages", "verdict"]
    widths = [max(len(title), *(len(row[i]) for row in cells)) for i, title in enumerate(head)]
    lines = [
        f"here: {our_name}; reference: {reference_name}; accuracy in percent [95 % interval]",
        "  ".join(["run".ljust(width), *(title.rjust(w) for title, w in zip(head, widths, strict=True))]),
    ]
    for name, row in zip(names, cells, strict=True):
        lines.append("  ".join([labels[name].ljust(width), *(c.rjust(w) for c, w in zip(row, widths, strict=True))]))
    return "\n".join([*lines, *_summary([one for one in found if one])])


@dataclass(frozen=True)
class Difference:
    """Our average accuracy minus the reference's, with a 95 % interval over `unit`: runs, or questions alone."""

    mean: float
    low: float
    high: float
    unit: str

    @property
    def verdict(self) -> str:
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "no difference shown"


def difference(ours: dict[str, str] | None, reference: dict[str, str] | None) -> Difference | None:
    """The difference of two rows' averages; None where either is absent.

    The interval combines those of the two means, which are independent: their distances to the bounds add in squares
    (Zou and Donner 2008, "Construction of confidence limits about effect measures"). Over runs where both tables have
    such intervals, else over questions.
    """
    if any(not row or not row.get("average") for row in (ours, reference)):
        return None
    unit = "run " if all(row.get("average run low") for row in (ours, reference)) else ""
    names = ("average", f"average {unit}low", f"average {unit}high")
    (a, a_low, a_high), (b, b_low, b_high) = (tuple(float(row[name]) for name in names) for row in (ours, reference))
    low, high = math.hypot(a - a_low, b_high - b), math.hypot(a_high - a, b - b_low)
    return Difference(a - b, a - b - low, a - b + high, "runs" if unit else "questions")


def _points(found: Difference | None) -> str:
    return "–" if found is None else f"{100 * found.mean:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def _summary(found: list[Difference]) -> list[str]:
    """What the differences say together."""
    if not found:
        return ["verdict: the two folders have no run in common"]
    differing = sum(one.verdict != "no difference shown" for one in found)
    units = {unit: sum(one.unit == unit for one in found) for unit in ("runs", "questions")}
    over = " and ".join(f"over {unit} for {count}" for unit, count in units.items() if count)
    return [
        f"verdict: {differing} of {len(found)} averages differ; intervals of differences in points, {over}; of twenty "
        "equal ones, one differs by chance"
    ]


def _cell(row: dict[str, str] | None, column: str) -> str:
    if row is None or not row.get(column):
        return "–"
    mean, low, high = (100 * float(row[name]) for name in (column, f"{column} low", f"{column} high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
