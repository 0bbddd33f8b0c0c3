"""The claims that the default experiment tests, each with its measurement.

They are judged only on the default experiment; other configurations test something else. Each claim names its unit:
the trained seeds, or the questions.
"""

import math
from pathlib import Path

import pandas as pd

from steer.analyse.claims import entropy_by_seed
from steer.analyse.collect import Collected
from steer.analyse.comparison import LEAST_RUNS
from steer.analyse.statistics import run_mean
from steer.configs.load import load_config
from steer.configs.reward import deciding
from steer.configs.schema import Config

DEFAULT = Path(__file__).parents[3] / "configs" / "tiny.yaml"
# Keys that define the default experiment; name, hardware and additional measurements do not count.
SAME = ("data", "model", "training", "rollout", "reward", "evaluation", "methods", "external", "seeds")
LEAST_GAIN, LEAST_LOSS = 0.08, 0.40


def is_default(config: Config) -> bool:
    """Check whether `config` equals `configs/tiny.yaml` in everything that its runs depend on."""
    if not DEFAULT.is_file():
        return False
    default = load_config(str(DEFAULT)).model_dump(mode="json")
    mine = config.model_dump(mode="json")
    for tree in (default, mine):
        tree["reward"] = deciding(tree["reward"])
    return all(mine[key] == default[key] for key in SAME)


def statements(collected: Collected, claims: pd.DataFrame) -> list[dict[str, str]]:
    """List the claims with their measurements: `holds` is yes, no, – (nothing is claimed) or not measured."""
    by_run = {row["run"]: row for row in claims.to_dict("records")}
    entropy = entropy_by_seed(collected)
    last = {run: frame["last"].tolist() for run, frame in entropy.groupby("run")}
    change = entropy[entropy["run"] == "grpo"]["change"].tolist()
    return [_gain(by_run.get("grpo", {})), _loss(change), _kept(last), _weights(by_run.get("steer", {}))]


def _gain(grpo: dict) -> dict[str, str]:
    gain = grpo.get("gain", math.nan)
    return _statement(
        f"GRPO's runs gain {100 * LEAST_GAIN:.0f} points of average accuracy or more over the base model, with an "
        "interval over questions that excludes 0",
        f"{100 * gain:+.1f} points, 95 % interval over questions {_range(grpo, 'gain_question', 100, '+.1f')}",
        gain,
        gain >= LEAST_GAIN and grpo.get("gain_question_low", math.nan) > 0,
    )


def _loss(change: list[float]) -> dict[str, str]:
    by_seed = " and ".join(f"{100 * value:+.0f} %" for value in change)
    return _statement(
        f"GRPO's policy entropy falls by at least {100 * LEAST_LOSS:.0f} % in every run",
        f"{by_seed}, one number a run",
        max(change, default=math.nan),
        max(change, default=math.nan) <= -LEAST_LOSS,
    )


def _kept(last: dict[str, list[float]]) -> dict[str, str]:
    claim = "Entropy regularisation ends with more entropy than GRPO: each of its runs above each of GRPO's"
    kept, lost = (last.get(run, []) for run in ("entropy_regularisation", "grpo"))
    if not kept or not lost:
        return _statement(claim, "", math.nan, None)
    runs = " against ".join(" ".join(f"{end:.3f}" for end in ends) for ends in (kept, lost))
    measured = f"{runs} nats, one number a run"
    if min(len(kept), len(lost)) >= LEAST_RUNS and len(kept) == len(lost):
        low, high = run_mean([mine - theirs for mine, theirs in zip(kept, lost, strict=True)]).interval()
        measured += f"; 95 % interval over runs of the difference [{low:+.3f}, {high:+.3f}]"
    return _statement(claim, measured, min(kept), min(kept) > max(lost))


def _weights(steer: dict) -> dict[str, str]:
    measured = _range(steer, "weight", 1, ".3f", "min", "max")
    measured += f", 5 to 95 % of tokens {_range(steer, 'weight', 1, '.3f', 'p05', 'p95')}"
    claim = "The range that STEER's weights covered in the last tenth of the steps"
    return _statement(claim, measured, steer.get("weight_min", math.nan), None)


def _range(row: dict, name: str, scale: float, style: str, low: str = "low", high: str = "high") -> str:
    ends = (scale * row.get(f"{name}_{end}", math.nan) for end in (low, high))
    return "[" + ", ".join(format(end, style) for end in ends) + "]"


def _statement(claim: str, measured: str, value: float, holds: bool | None) -> dict[str, str]:
    if math.isnan(value):
        return {"claim": claim, "measured": "not measured", "holds": "not measured"}
    return {"claim": claim, "measured": measured, "holds": "–" if holds is None else "yes" if holds else "no"}
