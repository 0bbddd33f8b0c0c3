"""Under a control reward: final accuracy and the base model's, and entropy and reward over training."""

from matplotlib.figure import Figure

from steer.figures import intervals, page
from steer.figures.lines import draw_on, headroom, long, seeds_note, smoothing_note, smoothing_window
from steer.figures.points import draw_list, study
from steer.figures.sources import Sources

CATEGORY = "Studies"
CURVES = {"reward": ("reward of the rollouts", 1.0), "entropy": ("entropy (nats per token)", 1.0)}


def draw(sources: Sources) -> Figure:
    table = study(sources, "E_controls")
    curves = sources.curves(*CURVES)
    figure, (final, *axes) = page.panels(3, 3, 3.0, 2.6)
    draw_list(final, table, "accuracy", sources)
    window = smoothing_window(int(curves["step"].max())) if len(curves) else 1
    for (metric, (label, scale)), ax in zip(CURVES.items(), axes, strict=True):
        rows = long(curves[curves["run"].isin(table["run"])], {metric: scale}, window)
        if rows.empty:
            page.say(ax, f"No training run with {metric}.")
            continue
        draw_on(ax, rows, sources.labels, sources.looks)
        ax.set(xlabel="training step", ylabel=label)
        headroom([ax], zero=metric == "entropy")
    page.notes(
        figure,
        sources,
        f"The reward is `{sources.config.reward.kind}`. Final accuracy: average over benchmarks, by the correct "
        "answers.",
        intervals.note(intervals.over_runs(table)),
        seeds_note(curves),
        f"Curves: colours and markers of the first panel. {smoothing_note(window)}",
    )
    return figure
