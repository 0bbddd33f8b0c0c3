"""Tables of measured tokens: agreement of each estimate, entropy change by probability and by position."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steer.analyse.agreement import STATISTICS, agreement
from steer.analyse.collect import Collected
from steer.analyse.render import Cell, Table, interval_of, number
from steer.analyse.statistics import cluster_mean, with_ends
from steer.analyse.tables import scale_note
from steer.analyse.theory import UPDATES
from steer.errors import UserError
from steer.methods.estimators import NAMES as ESTIMATORS

OWN = "own part"  # as an estimate of the whole change
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
BINS = 12  # of the probability, with equal numbers of tokens
FEWEST = 8  # minimum tokens per bin
SHOWN_TOKENS = 400  # per step and update in the scatter
KEYS = ["model", "parameters", "step", "update"]
AGREEMENT_COLUMNS = [*KEYS, "tasks", "estimator", "updated_share", "tokens", "clusters"]
AGREEMENT_COLUMNS += with_ends(*STATISTICS)
AGREEMENT_COLUMNS += ["lr", "gradient_norm", "rms_change", "nonlinearity"]
BINNED_COLUMNS = [*KEYS, "quantity", "sign", "probability", "tokens", *QUANTILES]
POSITION_COLUMNS = ["model", "parameters", "step", "decile", "tokens"]
POSITION_COLUMNS += with_ends("entropy", "gradient")

# Model → (tokens, details) of its measurement.
Measurements = dict[str, tuple[pd.DataFrame, dict[str, Any]]]


def read(collected: Collected) -> Measurements:
    """Map each model to (tokens, details) of its measurement; a configured but missing one is added to `missing`."""
    chosen, found = collected.config.measurement, {}
    for name in [] if chosen is None else ["main", *chosen.models]:
        path = collected.folder / "measurements" / f"{name}.csv.gz"
        if path.is_file():
            facts = json.loads(Path(f"{collected.folder}/measurements/{name}.json").read_text(encoding="utf-8"))
            tokens = pd.read_csv(path)
            if "prompt" not in tokens:
                raise UserError(f"{path}: no column prompt, by an older version; run `steer measure` again")
            found[name] = (tokens, facts)
        else:
            collected.missing.append(f"model {name}: no measurement of the entropy change")
    return found


def _measured(measurements: Measurements) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Yield (identifying columns, updated tokens with `change`) for each model, step and update.

    A token is updated if its advantage is not 0. Tokens with unknown change are excluded.
    """
    for model, (tokens, facts) in measurements.items():
        names = [column.removeprefix("change_") for column in tokens.columns if column.startswith("change_")]
        for step, rows in tokens.groupby("step"):
            updated = rows[rows["advantage"] != 0]
            for name in names:
                known = updated.dropna(subset=f"change_{name}")
                if len(known):
                    key = {"model": model, "parameters": facts["parameters"], "step": int(step), "update": name}
                    yield key, known.assign(change=known[f"change_{name}"])


