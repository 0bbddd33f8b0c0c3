"""Share of tokens and of the estimated entropy change in the four quadrants over training, one line per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import draw_runs, seeds_note, smoothing_window
from steer.figures.sources import Sources

CATEGORY = "Tokens and weights"
QUADRANTS = {
    "exploitation": "A > 0, likely",
    "exploration": "A > 0, unlikely",
    "release": "A < 0, likely",
    "pruning": "A < 0, unlikely",
}
ROWS = {"quadrant_share": ("tokens (%)", 100.0), "quadrant_change": ("part of the mean ω", 1.0)}


def draw(sources: Sources) -> Figure:
    metrics = [f"{row}/{quadrant}" for row in ROWS for quadrant in QUADRANTS]
    curves = sources.curves(*metrics)
    if curves.empty:
        return page.nothing(sources, "No training run with quadrants.")
    figure, axes = page.panels(8, 4, 2.7, 2.2, sharex=True, sharey="row")
    window = smoothing_window(int(curves["step"].max()))
    for place, (metric, ax) in enumerate(zip(metrics, axes, strict=True)):
        row, quadrant = metric.split("/")
        label, scale = ROWS[row]
        draw_runs(ax, curves.dropna(subset=metric), metric, sources.labels, scale=scale, window=window, faint=False)
        if place < 4:
            ax.set_title(f"{quadrant}\n({QUADRANTS[quadrant]})")
        if row == "quadrant_change":
            ax.axhline(0, color="#888888", linewidth=0.8, zorder=1)
        ax.set(xlabel="training step", ylabel=label)
        ax.label_outer()
    page.legend(figure, next((ax for ax in axes if ax.lines), axes[0]))
    page.notes(
        figure,
        sources,
        seeds_note(curves),
        "Likely: log π > -H. ω: estimated entropy change of the update, without learning rate and batch size."
        + (f" Moving average over {window} steps." if window > 1 else ""),
    )
    return figure
