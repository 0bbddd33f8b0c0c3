"""Tables of the papers' smaller studies, of the factors each method depends on, and of our and the paper's values."""

import math

import pandas as pd

from steer.analyse import paper
from steer.analyse.accuracy import AVERAGES, columns
from steer.analyse.claims import entropy_by_seed
from steer.analyse.collect import Collected
from steer.analyse.comparison import COMPARISON_COLUMNS, LEAST_RUNS, supported_best
from steer.analyse.render import Cell, Table, number, p_value, with_interval, with_intervals
from steer.analyse.statistics import holm
from steer.analyse.studies import Member, Study, studies
from steer.analyse.tables import CALLED, INTERVALS, accuracy_cell, missing_notes, scale_note, sized
from steer.methods.catalogue import FACTORS, factors
from steer.methods.load import method_names, method_settings

NUMBERS = ["mean", "low", "high", "run_low", "run_high", "questions", "samples", "seeds"]


def study_tables(collected: Collected, accuracy: pd.DataFrame, comparison: pd.DataFrame, main: str) -> list[Table]:
    """Make the table of each study that the configuration has runs for, then those of our and the paper's values.

    `main`: name of the table of the main results, which is the first of these.
    """
    made, compared = [], [(main, "Main results", accuracy)]
    for study, members in studies(collected.config):
        made.append(study_table(collected, study, members, accuracy, comparison))
        compared.append((study.name, study.title, with_paper(collected, study, members, accuracy)))
    for name, title, ours in compared:
        made.append(against_paper(collected, f"{name.partition('_')[0]}_against_paper", title, ours))
    return [table for table in made if table is not None]


def study_table(
    collected: Collected, study: Study, members: list[Member], accuracy: pd.DataFrame, comparison: pd.DataFrame
) -> Table:
    """Make one row per member: its values, accuracy with interval, difference from its reference run, entropy.

    Shares in [0, 1], entropies in nats. Holm's correction is over the pairs of the study's members.
    """
    model = collected.config.model.path
    runs = [member.run for member in members]
    mine = with_paper(collected, study, members, accuracy)
    tests = among(comparison, runs)
    best = supported_best(mine, tests)
    at = {(row["run"], row["column"]): row for row in mine.to_dict("records")}
    shown = [name for name in mine["column"].unique() if study.wide or name == "overall"]
    entropy = _entropy(collected)
    compared = [member for member in members if member.against]
    header = ["method", *study.headers.values(), "seeds", *(sized(at, column, collected) for column in shown)]
    header += ["against", "difference, points", "p (Holm)", "detectable with 80 % power, points"] if compared else []
    header += ["final entropy, nats"] + (["second half, nats"] if "target" in study.headers else [])
    cells, rows = [], []
    for member in members:
        overall = at.get((member.run, "overall"), {})
        found = _difference(tests, member.run, member.against)
        row = {"run": member.run, "label": collected.labels[member.run], **member.values}
        row |= {name: overall.get(name) for name in NUMBERS}
        if study.wide:
            for column in shown:
                cell = at.get((member.run, column), {})
                row |= {f"{AVERAGES.get(column, column)}{end}": cell.get(f"{key}") for end, key in ENDS.items()}
        row |= {"against": member.against, **found, **entropy.get(member.run, {})}
        rows.append(row)
        line = [collected.labels[member.run], *(_shown(member.values[name]) for name in study.headers)]
        line = [Cell(text) for text in [*line, str(overall.get("seeds", "–"))]]
        line += [accuracy_cell(at.get((member.run, column)), best) for column in shown]
        if compared:
            against = collected.labels.get(member.against, "–") if member.against else "–"
            runs_, questions_ = ((found[f"difference{u}_low"], found[f"difference{u}_high"]) for u in ("", "_question"))
            difference = with_intervals(found["difference"], runs_, questions_, "+.1f")
            p = p_value(found["p_holm"]) if found["runs"] >= LEAST_RUNS else "too few runs" if member.against else "–"
            line += [Cell(against), Cell(difference), Cell(p), Cell(number(found["detectable"], ".1f", 100))]
        line += [Cell(_over_seeds(row, "entropy_last"))]
        line += [Cell(_over_seeds(row, "entropy_second_half"))] if "target" in study.headers else []
        cells.append(line)
    caption = f"{study.title}.{_reward(collected, study)}{_beside(model, study)} {scale_note(collected)}"
    notes = [*_notes(collected, study, members), *missing_notes(collected)]
    return Table(study.name, caption, pd.DataFrame(rows), header, cells, notes, frozenset(runs))


ENDS = {"": "mean", " low": "low", " high": "high"}


def with_paper(collected: Collected, study: Study, members: list[Member], accuracy: pd.DataFrame) -> pd.DataFrame:
    """Add the paper's values from the study's table to the members' accuracies, if it reports any."""
    names = {member.run: member.paper for member in members if member.paper and study.setting}
    comparable, model = paper.comparable(columns(collected)), collected.config.model.path
    rows = []
    for row in accuracy[accuracy["run"].isin([member.run for member in members])].to_dict("records"):
        found = dict.fromkeys(paper.COLUMNS)
        if row["run"] in names and row["column"] in comparable:
            interval = (row["mean"], row["low"], row["high"])
            found = paper.beside(model, names[row["run"]], row["column"], *interval, setting=study.setting)
        rows.append(row | found)
    return pd.DataFrame(rows, columns=accuracy.columns)


