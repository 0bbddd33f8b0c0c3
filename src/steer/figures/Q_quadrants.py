"""Share of tokens and of the estimated entropy change in the four quadrants over training, one line per run."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import facets, long, seeds_note, smoothing_note, smoothing_window
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
    scales = {f"{row}/{quadrant}": scale for row, (_, scale) in ROWS.items() for quadrant in QUADRANTS}
    curves = sources.curves(*scales)
    if curves.empty:
        return page.nothing(sources, "No training run with quadrants.")
    window = smoothing_window(int(curves["step"].max()))
    rows = long(curves, scales, window)
    rows[["row", "quadrant"]] = rows["metric"].str.split("/", expand=True)
    grid = facets(rows, sources.labels, sources.looks, 2.6, 2.2, row="row", row_order=list(ROWS), col="quadrant",
                  col_order=list(QUADRANTS), sharey="row")  # fmt: skip
    for (row, quadrant), ax in grid.axes_dict.items():
        if row == "quadrant_share":
            ax.set_title(f"{quadrant}\n({QUADRANTS[quadrant]})")
        else:
            ax.axhline(0, color="#888888", linewidth=0.8, zorder=1)
        if quadrant == "exploitation":
            ax.set_ylabel(ROWS[row][0])
    page.notes(
        grid.figure,
        sources,
        seeds_note(curves),
        "Likely: log π > -H. ω: estimated entropy change of the update, without learning rate and batch size.",
        smoothing_note(window),
    )
    return grid.figure
