"""Tables for people: from frames of numbers to captions, headings, cells and notes."""

import pandas as pd

from steer.analyse import paper
from steer.analyse.accuracy import AVERAGES
from steer.analyse.collect import Collected
from steer.analyse.comparison import ALPHA, LEAST_RUNS, supported_best
from steer.analyse.render import Cell, Table, interval_of, number, p_value, with_interval, with_intervals
from steer.data.sets import title_of

SHOWN_NOTES = 12
INTERVALS = (
    "95 % intervals: in square brackets over runs (Student's t, paired by seed where two methods are compared), "
)
INTERVALS += "in curly braces over questions, for these trained models."
CALLED = f"Methods are compared only with at least {LEAST_RUNS} runs each"


def scale_note(collected: Collected) -> str:
    """Describe the scale of the numbers, for captions."""
    data = collected.config.data
    if collected.config.runs and collected.config.runs == collected.config.imported:
        return f"Profile {collected.config.name}: logs of runs made elsewhere."
    if data.source == "synthetic":
        return f"Profile {collected.config.name}: synthetic tasks and a small model; not comparable with the papers."
    rows = f", at most {data.rows} rows of each" if data.rows else ""
    return f"Profile {collected.config.name}: {collected.config.model.path or 'a model trained from scratch'}{rows}."


def missing_notes(collected: Collected) -> list[str]:
    """List what the configuration names and the folder lacks, one line each, truncated if long."""
    missing = [f"Note: {line}." for line in collected.missing]
    more = len(missing) - SHOWN_NOTES
    return missing if more <= 0 else [*missing[:SHOWN_NOTES], f"Note: {more} more; the .json file has all of them."]


def main_results(collected: Collected, accuracy: pd.DataFrame, comparison: pd.DataFrame) -> Table:
    """Run × averages and benchmarks: mean accuracy in percent with its 95 % intervals."""
    best = supported_best(accuracy, comparison)
    columns = sorted(
        accuracy["column"].unique(),
        key=lambda column: [*reversed(AVERAGES)].index(column) if column in AVERAGES else len(AVERAGES),
    )
    at = {(row["run"], row["column"]): row for row in accuracy.to_dict("records")}
    header = ["method", "seeds", *(sized(at, column, collected) for column in columns)]
    rows, wide = [], []
    for run, label in collected.labels.items():
        mine = [at.get((run, column)) for column in columns]
        seeds = max((row["seeds"] for row in mine if row), default=0)
        rows.append([Cell(label), Cell(str(seeds)), *(accuracy_cell(row, best) for row in mine)])
        flat = {"run": run, "label": label, "seeds": seeds}
        for column, row in zip(columns, mine, strict=True):
            for name, key in FLAT.items():
                flat[f"{AVERAGES.get(column, column)}{name}"] = row[key] if row else None
        wide.append(flat)
    table = paper.table_of(collected.config.model.path)
    beside = f" In brackets the paper's value (its table {table})." if table else ""
    notes = [
        "Mean accuracy in percent over n questions × k samples × seeds; averages weigh benchmarks equally. "
        f"Unverifiable samples are left out. {INTERVALS}",
        f"Bold: better than every other row over runs, Holm-corrected p < {ALPHA}. {CALLED}; below, nothing is bold.",
    ]
    if seed_notes := _seed_spread(accuracy):
        notes.append(seed_notes)
    if unverifiable := int(accuracy[accuracy["column"] == "overall"]["unverifiable"].sum()):
        samples = "sample was" if unverifiable == 1 else "samples were"
        notes.append(f"{unverifiable} {samples} unverifiable; E_rates has them by run and benchmark.")
    caption = f"Main results.{beside} {scale_note(collected)}"
    return Table(
        f"T{table or 3}_main_results", caption, pd.DataFrame(wide), header, rows, [*notes, *missing_notes(collected)]
    )


FLAT = {"": "mean", " low": "low", " high": "high", " run low": "run_low", " run high": "run_high"}
FLAT |= {" n": "questions", " k": "samples"}


def sized(at: dict[tuple[str, str], dict], column: str, collected: Collected) -> str:
    """Format the column's heading with its numbers of questions and samples."""
    size = next(row for (_, name), row in at.items() if name == column)
    name = AVERAGES.get(column) or title_of(column, collected.config.data)
    return f"{name} (n={size['questions']} × k={size['samples']})"


