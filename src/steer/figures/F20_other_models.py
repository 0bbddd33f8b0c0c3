"""Final accuracy of every method on other models as bars with 95 % intervals, and the paper's values if known."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import bars
from steer.figures.sources import Sources

CATEGORY = "Results"
COLUMNS = {"math": "math benchmarks", "code": "code benchmarks", "overall": "all benchmarks"}


def draw(sources: Sources) -> Figure:
    """Draw a row of panels for each model: the results folder's own, then those of `sources.beside`."""
    models = [sources, *(Sources(folder, sources.config) for folder in sources.beside)]
    names = _names(models)
    tables = [model.frame("accuracy.csv") for model in models]
    kinds = [name for name in ("math", "code") if any(name in set(table["column"]) for table in tables)]
    columns = [*kinds, "overall"] if len(kinds) > 1 else kinds or ["overall"]
    most = max(len(model.labels) for model in models)
    figure, axes = page.panels(
        len(models) * len(columns),
        len(columns),
        4.6 if len(columns) == 1 else 3.4,
        max(2.2, 1.1 + 0.26 * most),
        sharey="row",
    )
    for place, (model, table) in enumerate(zip(models, tables, strict=True)):
        mine = axes[place * len(columns) : (place + 1) * len(columns)]
        runs = [run for run in model.labels if run != "oracle"]
        for column, ax in zip(columns, mine, strict=True):
            lacking = _panel(ax, table[table["column"] == column].set_index("run"), runs, model)
            sources.missing.extend(f"{names[place]}, {text}" if len(models) > 1 else text for text in lacking)
            ax.set(title=f"{names[place]}\n{COLUMNS[column]}" if len(models) > 1 else COLUMNS[column])
            if place == len(models) - 1:
                ax.set_xlabel("accuracy (%)")
        mine[0].set_yticks(range(len(runs)), [model.labels[run] for run in runs])
        mine[0].set_ylim(len(runs) - 0.4, -0.6)
    strokes = "Upright strokes: the paper's values." if any(table["paper"].notna().any() for table in tables) else ""
    named = f"Model: {names[0]}. " if len(models) == 1 else ""
    others = [model.about["scale"] for model in models[1:]]
    page.notes(figure, sources, f"{named}Bars: 95 % interval over questions.", strokes, *others)
    return figure


def _names(models: list[Sources]) -> list[str]:
    """Model names from the tables (older tables have only the profile), with the profile added to equal names."""
    names = [Path(model.about.get("model", model.about["profile"])).name for model in models]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({model.about['profile']})" for name, model in zip(names, models, strict=True)]


def _panel(ax: Axes, rows: pd.DataFrame, runs: list[str], model: Sources) -> list[str]:
    """Draw the bars and return what is missing."""
    lacking = []
    for place, run in enumerate(runs):
        if run not in rows.index:
            lacking.append(f"{model.labels[run]}: not evaluated on every benchmark")
            continue
        row = rows.loc[run]
        mean, error = bars(row, "accuracy")
        bar = {"error_kw": {"ecolor": "#222222", "elinewidth": 1.2}, "color": (model.looks[run]["color"], 0.55)}
        ax.barh(place, mean, 0.7, xerr=error, label=model.labels[run], **bar)
        if pd.notna(row["paper"]):
            ax.plot(100 * float(row["paper"]), place, marker="|", markersize=12, color="#888888", markeredgewidth=2)
    ax.grid(axis="y", visible=False)
    return lacking