def agreements(measurements: Measurements, draws: int) -> pd.DataFrame:
    """AGREEMENT_COLUMNS: one row per model, step, update, tasks (`all`, and each kind) and estimator.

    `own` is a part of SGD's step, so it has that step's details. As an estimate of the whole change it bounds what
    perfect knowledge of a token's own update could predict.
    """
    rows = []
    for key, tokens in _measured(measurements):
        every, facts = measurements[key["model"]]
        about = facts["steps"][str(key["step"])]["updates"]["sgd" if key["update"] == "own" else key["update"]]
        share = float((every[every["step"] == key["step"]]["advantage"] != 0).mean())
        kinds = tokens["kind"].unique()
        groups = {"all": tokens} | ({kind: tokens[tokens["kind"] == kind] for kind in kinds} if len(kinds) > 1 else {})
        for tasks, part in groups.items():
            sources = {name: part[f"omega_{name}"] for name in ESTIMATORS}
            if key["update"] != "own" and part["change_own"].notna().any():
                sources[OWN] = part["change_own"].dropna()
            for name, estimate in sources.items():
                known = part.loc[estimate.index]
                found = agreement(estimate, known["change"], known["prompt"], draws)
                rows.append({**key, "tasks": tasks, "estimator": name, "updated_share": share, **found, **about})
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def binned(measurements: Measurements) -> pd.DataFrame:
    """Quantiles of the measured change and of each scaled estimate by probability; see BINNED_COLUMNS.

    `sign` is the sign of the advantage. The tokens of each sign, sorted by probability, form bins of equal size;
    `probability` is the bin's median.
    """
    rows = []
    for key, tokens in _measured(measurements):
        tokens = tokens.assign(**{name: _scaled(tokens, name) for name in ESTIMATORS}, measured=tokens["change"])
        for sign, mine in (("+", tokens[tokens["advantage"] > 0]), ("-", tokens[tokens["advantage"] < 0])):
            mine = mine.sort_values("probability", kind="stable")
            number_of_bins = min(BINS, len(mine) // FEWEST)
            for part in np.array_split(np.arange(len(mine)), number_of_bins) if number_of_bins else []:
                inside = mine.iloc[part]
                about = {**key, "sign": sign, "probability": inside["probability"].median(), "tokens": len(inside)}
                for quantity in ("measured", *ESTIMATORS):
                    values = np.quantile(inside[quantity], list(QUANTILES.values()))
                    rows.append({**about, "quantity": quantity, **dict(zip(QUANTILES, values, strict=True))})
    return pd.DataFrame(rows, columns=BINNED_COLUMNS)


def _scaled(tokens: pd.DataFrame, estimator: str) -> pd.Series:
    """Scale an estimate by the factor that fits the measured change best."""
    estimate = tokens[f"omega_{estimator}"]
    square = float((estimate**2).sum())
    return estimate * (float((estimate * tokens["change"]).sum()) / square if square else 0.0)


def sampled(measurements: Measurements) -> pd.DataFrame:
    """Sample tokens of each measurement for the scatter: probability, entropy, advantage and measured change."""
    columns = ["probability", "entropy", "advantage", "change"]
    parts = [pd.DataFrame(columns=[*KEYS, *columns])]
    for key, tokens in _measured(measurements):
        shown = tokens.sample(min(len(tokens), SHOWN_TOKENS), random_state=0)[columns].reset_index(drop=True)
        parts.append(pd.DataFrame({**{name: [value] * len(shown) for name, value in key.items()}, **shown}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def positions(measurements: Measurements) -> pd.DataFrame:
    """Entropy and gradient by decile (1 to 10) of the relative position t/|o|, t from 0; see POSITION_COLUMNS.

    `entropy` (nats): mean over prompts of the mean over their responses' means in the decile. `gradient`: share of the
    summed norms of the tokens' loss gradients at the logits. Intervals are over prompts, the gradient's from the
    deciles' totals per prompt with the sum held fixed.
    """
    rows = []
    for model, (tokens, facts) in measurements.items():
        for step, part in tokens.groupby("step"):
            decile = (10 * part["position"] // part["length"]).clip(upper=9).astype(int) + 1
            total, prompts = part["gradient"].sum(), part["prompt"].nunique()
            for place, inside in part.groupby(decile):
                by_response = inside.groupby(["prompt", "response"])["entropy"].mean()
                entropy = cluster_mean(by_response.groupby("prompt").mean(), bounds=(0.0, np.inf))
                # A prompt without a token in the decile adds 0.
                sums = inside.groupby("prompt")["gradient"].sum().to_numpy()
                sums = np.concatenate([sums, np.zeros(prompts - len(sums))]) * prompts / (total or np.nan)
                share = cluster_mean(sums)
                key = {"model": model, "parameters": facts["parameters"], "step": int(step), "decile": int(place)}
                rows.append({**key, "tokens": len(inside), **entropy.named("entropy"), **share.named("gradient")})
    return pd.DataFrame(rows, columns=POSITION_COLUMNS)


def millions(parameters: int) -> str:
    """Format a model size as `0.25 M`."""
    return f"{parameters / 1e6:.2g} M" if parameters < 1e9 else f"{parameters / 1e9:.2g} G"


def estimator_table(collected: Collected, frame: pd.DataFrame) -> Table:
    """Make T1: each estimate against the measured change of the configuration's model, by stage and update."""
    shown = frame[(frame["model"] == "main") & (frame["tasks"] == "all")]
    header = ["step", "update", "tokens", "estimate", "MSE, % of the mean square", "Pearson", "Spearman"]
    rows = [
        [
            Cell(str(r["step"])),
            Cell(UPDATES[r["update"]]),
            Cell(f"{r['tokens']} of {r['clusters']} prompts"),
            Cell(r["estimator"]),
            Cell(interval_of(r, "unexplained")),
            Cell(interval_of(r, "pearson", "+.2f", 1.0)),
            Cell(interval_of(r, "spearman", "+.2f", 1.0)),
        ]
        for r in shown.to_dict("records")
    ]
    caption = f"Estimated and measured change of each token's entropy in one update. {scale_note(collected)}"
    return Table("T1_estimators", caption, frame, header, rows, _notes(collected))


def model_table(collected: Collected, frame: pd.DataFrame) -> Table:
    """Make T8: the correlation of each estimate with the measured change, by model, stage and kind of task."""
    header = ["model", "tasks", "step", "update", "tokens", *ESTIMATORS]
    key = [*KEYS, "tasks"]
    rows = []
    for (_, parameters, step, update, tasks), part in frame.groupby(key, sort=False):
        by_name = {r["estimator"]: r for r in part.to_dict("records")}
        found = [by_name[name] for name in ESTIMATORS]
        texts = [interval_of(r, "pearson", "+.2f", 1.0) for r in found]
        about = [millions(parameters), tasks, str(step), UPDATES[update], number(found[0]["tokens"], ".0f")]
        rows.append([Cell(text) for text in (*about, *texts)])
    caption = (
        f"Pearson correlation of estimated and measured entropy change, by model and task. {scale_note(collected)}"
    )
    return Table("T8_models", caption, frame, header, rows, _notes(collected))


def _notes(collected: Collected) -> list[str]:
    notes = [
        "Tokens with an advantage other than 0, in one update on the whole batch, on policy; in brackets the 95 % "
        "bootstrap interval over prompts. The MSE is what the best multiple of the estimate leaves.",
        "SGD's learning rate changes the entropy by a tenth of AdamW's change (root mean square); AdamW has training's "
        "learning rate and empty moments. Own part: the first-order effect of a token's own part of SGD's step on its "
        "entropy, on a sample of tokens; as an estimate of the whole change it bounds what perfect knowledge of a "
        "token's own update could predict.",
    ]
    return notes + [f"Note: {line}." for line in collected.missing if "measurement" in line]
