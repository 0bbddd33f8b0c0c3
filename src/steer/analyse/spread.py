"""`steer power` and its table: the spread between runs of one method, and which differences runs can detect."""

import argparse
import math
from itertools import combinations
from pathlib import Path

import pandas as pd

from steer.analyse.accuracy import Cells, cells, pass_frames, shares_of
from steer.analyse.claims import last_steps
from steer.analyse.collect import BESIDE
from steer.analyse.comparison import LEAST_RUNS, paired
from steer.analyse.power import POWER, runs_needed, smallest_difference, spread_of_differences
from steer.analyse.render import Cell, Table, number
from steer.errors import UserError

QUESTIONS, CURVES = "accuracy_by_question.csv.gz", "training_curves.csv.gz"
JUDGED = ("run", "seed", "benchmark", "id", "samples", "correct", "wrong")
# Differences for which the table gives the number of runs: points, and thousandths of a nat for the entropy.
PRICED = (2.0, 1.0, 0.5)
PRICED_ENTROPY = (20.0, 10.0, 5.0)
COLUMNS = ["quantity", "unit", "methods", "runs", "spread", "detectable", "difference", "runs_needed"]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", metavar="FOLDER", help="results/<name>, or a reference folder, with its tables")
    parser.add_argument(
        "--difference",
        type=float,
        nargs="+",
        metavar="POINTS",
        help="differences in accuracy and pass@k to plan for, in points (default: 2 1 0.5)",
    )


def run(args: argparse.Namespace) -> None:
    for value in args.difference or ():
        if not value > 0:
            raise UserError(f"--difference {value:g}: give a number of points above 0")
    curves = read_curves(args.results)
    judged = Path(args.results, "tables", QUESTIONS).is_file()
    questions = read_questions(args.results) if judged else pd.DataFrame(columns=JUDGED)
    repeated = ((questions if judged else curves).groupby("run")["seed"].nunique() > 1).sum()
    points = tuple(args.difference or PRICED)
    frame = power_frame(questions, cells(questions), curves, points) if repeated > 1 else None
    if frame is None or frame["spread"].isna().all():
        raise UserError(f"{args.results}: power needs two methods with two seeds each; add seeds or methods")
    if not judged:
        print(f"{args.results}: no {QUESTIONS}, so final entropy alone")
    for _, rows in frame.dropna(subset="spread").groupby("quantity", sort=False):
        first = rows.iloc[0]
        print(
            f"{first['quantity']}: two runs of the same seed differ by {first['spread']:.2f} {first['unit']} (SD, "
            f"pooled over {first['methods']} methods)"
        )
        print(
            f"  {first['runs']} runs per method detect {first['detectable']:.2f} {first['unit']} with {POWER:.0%} power"
        )
        for row in rows.to_dict("records"):
            print(f"  {row['difference']:g} {row['unit']}: {_priced(row['runs_needed'])} runs per method")


def read_questions(folder: str | Path) -> pd.DataFrame:
    """Read counts per run, seed and question from the tables of a results folder."""
    return _read(Path(folder, "tables", QUESTIONS), JUDGED)


def read_curves(folder: str | Path) -> pd.DataFrame:
    """Read training metrics per run, seed and step from the tables of a results folder."""
    return _read(Path(folder, "tables", CURVES), ("run", "seed", "step"))


def _read(path: Path, wanted: tuple[str, ...]) -> pd.DataFrame:
    remedy = "make it with `steer tabulate`"
    if not path.is_file():
        raise UserError(f"{path}: no such table; {remedy}")
    try:
        frame = pd.read_csv(path, dtype={"run": str, "id": str, "benchmark": str})
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: no readable table ({error}); {remedy}") from None
    if lacking := set(wanted) - set(frame):
        raise UserError(f"{path}: no column `{min(lacking)}`; {remedy}")
    return frame


def entropy_scores(curves: pd.DataFrame) -> dict[str, pd.Series]:
    """Map each run to its final entropy by seed, in nats: mean of the last tenth of the steps."""
    if "entropy" not in curves:
        return {}
    known = curves.dropna(subset="entropy").sort_values("step")
    last = {
        (run, seed): last_steps(rows)["entropy"].mean()
        for (run, seed), rows in known.groupby(["run", "seed"], sort=False)
    }
    series = pd.Series(last, dtype=float)
    return {run: rows.droplevel(0) for run, rows in series.groupby(level=0, sort=False)} if last else {}


def power_frame(
    questions: pd.DataFrame,
    counts: dict[tuple[str, str], Cells],
    curves: pd.DataFrame,
    points: tuple[float, ...] = PRICED,
) -> pd.DataFrame:
    """Per quantity: the spread over runs, the detectable difference, and the runs that each difference needs (COLUMNS).

    Accuracy and pass@k in points, averaged over benchmarks; final entropy in thousandths of a nat.
    """
    trained = [run for run in questions["run"].unique() if run not in BESIDE]
    benchmarks = list(questions["benchmark"].unique())
    drawn = questions[questions["run"].isin(trained)].groupby("benchmark")["samples"].max()
    k = int(drawn.min()) if len(drawn) else 1
    found = {"average accuracy": (shares_of(counts), "points", points)}
    if k > 1:
        found[f"pass@{k}"] = (pass_frames(counts, trained, k), "points", points)
    rows = []
    for quantity, (scores, unit, priced) in found.items():
        pairs = [paired(scores, first, second, benchmarks) for second, first in combinations(trained, 2)]
        rows += _rows(quantity, unit, len(trained), [100 * pair.by_run for pair in pairs if pair is not None], priced)
    last = entropy_scores(curves)
    differences = [1000 * (last[a] - last[b]).dropna() for b, a in combinations(last, 2)]
    rows += _rows("final entropy", "thousandths of a nat", len(last), differences, PRICED_ENTROPY)
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(quantity: str, unit: str, methods: int, differences: list[pd.Series], priced: tuple[float, ...]) -> list:
    spread = spread_of_differences(differences)
    runs = min((len(values) for values in differences if len(values) > 1), default=0)
    shown = smallest_difference(spread, runs)
    return [
        [quantity, unit, methods, runs, spread, shown, value, runs_needed(spread, value, LEAST_RUNS)]
        for value in priced
    ]


def _priced(runs: float | None) -> str:
    return "over 10,000" if runs is None or math.isnan(runs) else f"{runs:.0f}"


def power_table(frame: pd.DataFrame, scale: str) -> Table | None:
    """Render `power_frame` for people; None if no two methods have two runs."""
    if frame["spread"].isna().all():
        return None
    rows = []
    for quantity, part in frame.dropna(subset="spread").groupby("quantity", sort=False):
        first = part.iloc[0]
        unit = "points" if first["unit"] == "points" else "0.001 nats"
        prices = ", ".join(f"{row.difference:g}: {_priced(row.runs_needed)}" for row in part.itertuples())
        texts = [quantity, unit, str(first["runs"]), number(first["spread"], ".2f"), number(first["detectable"], ".2f")]
        rows.append([Cell(text) for text in [*texts, prices]])
    header = ["quantity", "unit", "runs per method", "spread (SD)", "detectable with 80 % power", "runs needed"]
    notes = [
        "Spread: standard deviation over runs of the difference of two methods, paired by seed, pooled over all pairs "
        "of trained methods. A paired t test over the runs (two-sided, p < 0.05) shows a true difference of the given "
        f"size with 80 % power. Methods with fewer than {LEAST_RUNS} runs are not compared.",
    ]
    return Table("E_power", f"What so many runs can show. {scale}", frame, header, rows, notes)
