"""Token entropy of correct and wrong responses over training, one panel per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import facets, long, seeds_note, smoothing_note, smoothing_window
from steer.figures.looks import CORRECT, WRONG
from steer.figures.sources import Sources

CATEGORY = "Training"
COLUMNS = 3
LABELS = {"entropy_correct": "correct responses", "entropy_wrong": "wrong responses"}
LOOKS = {"entropy_correct": CORRECT, "entropy_wrong": WRONG}


def draw(sources: Sources) -> Figure:
    curves = sources.curves(*LABELS)
    runs = [run for run in sources.labels if run in set(curves["run"])]
    if not runs:
        return page.nothing(sources, "No training run with the entropy of correct and wrong responses.")
    window = smoothing_window(int(curves["step"].max()))
    rows = long(curves, dict.fromkeys(LABELS, 1.0), window)
    grid = facets(rows, LABELS, LOOKS, 2.6, 2.2, drawn={"hue": "metric"}, col="run", col_order=runs,
                  col_wrap=min(COLUMNS, len(runs)), sharey=True)  # fmt: skip
    for run, ax in grid.axes_dict.items():
        ax.set_title(sources.labels[run])
    grid.set_ylabels("entropy (nats per token)").set(ylim=(0, None))
    page.notes(grid.figure, sources, seeds_note(curves), smoothing_note(window))
    return grid.figure
