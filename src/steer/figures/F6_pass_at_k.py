"""pass@k against k, averaged over benchmarks, one line per run."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from steer.figures import page
from steer.figures.lines import draw_on
from steer.figures.sources import Sources

CATEGORY = "Results"


def draw(sources: Sources) -> Figure:
    table = sources.frame("F6_pass_at_k.csv")
    table = table[(table["column"] == "overall") & (table["run"] != "oracle")]
    if table["k"].nunique() < 2:
        return page.nothing(sources, "pass@k against k needs at least two samples per question.")
    figure, (ax,) = page.panels(1, 1, 4.2, 3.1)
    draw_on(ax, table.assign(value=100 * table["mean"]), sources.labels, sources.looks, x="k")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(sorted(table["k"].unique())))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="k (samples per question)", ylabel="pass@k (%), average over benchmarks")
    page.legend(figure, ax)
    page.notes(
        figure,
        sources,
        "Unbiased pass@k over questions and the seeds with the most samples; intervals are in F6_pass_at_k.csv.",
    )
    return figure
