"""`steer report`: one self-contained HTML page from a results folder."""

import argparse
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.errors import UserError
from steer.io import atomic_write
from steer.report.collect import collect
from steer.report.page import render
from steer.report.runs import contents_of


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser, required=False)
    parser.add_argument("--runs", nargs="+", metavar="FOLDER", help="run folders, instead of --config and --results")
    parser.add_argument("--results", metavar="DIR", help="the results folder, results/<name>")
    parser.add_argument(
        "--out", metavar="FILE", help="the page to write (default: report/index.html of DIR, or report.html)"
    )


def run(args: argparse.Namespace) -> None:
    if args.runs:
        out = args.out or "report.html"
        _write(out, render(contents_of(args.runs, Path(out))))
        return
    if args.config is None or args.results is None:
        raise UserError("give --runs FOLDER…, or --config FILE and --results DIR")
    config = config_from(args)
    results = Path(args.results)
    if not results.is_dir():
        raise UserError(f"{results}: no such results folder; run the experiment first or correct --results")
    _write(args.out or str(results / "report" / "index.html"), render(collect(config, results)))


def _write(out: str, page: str) -> None:
    atomic_write(out, page)
    print(f"{out}: {len(page) / 1e6:.2f} MB")
