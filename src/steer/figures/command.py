"""`steer plot`: one figure from tables. Each module here whose name starts with a capital is a figure:
its name is the id, its first docstring line the summary, `draw(sources)` makes it."""

import argparse
import ast
import importlib
import pkgutil
from pathlib import Path

from steer.configs.load import add_config_argument, config_from, nearest
from steer.configs.schema import Config
from steer.errors import UserError

MEASURED = {"F1_entropy_change", "F2_estimates", "D4_positions"}
MAIN_MODEL = "Qwen2.5-Math-7B"  # of arXiv 2510.10150; its figure 20 is about others


def figure_ids() -> list[str]:
    """The figures there are: modules of this package named after their id."""
    return sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name[0].isupper())


def summaries() -> dict[str, str]:
    """id → what the figure shows, read from the source without importing what draws it."""
    folder = Path(__file__).parent
    trees = {name: ast.parse((folder / f"{name}.py").read_text(encoding="utf-8")) for name in figure_ids()}
    return {name: ast.get_docstring(tree).splitlines()[0] for name, tree in trees.items()}


def wanted(config: Config) -> list[str]:
    """The figures that the configuration has runs, a measurement or a model for: no other would show anything."""
    from steer.analyse.studies import STUDIES, studies  # imports torch

    has = {study.figure for study, _ in studies(config)}
    absent = {study.figure for study in STUDIES} - has
    if config.measurement is None:
        absent |= MEASURED
    if config.model.path is None or Path(config.model.path).name == MAIN_MODEL:
        absent.add("F20_other_models")
    return [name for name in figure_ids() if name not in absent]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", help="figure to draw, see --list")
    parser.add_argument("--list", action="store_true", help="name the figures and stop")
    add_config_argument(parser)
    next(a for a in parser._actions if a.dest == "config").required = False
    parser.add_argument("--tables", metavar="FOLDER", help="results/<name>/tables, written by `steer tabulate`")
    parser.add_argument("--out", metavar="FOLDER", help="where to write <id>.pdf and <id>.png")


def run(args: argparse.Namespace) -> None:
    if args.list:
        for name, summary in summaries().items():
            print(f"{name:28s} {summary}")
        return
    for option in ("id", "config", "tables", "out"):
        if getattr(args, option) is None:
            raise UserError(
                f"`{option}` is missing: steer plot ID --config FILE --tables FOLDER --out FOLDER, or --list"
            )
    if args.id not in figure_ids():
        raise UserError(f"no figure {args.id!r}{nearest(args.id, figure_ids())}")
    from matplotlib import pyplot as plt

    from steer.figures import page
    from steer.figures.sources import Sources

    sources = Sources(Path(args.tables), config_from(args))
    with plt.style.context(page.STYLE):
        for path in page.save(_module(args.id).draw(sources), Path(args.out) / args.id):
            print(path)


def _module(name: str):
    return importlib.import_module(f"steer.figures.{name}")
