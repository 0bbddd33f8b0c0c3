"""Accuracy over training under perplexity shaping, position shaping and GRPO, band over seeds."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, seeds_note, smoothing_note, smoothing_window
from steer.figures.sources import Sources
from steer.figures.wanted import SHAPED

CATEGORY = "Training"


def draw(sources: Sources) -> Figure:
    methods = {run: entry.method or run for run, entry in sources.config.methods.items()}
    wanted = [run for run, method in methods.items() if method == "grpo" or method in SHAPED]
    curves = sources.curves("accuracy", runs=wanted)
    if not any(methods[run] in SHAPED for run in set(curves["run"])):
        return page.nothing(sources, "No training run with perplexity or position shaping.")
    window = smoothing_window(int(curves["step"].max()))
    grid = draw_runs(sources, curves, {"accuracy": ("accuracy of the rollouts (%)", 100.0)}, window=window)
    page.notes(grid.figure, sources, seeds_note(curves), smoothing_note(window))
    return grid.figure
