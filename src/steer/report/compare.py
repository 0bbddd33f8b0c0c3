"""`steer compare`: the main tables of two results folders side by side; with more folders, intervals over them."""

import argparse
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
    head = [f"{column} ({place})" for column in COLUMNS for place in ("here", "reference")]
    widths = [max(len(title), *(len(row[i]) for row in cells)) for i, title in enumerate(head)]
    lines = [
        f"here: {our_name}; reference: {reference_name}; accuracy in percent [95 % interval]",
        "  ".join(["run".ljust(width), *(title.rjust(w) for title, w in zip(head, widths, strict=True))]),
    ]
    for name, row in zip(names, cells, strict=True):
        lines.append("  ".join([labels[name].ljust(width), *(c.rjust(w) for c, w in zip(row, widths, strict=True))]))
    return "\n".join(lines)


def _cell(row: dict[str, str] | None, column: str) -> str:
    if row is None or not row.get(column):
        return "–"
    mean, low, high = (100 * float(row[name]) for name in (column, f"{column} low", f"{column} high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
