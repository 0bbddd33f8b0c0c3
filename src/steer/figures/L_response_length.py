"""Mean length of training responses and share cut off over training, one line per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, headroom, seeds_note, smoothing_note, smoothing_window
from steer.figures.sources import Sources

CATEGORY = "Training"
PANELS = {"response_length": ("response length (tokens)", 1.0), "truncated": ("responses cut off (%)", 100.0)}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*PANELS)
    present = {metric: panel for metric, panel in PANELS.items() if curves[metric].notna().any()}
    if not present:
        return page.nothing(sources, "No training run with response lengths.")
    window = smoothing_window(int(curves["step"].max()))
    grid = draw_runs(sources, curves, present, window=window)
    for metric, ax in grid.axes_dict.items():
        headroom([ax], zero=metric == "truncated")
    page.notes(grid.figure, sources, seeds_note(curves), smoothing_note(window))
    return grid.figure
