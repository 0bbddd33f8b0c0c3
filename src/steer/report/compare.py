"""`steer compare`: two results folders, say one's own and the committed reference: values, differences with their
intervals, and whether they agree within a tolerance; of more folders, what repeats from one to the next.

Exit status: 0 if every run of the second folder is in the first and agrees; 1 if not; 2 on bad input.
"""

import argparse
from pathlib import Path

from steer.errors import UserError
from steer.io import read_runs
from steer.report import replicates
from steer.report.differences import ACCURACY, ENTROPY, Difference, differences, read

TABLE = "T*_main_results.csv"
COLUMNS = ("math average", "code average", "average")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", help="results/<name>")
    parser.add_argument("reference", help="another folder of the same form, e.g. results/reference/tiny")
    parser.add_argument("more", nargs="*", help="with more folders: means and intervals over all of them")
    parser.add_argument("--csv", metavar="FILE", help="with more folders: also write them to this file")
    parser.add_argument("--accuracy", type=float, default=100 * ACCURACY, metavar="POINTS",
                        help="tolerance of a run's average accuracy (default %(default)g points)")  # fmt: skip
    parser.add_argument("--entropy", type=float, default=ENTROPY, metavar="NATS",
                        help="tolerance of a run's final entropy (default %(default)g nats)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    for name in ("accuracy", "entropy"):
        if not getattr(args, name) >= 0:
            raise UserError(f"--{name} {getattr(args, name)}: a tolerance must be at least 0")
    if args.more:
        folders = [args.results, args.reference, *args.more]
        rows = replicates.over_folders(folders)
        if args.csv:
            replicates.write(rows, folders, args.csv)
        print(replicates.shown(rows, folders))
        return 0
    if args.csv:
        raise UserError("--csv: intervals over folders need three of them or more")
    ours, reference = main_table(args.results), main_table(args.reference)
    print(side_by_side(ours, reference, args.results, args.reference))
    found = differences(read(args.results, ours), read(args.reference, reference))
    tolerances = args.accuracy / 100, args.entropy
    print("", *differing(found, tolerances), "", verdict(found, tolerances), sep="\n")
    return 1 if any(row.beyond(*tolerances) for row in found) else 0


def main_table(folder: str) -> dict[str, dict[str, str]]:
    """Rows of the folder's main table by run."""
    tables = Path(folder, "tables")
    return read_runs(next(tables.glob(TABLE), tables / TABLE))


def side_by_side(ours: dict, reference: dict, our_name: str, reference_name: str) -> str:
    """Both tables' averages as text: percent with their 95 % intervals; a row for every run of either."""
    names = list(dict.fromkeys([*ours, *reference]))
    labels = {name: (ours.get(name) or reference[name])["label"] for name in names}
    head = ["run", *(f"{column} ({place})" for column in COLUMNS for place in ("here", "reference"))]
    rows = [
        [labels[name], *(_cell(side.get(name), column) for column in COLUMNS for side in (ours, reference))]
        for name in names
    ]
    first = f"here: {our_name}; reference: {reference_name}; accuracy in percent [95 % interval over questions]"
    return "\n".join([first, *_aligned(head, rows)])


def differing(found: list[Difference], tolerances: tuple[float, float]) -> list[str]:
    """Lines of text: each run's differences, and whether it agrees."""
    head = ["run", "accuracy, points", "final entropy, nats", "verdict"]
    rows = []
    for row in found:
        said = ", ".join(row.beyond(*tolerances))
        agrees = "not in the second folder" if row.absent == 2 else "agrees"
        said = agrees if not said else said if row.absent else f"differs in {said}"
        rows.append([row.label, _points(row), _number(row.entropy, "+.3f"), said])
    first = "here - reference [95 % interval over seeds] {over questions}, both paired"
    return [first, *_aligned(head, rows)]


def verdict(found: list[Difference], tolerances: tuple[float, float]) -> str:
    """One line: do the folders agree?"""
    compared = [row for row in found if not row.absent]
    beyond = [row.label for row in found if row.beyond(*tolerances)]
    within = f"{100 * tolerances[0]:g} points of accuracy and {tolerances[1]:g} nats of final entropy"
    if beyond:
        named = ", ".join(beyond)
        return f"FAIL: {len(beyond)} of {_counted(len(found))} beyond {within}, or missing here: {named}"
    return f"PASS: {_counted(len(compared))} within {within}"


def _counted(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"


def _points(row: Difference) -> str:
    text = _number(100 * row.accuracy, "+.1f")
    if row.pairs is None:
        return text
    for estimate, (left, right) in ((row.pairs.over_runs, "[]"), (row.pairs.over_questions, "{}")):
        low, high = (_number(100 * end, "+.1f") for end in estimate.interval())
        text += "" if "–" in (low, high) else f" {left}{low}, {high}{right}"
    return text


def _number(value: float, style: str) -> str:
    return "–" if value != value else format(value, style)


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    """Columns of text, the first flush left, the others flush right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join([line[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]


def _cell(row: dict[str, str] | None, column: str) -> str:
    if row is None or not row.get(column):
        return "–"
    mean, low, high = (100 * float(row[name]) for name in (column, f"{column} low", f"{column} high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
