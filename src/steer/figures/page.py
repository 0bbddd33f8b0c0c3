"""From panels to a finished figure: legend beside them, notes beneath, saved as PDF and PNG."""

import io
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from steer.figures.sources import Sources
from steer.io import atomic_write

# For `plt.style.context`: seaborn's theme, then what is our own.
STYLE = [sns.axes_style("whitegrid"), sns.plotting_context("paper"), Path(__file__).with_name("steer.mplstyle")]
NOTE_SIZE = 7
LEGEND_LETTERS = 28  # longer names are broken, so that they leave room for the panels
ONE_COLUMN = 24  # legend entries
SHOWN_MISSING = 6


def panels(
    number: int, columns: int, width: float = 3.4, height: float = 2.6, **shared: bool | str
) -> tuple[Figure, list[Axes]]:
    """A figure of `number` equal panels, at most `columns` in a row, unused places left blank; inches."""
    columns = max(min(number, columns), 1)
    rows = -(-max(number, 1) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * width, rows * height), squeeze=False, layout="constrained", **shared
    )
    flat = list(axes.flat)
    for ax in flat[max(number, 1) :]:
        ax.remove()
    return figure, flat[:number]


def legend(figure: Figure, *axes: Axes) -> None:
    """The panels' legend entries, once each, right of all panels.

    Outside the canvas: `savefig.bbox: tight` makes room, and the panels keep their size.
    """
    entries = {}
    for handle, name in (pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)):
        entries.setdefault(textwrap.fill(name, LEGEND_LETTERS), handle)
    if entries:
        columns = -(-len(entries) // ONE_COLUMN)
        figure.legend([*entries.values()], [*entries], loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=columns)


def say(ax: Axes, text: str) -> None:
    """Words in place of a panel that has nothing to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, textwrap.fill(text, 40), ha="center", va="center", transform=ax.transAxes, color="#444444")


def nothing(sources: Sources, text: str) -> Figure:
    """A figure that says why there is nothing in it."""
    figure, (ax,) = panels(1, 1, 4.6, 2.4)
    say(ax, text)
    notes(figure, sources)
    return figure


def notes(figure: Figure, sources: Sources, *lines: str) -> None:
    """Under the figure: what lines and bands are, what is missing, and the scale of the experiment."""
    missing = list(dict.fromkeys(sources.missing))
    texts = [line for line in lines if line]
    if missing:
        more = f"; and {len(missing) - SHOWN_MISSING} more" if len(missing) > SHOWN_MISSING else ""
        texts.append("Missing: " + "; ".join(missing[:SHOWN_MISSING]) + more + ".")
    under(figure, [*texts, sources.about["scale"]])


def under(figure: Figure, texts: list[str]) -> None:
    """Small print beneath the panels, which get their final places: call it last."""
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):  # seaborn's: not made by `panels`
        figure.tight_layout()
    width = int(figure.get_figwidth() * 72 / (NOTE_SIZE * 0.52))
    body = "\n".join(textwrap.fill(text, width) for text in texts)
    # Below the canvas: `savefig.bbox: tight` makes room for it.
    figure.text(0.0, -0.02, body, ha="left", va="top", fontsize=NOTE_SIZE, color="#444444")


def save(figure: Figure, stem: str | Path) -> list[Path]:
    """`stem`.pdf and `stem`.png, whole or not at all, without a time stamp; closes the figure."""
    written = []
    for suffix, metadata in ((".pdf", {"CreationDate": None}), (".png", {"Software": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata)
        if suffix == ".png":
            buffer = with_palette(buffer)
        path = Path(f"{stem}{suffix}")
        atomic_write(path, buffer.getvalue())
        written.append(path)
    plt.close(figure)
    return written


def with_palette(png: io.BytesIO) -> io.BytesIO:
    """The picture in 256 colours, which takes a third of the space: charts have few."""
    small, picture = io.BytesIO(), Image.open(png)
    few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True, dpi=picture.info["dpi"])
    return small
