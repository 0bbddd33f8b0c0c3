"""Choose which of a row's two intervals a figure draws: over runs if there are enough runs, else over questions."""

import pandas as pd

from steer.analyse.comparison import LEAST_RUNS


def over_runs(table: pd.DataFrame, runs: str = "seeds") -> bool:
    """Check that every row has enough runs; the base model and the oracle, evaluated once, do not count."""
    numbers = table.loc[~table["run"].isin(["base", "oracle"]), runs].dropna()
    return bool(len(numbers)) and bool((numbers.astype(float) >= LEAST_RUNS).all())


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies with the interval to draw in `low` and `high`; rows without one over runs keep theirs."""
    if not over_runs(table):
        return table
    ends = {end: table[f"run_{end}"].fillna(table[end]) for end in ("low", "high")}
    return table.assign(**ends)


def note(by_run: bool) -> str:
    """Describe the bars."""
    if by_run:
        return "Bars: 95 % interval over runs (the base model's over questions)."
    return f"Bars: 95 % interval over questions, for these runs. Comparing methods takes {LEAST_RUNS} runs of each."
