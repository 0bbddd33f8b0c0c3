"""Final accuracy of every method on another model as bars with 95 % intervals, and the paper's values there are."""

import pandas as pd
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.looks import look
from steer.figures.sources import Sources

COLUMNS = {"math": "math benchmarks", "code": "code benchmarks", "overall": "all benchmarks"}


def draw(sources: Sources) -> Figure:
    table = sources.frame("accuracy.csv")
    kinds = [name for name in ("math", "code") if name in set(table["column"])]
    columns = [*kinds, "overall"] if len(kinds) > 1 else kinds or ["overall"]
    runs = [run for run in sources.labels if run != "oracle"]
    figure, axes = page.panels(
        len(columns), 3, 4.6 if len(columns) == 1 else 3.4, max(2.2, 1.1 + 0.26 * len(runs)), sharey=True
    )
    for column, ax in zip(columns, axes, strict=True):
        rows = table[table["column"] == column].set_index("run")
        for place, run in enumerate(runs):
            if run not in rows.index:
                sources.missing.append(f"{sources.labels[run]}: not evaluated on every benchmark")
                continue
            row = rows.loc[run]
            mean, low, high, theirs = (100 * float(row[name]) for name in ("mean", "low", "high", "paper"))
            error = None if pd.isna(low) else [[mean - low], [high - mean]]
            bar = {"error_kw": {"ecolor": "#222222", "elinewidth": 1.2}, "color": (look(run)["color"], 0.55)}
            ax.barh(place, mean, 0.7, xerr=error, label=sources.labels[run], **bar)
            if not pd.isna(theirs):
                ax.plot(theirs, place, marker="|", markersize=12, color="#888888", markeredgewidth=2)
        ax.set(title=COLUMNS[column], xlabel="accuracy (%)")
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(runs)), [sources.labels[run] for run in runs])
    axes[0].set_ylim(len(runs) - 0.4, -0.6)
    strokes = "Upright strokes: the paper's values." if table["paper"].notna().any() else ""
    model = sources.config.model.path or "a model trained from scratch"
    page.notes(figure, sources, f"Model: {model}. Bars: 95 % interval over questions.", strokes)
    return figure
