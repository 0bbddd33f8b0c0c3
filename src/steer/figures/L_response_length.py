"""Mean length of training responses and share cut off over training, one line per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, headroom, seeds_note, smoothing_note, smoothing_window
from steer.figures.sources import Sources

CATEGORY = "Training"
PANELS = {"response_length": ("response length (tokens)", 1.0), "truncated": ("responses cut off (%)", 100.0)}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*PANELS)
    present = [metric for metric in PANELS if curves[metric].notna().any()]
    figure, axes = page.panels(max(len(present), 1), 2, 3.6, 2.9)
    if not present:
        page.say(axes[0], "No training run with response lengths.")
        page.notes(figure, sources)
        return figure
    window = smoothing_window(int(curves["step"].max()))
    for metric, ax in zip(present, axes, strict=True):
        label, scale = PANELS[metric]
        draw_runs(ax, curves.dropna(subset=metric), metric, sources.labels, scale=scale, window=window, faint=False)
        ax.set(xlabel="training step", ylabel=label)
        headroom([ax], zero=metric == "truncated")
    page.legend(figure, axes[0])
    page.notes(figure, sources, seeds_note(curves), smoothing_note(window))
    return figure
