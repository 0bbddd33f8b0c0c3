"""`steer plot`: one figure from tables. Each module here whose name starts with a capital is a figure:
its name is the id, its first docstring line the summary, `CATEGORY` its place, `draw(sources)` makes it."""

import argparse
import importlib
from pathlib import Path

from steer.configs.load import add_config_argument, config_from, nearest
from steer.diagnose.axes import AXES
from steer.errors import UserError
from steer.figures.wanted import about_figures, figure_ids

OF_MODELS = "F20_other_models"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", help="figure to draw (see --list)")
    parser.add_argument("--list", action="store_true", help="list the figures and exit")
    add_config_argument(parser, required=False)
    parser.add_argument(
        "--tables",
        nargs="+",
        metavar="FOLDER",
        help=f"results/<name>/tables, written by `steer tabulate`; {OF_MODELS} takes one per model",
    )
    parser.add_argument("--out", metavar="FOLDER", help="where to write <id>.pdf and <id>.png")
    parser.add_argument(
        "--runs",
        nargs="+",
        metavar="FOLDER",
        help="draw entropy and reward of these run folders, as curves.pdf and .png",
    )
    parser.add_argument(
        "--against", choices=AXES, default="step", help="with --runs: what the curves are drawn against"
    )


def run(args: argparse.Namespace) -> None:
    if args.list:
        for name, about in about_figures().items():
            print(f"{name:28s} {about.summary}")
        return
    if args.runs:
        _runs(args)
        return
    if args.against != "step":
        raise UserError("--against: works only with --runs FOLDER…")
    for option in ("id", "config", "tables", "out"):
        if getattr(args, option) is None:
            raise UserError(
                f"`{'id' if option == 'id' else f'--{option}'}` is missing: "
                "steer plot ID --config FILE --tables FOLDER --out FOLDER, or --list"
            )
    if args.id not in figure_ids():
        raise UserError(f"no figure {args.id!r}{nearest(args.id, figure_ids())}")
    folder, *beside = map(Path, args.tables)
    if beside and args.id != OF_MODELS:
        raise UserError(f"--tables {beside[0]}: {args.id} is drawn from one folder; only {OF_MODELS} takes several")
    from matplotlib import pyplot as plt

    from steer.figures import page
    from steer.figures.sources import Sources

    sources = Sources(folder, config_from(args), beside)
    with plt.style.context(page.STYLE):
        figure = importlib.import_module(f"steer.figures.{args.id}").draw(sources)
        for path in page.save(figure, Path(args.out) / args.id):
            print(path)


def _runs(args: argparse.Namespace) -> None:
    if args.out is None:
        raise UserError("`--out` is missing: steer plot --runs FOLDER… [--against tokens] --out FOLDER")
    from matplotlib import pyplot as plt

    from steer.figures import page, runs

    with plt.style.context(page.STYLE):
        for path in page.save(runs.draw(args.runs, args.against), Path(args.out) / (args.id or "curves")):
            print(path)