def accuracy_cell(row: dict | None, best: set[tuple[str, str]]) -> Cell:
    if row is None:
        return Cell("–")
    text = with_intervals(row["mean"], (row["run_low"], row["run_high"]), (row["low"], row["high"]))
    if pd.notna(row["paper"]):
        text += f" (paper {number(float(row['paper']), '.1f', 100)})"
    return Cell(text, (row["run"], row["column"]) in best)


def _seed_spread(accuracy: pd.DataFrame) -> str:
    rows = accuracy[(accuracy["column"] == "overall") & accuracy["seed_sd"].notna()]
    if rows.empty:
        return ""
    parts = [f"{r.label} {number(r.seed_sd, '.1f', 100)}" for r in rows.itertuples()]
    return "Standard deviation of the average over seeds, in points: " + ", ".join(parts) + "."


def claims(collected: Collected, frame: pd.DataFrame) -> Table:
    """Per run: gain over the base, entropy, pass@k against the base, weights, wall time."""
    header = [
        "method",
        "gain over base, points",
        "entropy first → last, nats",
        "change",
        "against the first method, nats",
        "change by seed",
        "pass@k (base)",
        "pass@k gain, points",
        "weights: min, 5 %, 50 %, 95 %, max",
        "minutes",
    ]
    rows = []
    for r in frame.to_dict("records"):
        by_seed = r["entropy_change_by_seed"]
        changes = by_seed.split() if isinstance(by_seed, str) else []
        weights = [number(r[f"weight_{name}"], ".2f") for name in ("min", "p05", "p50", "p95", "max")]
        k = number(r["pass_k"], ".0f")
        texts = [
            r["label"],
            _both(r, "gain"),
            f"{number(r['entropy_first'], '.3f')} → {number(r['entropy_last'], '.3f')}",
            number(r["entropy_change"], "+.0f", 100) + " %",
            interval_of(r, "entropy_difference", "+.3f", 1),
            ", ".join(f"{100 * float(change):+.0f} %" for change in changes) or "–",
            f"k={k}: {number(r['pass'], '.1f', 100)} ({number(r['pass_base'], '.1f', 100)})",
            _both(r, "pass_gain"),
            ", ".join(weights) if set(weights) != {"–"} else "–",
            number(r["seconds"], ".1f", 1 / 60),
        ]
        rows.append([Cell(text) for text in texts])
    notes = [
        f"Gains: average over benchmarks. {INTERVALS} The base model is one model: only the second interval "
        "includes its sampling noise.",
        "Entropy: at step 1 and mean of the last tenth of the steps; against the first method paired by seed, interval "
        "over runs. Weights: of the last tenth of the steps.",
        *missing_notes(collected),
    ]
    return Table("T0_claims", f"Summary of each run. {scale_note(collected)}", frame, header, rows, notes)


def _both(row: dict, name: str) -> str:
    runs, questions = ((row[f"{name}{unit}_low"], row[f"{name}{unit}_high"]) for unit in ("", "_question"))
    return with_intervals(row[name], runs, questions, "+.1f")


def statements(collected: Collected, rows: list[dict[str, str]]) -> Table:
    """Tabulate the claims of the default experiment, and whether they held."""
    frame = pd.DataFrame(rows, columns=["claim", "measured", "holds"])
    cells = [[Cell(text) for text in row] for row in frame.itertuples(index=False)]
    caption = f"Claims and what was measured. {scale_note(collected)}"
    return Table("T0_statements", caption, frame, list(frame.columns), cells, missing_notes(collected))


