"""Gain in accuracy over the base model by perplexity of the base model's responses, one line per run."""

from matplotlib.figure import Figure

from steer.figures import intervals, page
from steer.figures.sources import Sources

CATEGORY = "Results"
BARS_UP_TO = 8  # runs with intervals drawn


def draw(sources: Sources) -> Figure:
    table = sources.frame("D3_perplexity_groups.csv", ["runs"])
    runs = [run for run in sources.labels if run in set(table["run"])]
    if not runs:
        return page.nothing(sources, "No base model with log-probabilities of its responses to compare runs with.")
    by_run = intervals.over_runs(table, "runs")
    unit = "" if by_run else "question_"
    figure, (gain, base) = page.panels(2, 2, 3.6, 2.9)
    for place, run in enumerate(runs):
        rows = table[table["run"] == run].sort_values("group")
        shift = 0.5 * ((place + 0.5) / len(runs) - 0.5)
        low, high = (rows[f"{unit}{end}"] for end in ("low", "high"))
        error = [100 * (rows["gain"] - low), 100 * (high - rows["gain"])]
        gain.errorbar(
            rows["group"] + shift,
            100 * rows["gain"],
            yerr=error if len(runs) <= BARS_UP_TO else None,
            label=sources.labels[run],
            elinewidth=0.9,
            capsize=1.5,
            markersize=4,
            linewidth=1.1,
            **sources.looks[run],
        )
    gain.axhline(0, color="#888888", linewidth=0.8, zorder=1)
    gain.set(xlabel="perplexity group (1: lowest)", ylabel="gain over the base model (points)")
    first = table[table["run"] == runs[0]].sort_values("group")
    base.bar(first["group"], 100 * first["base"], color=sources.looks["base"]["color"], width=0.6)
    base.set(xlabel="perplexity group (1: lowest)", ylabel="accuracy of the base model (%)")
    for ax in (gain, base):
        ax.set_xticks(sorted(table["group"].unique()))
    page.legend(figure, gain)
    ranges = ", ".join(f"{r.group}: {r.perplexity_low:.2f} to {r.perplexity_high:.2f}" for r in first.itertuples())
    page.notes(
        figure,
        sources,
        "Questions in groups of equal size within each benchmark, by the mean log-perplexity of the first half of the "
        f"base model's responses; its accuracy is that of the second half. Perplexities (5 to 95 %) {ranges}.",
        intervals.note(by_run) if len(runs) <= BARS_UP_TO else "Intervals are in the table.",
    )
    return figure
