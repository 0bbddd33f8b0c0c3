"""The frontier: accuracy and pass@k against entropy along training, and who is ahead of the reference at equal entropy.

The reference run's own path, from the base model through its kept models, is the line to beat: a run that only learns
more slowly lies on it, because so does the reference stopped early. The path joins its models in the order of training
by straight lines; where it passes an entropy several times, its highest value there is the one to beat. A model whose
entropy the path never has is not compared.
"""

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from steer.analyse.collect import Collected
from steer.analyse.power import smallest_difference, spread_of_differences
from steer.analyse.render import Cell, Table, interval_of, number
from steer.analyse.statistics import ENDS, run_mean, shares
from steer.analyse.tables import scale_note
from steer.io import read_jsonl

KEY = ["run", "label", "seed", "step"]
QUANTITIES = ("accuracy", "pass_at_k")
POINT_COLUMNS = [*KEY, "questions", "samples", "entropy", *QUANTITIES]
ALONG = "no kept models evaluated along training"
AHEAD_COLUMNS = ["run", "label", "seeds", "compared", "models"]
AHEAD_COLUMNS += [f"{name}{end}" for name in QUANTITIES for end in (*ENDS, "_shown")]


def points(collected: Collected) -> pd.DataFrame:
    """POINT_COLUMNS, a row per run, seed and kept model; step 0 is the base model.

    Accuracy and pass@k are means over benchmarks of their questions' means; k is the samples of a question, so one
    correct sample decides. Entropy in nats per token over all tokens, NaN without log-probabilities.
    """
    rows = []
    for run in collected.config.frontier_runs:
        files = {seed: collected.folder / "frontier" / run / f"seed{seed}.jsonl.gz" for seed in collected.config.seeds}
        if absent := [str(seed) for seed, path in files.items() if not path.is_file()]:
            collected.missing.append(f"run {run}, seed {', '.join(absent)}: {ALONG}")
        for seed, path in files.items():
            if not path.is_file():
                continue
            for step, mine in pd.DataFrame(read_jsonl(path)).groupby("step"):
                key = dict(zip(KEY, (run, collected.labels[run], seed, step), strict=True))
                rows.append(key | _point(mine))
    return pd.DataFrame(rows, columns=POINT_COLUMNS)


def _point(mine: pd.DataFrame) -> dict[str, float]:
    verified = mine["correct"] + mine["wrong"]
    share = pd.Series(shares(mine["correct"], verified), mine.index)
    passed = (mine["correct"] > 0).astype(float).where(verified > 0)
    nll = pd.to_numeric(mine["nll"])
    return {
        "questions": len(mine),
        "samples": int(mine["samples"].max()),
        "entropy": nll.sum(skipna=False) / mine["tokens"].sum(),
        "accuracy": share.groupby(mine["benchmark"]).mean().mean(),
        "pass_at_k": passed.groupby(mine["benchmark"]).mean().mean(),
    }


def gaps(found: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Each trained model's distance above the reference's path of the same seed, at its own entropy; NaN outside it."""
    rows = found[(found["run"] != reference) & (found["step"] > 0)].copy()
    for name in QUANTITIES:
        rows[name] = [
            model[name] - _on_path(found[(found["run"] == reference) & (found["seed"] == model["seed"])], name, model)
            for model in rows.to_dict("records")
        ]
    return rows


def _on_path(path: pd.DataFrame, name: str, model: dict) -> float:
    """The path's highest value at the model's entropy, NaN where it never has it."""
    path = path.dropna(subset=["entropy", name]).sort_values("step")
    x, y, at = path["entropy"].to_numpy(), path[name].to_numpy(), model["entropy"]
    values = []
    for start, end in pairwise(range(len(path))):
        low, high = sorted((start, end), key=x.__getitem__)
        if x[low] == x[high] == at:
            values += [y[low], y[high]]
        elif x[low] <= at <= x[high]:
            values.append(np.interp(at, x[[low, high]], y[[low, high]]))
    return float(max(values, default=math.nan))


def ahead(distances: pd.DataFrame) -> pd.DataFrame:
    """AHEAD_COLUMNS per run: the mean distance over its models, then over seeds with Student's t interval.

    `compared`: the models within the path's range, of `models`. `<quantity>_shown`: the smallest difference that so
    many seeds detect with 80 % power.
    """
    rows = []
    for (run, label), mine in distances.groupby(["run", "label"], sort=False):
        known = mine.dropna(subset="accuracy")
        row = {
            "run": run,
            "label": label,
            "seeds": known["seed"].nunique(),
            "compared": len(known),
            "models": len(mine),
        }
        for name in QUANTITIES:
            by_seed = mine.groupby("seed")[name].mean().dropna().tolist()
            row |= run_mean(by_seed).named(name)
            row[f"{name}_shown"] = smallest_difference(spread_of_differences([by_seed]), len(by_seed))
        rows.append(row)
    return pd.DataFrame(rows, columns=AHEAD_COLUMNS)


def frontier_table(collected: Collected, found: pd.DataFrame, beside: pd.DataFrame) -> Table:
    """T14: how far each run is above the reference's path at equal entropy."""
    reference = collected.config.evaluation.frontier.reference
    name = collected.labels.get(reference, reference)
    k = int(found["samples"].max())
    detectable = "detectable with 80 % power, points"
    header = ["method", "seeds", "models compared", "accuracy above the path, points", detectable]
    header += [f"pass@{k} above the path, points", detectable]
    rows = []
    for r in beside.to_dict("records"):
        cells = [r["label"], str(r["seeds"]), f"{r['compared']} of {r['models']}"]
        for quantity in QUANTITIES:
            cells += [interval_of(r, quantity, "+.1f")]
            cells += [number(r[f"{quantity}_shown"], ".1f", 100)]
        rows.append([Cell(text) for text in cells])
    notes = [
        f"The path: {name} of the same seed, from the base model through its kept models, joined by straight lines; "
        "where it passes an entropy several times, its highest value counts. Above 0: more accurate at equal entropy. "
        "Models whose entropy the path never has are not compared.",
        f"{int(found['questions'].max())} questions, {k} samples each. Mean over a run's models, then over seeds; in "
        "brackets the 95 % interval over seeds (Student's t), one by one, without a correction for several runs.",
        *(f"Note: {line}." for line in collected.missing if ALONG in line),
    ]
    return Table(
        "T14_frontier",
        f"Accuracy at equal entropy, against {name}. {scale_note(collected)}",
        beside,
        header,
        rows,
        notes,
    )
