"""pass@k against k, averaged over benchmarks, one line per run."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from steer.figures import page
from steer.figures.looks import look
from steer.figures.sources import Sources

CATEGORY = "Results"


def draw(sources: Sources) -> Figure:
    table = sources.frame("F6_pass_at_k.csv")
    table = table[table["column"] == "overall"]
    figure, (ax,) = page.panels(1, 1, 4.6, 3.2)
    runs = [run for run in sources.labels if run in set(table["run"]) and run != "oracle"]
    if not runs or table["k"].nunique() < 2:
        page.say(ax, "pass@k against k needs at least two samples per question.")
        page.notes(figure, sources)
        return figure
    for run in runs:
        rows = table[table["run"] == run].sort_values("k")
        ax.plot(rows["k"], 100 * rows["mean"], label=sources.labels[run], markersize=4.5, **look(run))
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(sorted(table["k"].unique())))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="k (samples per question)", ylabel="pass@k (%), average over benchmarks")
    page.legend(figure, ax)
    page.notes(figure, sources, "Unbiased pass@k over questions and seeds; intervals are in F6_pass_at_k.csv.")
    return figure