def comparisons(collected: Collected, frame: pd.DataFrame, alike: pd.DataFrame) -> Table:
    """Tabulate paired differences; people see those against the base and against the first trained run.

    `alike`: seeds of one method compared as if they were methods (`comparison.seeds_as_methods`).
    """
    table = paper.table_of(collected.config.model.path) or 3
    references = [run for run in ["base", *collected.trained[:1]] if run in collected.labels]
    shown = frame[frame["against"].isin(references) & frame["column"].isin(AVERAGES)]
    header = ["method", "against", "average", "runs", "over runs, points", "over questions", "p (Holm)"]
    header.append("detectable with 80 % power, points")
    rows = [
        [
            Cell(collected.labels[r.run]),
            Cell(collected.labels[r.against]),
            Cell(AVERAGES[r.column]),
            Cell(str(r.runs)),
            Cell(with_interval(r.difference, r.low, r.high, "+.1f")),
            Cell(with_interval(r.difference, r.question_low, r.question_high, "+.1f")),
            Cell(p_value(r.p_holm) if r.runs >= LEAST_RUNS else "too few runs"),
            Cell(number(r.detectable, ".1f", 100)),
        ]
        for r in shown.itertuples()
    ]
    notes = [
        f"{INTERVALS} The first decides: p is of it, with Holm's correction over all pairs of methods in a column. "
        f"{CALLED}. The CSV file has every pair and benchmark.",
        "Detectable with 80 % power: the smallest true difference of two methods that so many runs would detect, from "
        "the spread over runs pooled over the pairs of methods; `steer power` says how many runs a difference takes.",
        alike_note(alike),
        *missing_notes(collected),
    ]
    notes = [note for note in notes if note]
    return Table(f"T{table}_differences", f"Paired differences. {scale_note(collected)}", frame, header, rows, notes)


def alike_note(alike: pd.DataFrame) -> str:
    """Summarise the A/A check in a sentence; empty if no method has two seeds."""
    tests = alike.dropna(subset="question_p")
    if tests.empty:
        return ""
    found, largest = (tests["question_p"] < ALPHA).sum(), 100 * tests["difference"].abs().max()
    return (
        f"A/A check: two seeds of one method compared over questions as if they were two methods: {found} of "
        f"{len(tests)} comparisons have p < {ALPHA} ({100 * found / len(tests):.0f} %; {100 * ALPHA:.0f} % if "
        f"questions were the right unit), the largest difference is {largest:.1f} points."
    )


def rates(collected: Collected, frame: pd.DataFrame) -> Table:
    """Truncation, unverifiable, guessing and extraction rates, maj@k and length."""
    header = [
        "method",
        "benchmark",
        "samples",
        "truncated, %",
        "unverifiable, %",
        "guessed, %",
        "right but not extracted, %",
        "maj@k, %",
        "tokens",
    ]
    rows = [
        [
            Cell(r.label),
            Cell(r.benchmark),
            Cell(str(r.samples)),
            Cell(number(r.truncated, ".1f", 100)),
            Cell(number(r.unverifiable, ".1f", 100)),
            Cell(number(r.guessed, ".1f", 100)),
            Cell(number(r.present_not_extracted, ".1f", 100)),
            Cell(number(r.majority, ".1f", 100)),
            Cell(number(r.response_length, ".1f")),
        ]
        for r in frame.itertuples()
    ]
    notes = [
        "Guessed: the answer judged is the last number or formula of a text that states none; mathematics only.",
        "Right but not extracted: nothing was extracted, yet the gold answer stands in the response; mathematics only.",
        *missing_notes(collected),
    ]
    return Table("E_rates", f"Rates over all samples. {scale_note(collected)}", frame, header, rows, notes)


def weights(collected: Collected, frame: pd.DataFrame) -> Table:
    """Weight quantiles by phase, for the runs that set weights."""
    names = [name for name in frame.columns if name.startswith("weight_")]
    moved = frame[(frame[names] != 1).any(axis=1) & frame[names].notna().any(axis=1)]
    header = ["method", "phase", *(name.removeprefix("weight_") for name in names)]
    rows = [
        [Cell(r["label"]), Cell(r["phase"]), *(Cell(number(r[name], ".3f")) for name in names)]
        for r in moved.to_dict("records")
    ]
    notes = ["Means over steps and seeds; min and max are the extremes; ess: (Σw)²/(N·Σw²).", *missing_notes(collected)]
    caption = f"Quantiles over tokens of the weight λ, for the runs that set weights. {scale_note(collected)}"
    return Table("W_weights", caption, frame, header, rows, notes)


def oracle_failures(collected: Collected, frame: pd.DataFrame) -> Table:
    """List each benchmark row whose known answer was not judged correct."""
    total = int((collected.questions["run"] == "oracle").sum())
    rows = [[Cell(str(text)) for text in row] for row in frame.itertuples(index=False)]
    caption = f"Rows not judged correct when answered with the known answer: {len(frame)} of {total}."
    return Table("oracle_failures", caption, frame, list(frame.columns), rows, missing_notes(collected))
