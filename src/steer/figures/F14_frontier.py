"""Accuracy and pass@k against entropy along training: a run is ahead only above the reference's own path."""

from matplotlib.figure import Figure

from steer.figures import page
from steer.figures.points import style
from steer.figures.sources import Sources

CATEGORY = "Results"


def draw(sources: Sources) -> Figure:
    table = sources.frame("frontier.csv")
    if table["entropy"].notna().sum() < 2:
        return page.nothing(sources, "No kept models were evaluated along training with log-probabilities.")
    k = int(table["samples"].max())
    panels = {"accuracy": "accuracy (%)", "pass_at_k": f"pass@{k} (%)"}
    figure, axes = page.panels(2, 2, 3.4, 3.0)
    means = table.groupby(["run", "step"], sort=False)[["entropy", *panels]].mean().reset_index()
    for ax, (name, label) in zip(axes, panels.items(), strict=True):
        for run in means["run"].unique():
            look = sources.looks[run]
            for _, seed in table[table["run"] == run].groupby("seed"):
                ax.plot(seed["entropy"], 100 * seed[name], color=look["color"], alpha=0.25, linewidth=0.8, zorder=1)
            mine = means[means["run"] == run]
            ax.errorbar(
                mine["entropy"], 100 * mine[name], label=sources.labels[run], **style(look, linestyle=look["linestyle"])
            )
        base = means[means["step"] == 0].iloc[0]
        ax.plot(
            base["entropy"],
            100 * base[name],
            label="base",
            **{**sources.looks["base"], "linestyle": "none", "zorder": 5},
        )
        ax.invert_xaxis()
        ax.set(xlabel="entropy (nats per token), falling", ylabel=label)
    page.legend(figure, axes[0])
    for run in sources.config.frontier_runs:
        lacking = sorted(set(sources.config.seeds) - set(table.loc[table["run"] == run, "seed"]))
        name = sources.labels.get(run, run)
        if lacking:
            sources.missing.append(f"{name}, seed {', '.join(map(str, lacking))}: no kept models evaluated")
    page.notes(
        figure,
        sources,
        "Each point is a model kept during training: mean over seeds; faint: single seeds. Lines follow training from "
        "the base model. T14_frontier has the distances from the reference's path.",
    )
    return figure
