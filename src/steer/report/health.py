"""The report's verdicts: whether each method acts, compared with the plain one, and which health checks warn."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from steer.diagnose.act import in_words, verdict
from steer.diagnose.health import health
from steer.report.collect import Run

# The plain method: GRPO, whose other parameters are its defaults. Its entry in a run's config.yaml.
PLAIN = {"advantage": "grpo", "shaping": "none", "clip": "ppo", "weight": "none", "penalty": "none"}


@dataclass(frozen=True)
class Said:
    """One run's verdict, in the words of `steer diagnose`."""

    label: str
    verdict: str
    reason: str
    numbers: list[str]


def acted(runs: list[Run]) -> tuple[str | None, list[Said]]:
    """Return (label of the plain run or None, a verdict for each other run)."""
    trained = [run for run in runs if run.trained and any(seed.steps for seed in run.seeds)]
    plain = next(filter(_is_plain, trained), None) or next((run for run in trained if run.name == "grpo"), None)
    reference = {} if plain is None else _frames(plain)
    found = []
    for run in trained:
        if run is not plain:
            said = verdict(_frames(run), reference)
            found.append(Said(run.label, said.verdict, said.reason, in_words(said.facts)))
    return plain and plain.label, found


def _frames(run: Run) -> dict[int, pd.DataFrame]:
    return {seed.seed: pd.DataFrame(seed.steps) for seed in run.seeds if seed.steps}


def _is_plain(run: Run) -> bool:
    slots: Any = run.seeds[0].info.get("slots")
    if not isinstance(slots, dict):
        return False
    names = {slot: choice.get("name") if isinstance(choice, dict) else choice for slot, choice in slots.items()}
    clip = slots.get("clip")
    sides = [clip.get("low"), clip.get("high")] if isinstance(clip, dict) else []
    return {slot: names.get(slot) for slot in PLAIN} == PLAIN and sides == [0.2, 0.2]


def warnings(runs: list[Run]) -> list[tuple[str, int, str, str, str]]:
    """Return (label, seed, check, what was seen, threshold) of every check that warns."""
    found = []
    for run in runs:
        for seed in run.seeds:
            rows = health(pd.DataFrame(seed.steps), seed.info) if seed.steps else []
            warned = [row for row in rows if row["state"] == "warning"]
            found += [(run.label, seed.seed, row["check"], row["seen"], row["threshold"]) for row in warned]
    return found
