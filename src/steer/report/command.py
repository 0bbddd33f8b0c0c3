"""`steer report`: one self-contained HTML page from a results folder."""

import argparse
from pathlib import Path

from steer.configs.load import add_config_argument, config_from
from steer.errors import UserError
from steer.io import atomic_write
from steer.report.collect import collect
from steer.report.page import render


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--results", required=True, metavar="DIR", help="the profile's folder, results/<name>")
    parser.add_argument("--out", required=True, metavar="FILE", help="the page to write, report/index.html")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    results = Path(args.results)
    if not results.is_dir():
        raise UserError(f"{results}: no such results folder; run the experiment first or correct --results")
    page = render(collect(config, results))
    atomic_write(args.out, page)
    print(f"{args.out}: {len(page) / 1e6:.2f} MB")
