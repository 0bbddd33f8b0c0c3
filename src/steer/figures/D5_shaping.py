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
    present = set(curves["run"])
    labels = {run: label for run, label in sources.labels.items() if run in wanted and run in present}
    figure, (ax,) = page.panels(1, 1, 4.6, 3.2)
    if not any(methods[run] in SHAPED for run in labels):
        page.say(ax, "No training run with perplexity or position shaping.")
        page.notes(figure, sources)
        return figure
    window = smoothing_window(int(curves["step"].max()))
    draw_runs(ax, curves, "accuracy", labels, scale=100, window=window, faint=False)
    ax.set(xlabel="training step", ylabel="accuracy of the rollouts (%)")
    page.legend(figure, ax)
    page.notes(figure, sources, seeds_note(curves), smoothing_note(window))
    return figure
