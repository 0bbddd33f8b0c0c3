"""The page's health section: warnings of `steer diagnose`."""

import pandas as pd

from steer.diagnose.health import health
from steer.report.collect import Run


def warnings(runs: list[Run]) -> list[tuple[str, int, str, str, str]]:
    """List (label, seed, check, observed value, threshold) of every check that warns."""
    found = []
    for run in runs:
        for seed in run.seeds:
            rows = health(pd.DataFrame(seed.steps), seed.info) if seed.steps else []
            warned = [row for row in rows if row["state"] == "warning"]
            found += [(run.label, seed.seed, row["check"], row["seen"], row["threshold"]) for row in warned]
    return found
