"""Validations in imported logs over training: mean, best and majority over samples, one panel each."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.lines import facets, headroom, seeds_note
from steer.figures.sources import Sources

CATEGORY = "Training"
NAMES = {"mean": "mean over samples", "best": "best of the samples", "maj": "majority of the samples", "pass": "pass@N"}
MOST = 9


def draw(sources: Sources) -> Figure:
    table = sources.frame("validation_curves.csv")
    table["kind"] = table["statistic"].str.partition("@")[0]
    table["samples"] = table["statistic"].str.partition("@")[2].replace("", "0").astype(int)
    # For each kind, the one with the most samples: mean@32, best@32, maj@32.
    table = table[table["samples"] == table.groupby(["run", "benchmark", "kind"])["samples"].transform("max")]
    # For each benchmark, the variable logged at the most steps.
    table = table[table["variable"] == table.groupby("benchmark")["variable"].transform(lambda v: v.mode().iloc[0])]
    shown = list(dict.fromkeys(zip(table["benchmark"], table["kind"], strict=True)))
    shown.sort(key=lambda pair: (pair[0], list(NAMES).index(pair[1])))
    if not shown:
        return page.nothing(sources, "No imported log holds a validation.")
    table["panel"] = list(zip(table["benchmark"], table["kind"], strict=True))
    grid = facets(table[table["panel"].isin(shown[:MOST])], sources.labels, sources.looks, 3.1, 2.5, col="panel",
                  col_order=shown[:MOST], col_wrap=min(3, len(shown)))  # fmt: skip
    for (benchmark, kind), ax in grid.axes_dict.items():
        mine = table[(table["benchmark"] == benchmark) & (table["kind"] == kind)]
        counts = "/".join(str(n) for n in sorted(mine["samples"].unique()) if n)
        ax.set_title(f"{benchmark}\n{NAMES[kind]}" + (f" (N = {counts})" if counts else ""), fontsize=8)
        headroom([ax], zero=bool((mine["value"] >= 0).all()))
    more = f"{len(shown) - MOST} more panels are not shown." if len(shown) > MOST else ""
    note = "As the trainers logged them. In verl best and majority are bootstraps, below the unbiased pass@N."
    page.notes(grid.figure, sources, seeds_note(table), note, more)
    return grid.figure