def among(comparison: pd.DataFrame, runs: list[str]) -> pd.DataFrame:
    """Select the comparisons between `runs`, with Holm's correction over these."""
    mine = comparison[comparison["run"].isin(runs) & comparison["against"].isin(runs)]
    parts = [part.assign(p_holm=holm(part["p"].tolist())) for _, part in mine.groupby("column", sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COMPARISON_COLUMNS)


def _difference(tests: pd.DataFrame, run: str, against: str | None) -> dict[str, float]:
    """Return run - against on the average, whatever the order in which the pair was compared."""
    tests = tests[tests["column"] == "overall"]
    for first, second, sign in ((run, against, 1), (against, run, -1)):
        rows = tests[(tests["run"] == first) & (tests["against"] == second)]
        if len(rows):
            row = rows.iloc[0]
            ends = sorted((sign * row["low"], sign * row["high"]))
            questions = sorted((sign * row["question_low"], sign * row["question_high"]))
            values = (sign * row["difference"], *ends, *questions, row["p_holm"], row["runs"], row["detectable"])
            return dict(zip(DIFFERENCES, values, strict=True))
    return dict.fromkeys(DIFFERENCES, math.nan)


DIFFERENCES = ["difference", "difference_low", "difference_high", "difference_question_low", "difference_question_high"]
DIFFERENCES += ["p_holm", "runs", "detectable"]


def _entropy(collected: Collected) -> dict[str, dict[str, float]]:
    """Map each run to its final entropy and second-half entropy: mean over seeds, lowest, highest."""
    found: dict[str, dict[str, float]] = {}
    for run, rows in entropy_by_seed(collected).groupby("run"):
        found[run] = _spread("entropy_last", rows["last"]) | _spread("entropy_second_half", rows["second_half"])
    return found


def _spread(name: str, values: pd.Series) -> dict[str, float]:
    return {name: values.mean(), f"{name}_low": values.min(), f"{name}_high": values.max()}


def _over_seeds(row: dict, name: str) -> str:
    """Format the mean, and the lowest and highest seed if they differ."""
    if name not in row:
        return "–"
    ends = [number(row[f"{name}{end}"], ".3f") for end in ("_low", "_high")]
    return number(row[name], ".3f") + ("" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]})")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "with" if value else "without"
    return number(value, "g") if isinstance(value, float | None) else str(value)


def _reward(collected: Collected, study: Study) -> str:
    return f" The reward is `{collected.config.reward.kind}`." if study.name == "E_controls" else ""


def _beside(model: str | None, study: Study) -> str:
    table = paper.table_of(model, study.setting) if study.setting else None
    return f" In brackets the paper's value (its table {table})." if table else ""


def _notes(collected: Collected, study: Study, members: list[Member]) -> list[str]:
    notes = [
        f"Mean accuracy in percent over n questions × k samples × seeds, average over benchmarks. {INTERVALS}",
        f"p and bold: over runs, Holm-corrected over the pairs of these {len(members)} rows. {CALLED}. Detectable with "
        "80 % power: the smallest true difference that this number of runs would detect. Final entropy: mean of the "
        "last tenth of the steps; in brackets the lowest and the highest seed.",
    ]
    if any(member.values.get("steer") is True for member in members):
        notes.append("STEER: with and without its weights, all other values equal.")
    if "target" in study.headers:
        notes.append(
            "Target: the controller's target entropy; second half: mean entropy over the second half of the steps."
        )
    if len(collected.config.seeds) == 1:
        notes.append("One seed per run: the spread between seeds is not measured.")
    return notes


def factor_table(collected: Collected) -> Table:
    """Make a table of trained methods × four factors, found by changing each factor in a batch."""
    rows, cells, seen, known = [], [], [], set(method_names())
    for run, entry in collected.config.methods.items():
        name = entry.method or run
        if name not in known:
            collected.missing.append(f"run {run}: no method file {name}.yaml any more, so its factors are not known")
            continue
        settings = method_settings(name, entry.set)[0]
        touched = factors(name, entry.set) if settings not in seen else None
        if touched is None:
            continue
        seen.append(settings)
        rows.append({"run": run, "label": collected.labels[run], **{factor: factor in touched for factor in FACTORS}})
        cells.append([Cell(collected.labels[run]), *(Cell("•" if factor in touched else "–") for factor in FACTORS)])
    frame = pd.DataFrame(rows, columns=["run", "label", *FACTORS])
    notes = [
        "Found by experiment: a method depends on the clip or the advantage if its function there is not GRPO's, and "
        "on any factor that changes the result of its shaping, weight or penalty."
    ]
    caption = "The factors of the entropy change on which each method depends."
    notes += missing_notes(collected)
    return Table("T2_factors", caption, frame, ["method", *FACTORS], cells, notes, frozenset(frame["run"]))


def against_paper(collected: Collected, name: str, title: str, accuracy: pd.DataFrame) -> Table | None:
    """Compare our values with the paper's: difference, and whether our interval covers it; None without any."""
    rows = accuracy.dropna(subset="paper")
    if rows.empty:
        return None
    frame = rows[["run", "label", "column", *NUMBERS, *paper.COLUMNS]]
    cells = [
        [
            Cell(r["label"]),
            Cell(AVERAGES.get(r["column"], r["column"])),
            Cell(f"{r['questions']} × {r['samples']} × {r['seeds']}"),
            Cell(with_interval(r["mean"], r["low"], r["high"])),
            Cell(number(float(r["paper"]), ".1f", 100)),
            Cell(number(float(r["paper_difference"]), "+.1f", 100)),
            Cell("yes" if r["paper_inside_interval"] else "no"),
        ]
        for r in frame.to_dict("records")
    ]
    header = ["method", "benchmark", "questions × samples × seeds", "ours, %", "paper, %", "difference, points"]
    header.append("our interval covers it")
    caption = f"{title}: ours and the values of arXiv 2510.10150. {scale_note(collected)}"
    notes = ["The paper's values have no interval; ours is over questions, for these trained models."]
    notes += missing_notes(collected)
    return Table(name, caption, frame, header, cells, notes, frozenset(frame["run"]))
