"""Decide which figures to make: those for which a configuration has data."""

import ast
from pathlib import Path
from typing import NamedTuple

from steer.configs.schema import Config

HERE = Path(__file__).parent
MEASURED = {"F1_entropy_change", "F2_estimates", "D4_positions"}
WEIGHTS = {"S_steer_acts", "W_weight_distribution"}
MAIN_MODEL = "Qwen2.5-Math-7B"  # of arXiv 2510.10150; its figure 20 is about others
# Methods of arXiv 2508.02260.
SHAPED = ("perplexity_shaping", "position_shaping", "position_shaping_plateau")


class About(NamedTuple):
    """Summary (first line of the module's docstring) and `CATEGORY` of a figure."""

    summary: str
    category: str


def figure_ids() -> list[str]:
    """List all figures: modules of this package named after their id."""
    return sorted(path.stem for path in HERE.glob("[A-Z]*.py"))


def about_figures() -> dict[str, About]:
    """Describe each figure, read from its source without importing the drawing code."""
    return {name: _about(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) for name in figure_ids()}


def _about(tree: ast.Module) -> About:
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    category = next(node.value for node in assigned if ast.unparse(node.targets[0]) == "CATEGORY")
    return About(ast.get_docstring(tree).splitlines()[0], ast.literal_eval(category))


def wanted(config: Config) -> list[str]:
    """List the figures for which the configuration has runs, a measurement, samples or a model."""
    from steer.analyse.studies import STUDIES, settings_of, studies  # imports torch

    absent = {study.figure for study in STUDIES} - {study.figure for study, _ in studies(config)}
    if config.measurement is None:
        absent |= MEASURED
    if config.evaluation.frontier is None:
        absent.add("F14_frontier")
    if config.model.path is None or Path(config.model.path).name == MAIN_MODEL:
        absent.add("F20_other_models")
    # The metrics of an external run are unknown before it has run.
    if not config.external and all(slots["weight"]["name"] == "none" for _, slots in settings_of(config).values()):
        absent |= WEIGHTS
    if not any((run.method or name) in SHAPED for name, run in config.methods.items()):
        absent.add("D5_shaping")
    if "base" not in config.evaluation.also:
        absent.add("D3_perplexity_groups")
    if max(map(config.evaluation.samples_for, config.data.benchmarks)) < 2:
        absent.add("F6_pass_at_k")
    if not config.imported:
        absent.add("V_validation")
    if not config.runs:
        shown = {"F3_final_comparison"} if "oracle" in config.evaluation.also else set()
        absent |= {name for name in figure_ids() if name != "F6_pass_at_k"} - shown
    return [name for name in figure_ids() if name not in absent]
