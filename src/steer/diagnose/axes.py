"""What a curve is drawn against: steps, tokens sampled, or seconds of training, from what the log has."""

from typing import Any

import pandas as pd

from steer.diagnose.settings import count, section

AXES = {"step": "training step", "tokens": "response tokens sampled (millions)", "seconds": "training time (minutes)"}
SCALE = {"step": 1.0, "tokens": 1e-6, "seconds": 1 / 60}
# Their count of a batch's tokens, prompts included.
THEIRS = ("other/perf/total_num_tokens",)
# The metrics that `along` reads.
READ = ("step", "seconds", "response_length", *THEIRS, "other/num_tokens")


def along(frame: pd.DataFrame, config: dict[str, Any], axis: str) -> tuple[pd.Series | None, str]:
    """Return (the axis at each row, a note). Without its data the axis is None, and the note says what is missing.

    Tokens are the responses of a batch, prompts × rollouts, times their mean length, added up, or else the
    trainer's own count. A row covers the steps since the one before; a row without a value counts as the mean of the
    others.
    """
    if axis == "step":
        return frame["step"], ""
    if axis == "seconds":
        if not _has(frame, "seconds"):
            return None, "the log has no `seconds` of its steps"
        return _summed(frame["seconds"], frame["step"]), _gaps(frame["seconds"])
    training = section(config, "training")
    responses = count(training, "prompts") * count(training, "rollouts")
    if _has(frame, "response_length") and responses:
        several = count(training, "dynamic_sampling") > 1
        note = "rounds that dynamic sampling threw away are not counted" if several else ""
        note = "; ".join(filter(None, (note, _gaps(frame["response_length"]))))
        return _summed(frame["response_length"] * responses, frame["step"]), note
    for name in THEIRS:
        if _has(frame, name):
            return _summed(frame[name], frame["step"]), "tokens of the prompts included"
    if _has(frame, "other/num_tokens"):
        return frame["other/num_tokens"].ffill(), "tokens of the prompts included"
    return None, "the log has no token counts; they need `response_length`, and prompts and rollouts in config.yaml"


def _has(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and frame[name].notna().any()


def _summed(values: pd.Series, steps: pd.Series) -> pd.Series:
    """Add the values up over the steps; a row covers all steps since the last row."""
    since = steps.diff()
    first = min(steps.iloc[0], since.median()) if len(steps) > 1 else steps.iloc[0]
    return (values.fillna(values.mean()) * since.fillna(first).clip(lower=1)).cumsum()


def _gaps(values: pd.Series) -> str:
    lacking = int(values.isna().sum())
    if lacking == 1:
        return "1 step without a value counts as the mean of the others"
    return f"{lacking} steps without a value count as the mean of the others" if lacking else ""
