"""docs/tables.md explains every column of every CSV that `steer tabulate` writes, and none that there is not."""

import csv
import gzip
import re
from pathlib import Path

from fake_results import write_fake_results

from steer import cli

REPOSITORY = Path(__file__).parents[1]
SPELLED = re.compile(r"((?<=.)_question_low|(?<=.)_question_high|_low|_high| run low| run high| low| high| n| k)$")


def columns(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="", encoding="utf-8") as file:
        return set(next(csv.reader(file)))


def test_every_column_is_explained_and_every_explained_one_exists(tmp_path):
    write_fake_results(tmp_path, evaluation={"samples": {"default": 4}, "also": ["base", "oracle"]})
    arguments = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", f"{tmp_path}/tables"]
    assert cli.main(["tabulate", *arguments]) == 0
    # Studies and measurements stand in the committed runs.
    folders = [tmp_path / "tables", *(REPOSITORY / "results/reference").glob("*/tables")]
    files = [path for folder in folders for path in folder.glob("*.csv*") if "training_curves" not in path.name]
    written = set().union(*map(columns, files))
    main = [columns(path) for path in files if path.name == "T3_main_results.csv"]
    benchmarks = {name.removesuffix(" n") for found in main for name in found if name.endswith(" n")}

    page = (REPOSITORY / "docs/tables.md").read_text(encoding="utf-8")
    section = page.partition("\n## Columns\n")[2].partition("\n## ")[0]
    explained = set()
    for line in section.splitlines():
        if line.startswith("| ") and "`" in line:
            explained |= set(re.findall(r"`([^`]+)`", line.split(" | ")[0]))
    explained = {name for name in explained if not name.startswith(" ")}
    explained |= {"weight_p25", "weight_p50", "weight_p75", "weight_p95"}  # `weight_p05` to `weight_max`

    stems = {name if name in explained else SPELLED.sub("", name) for name in written}
    assert sorted(stems - explained - benchmarks) == []
    assert sorted(explained - written - {"<benchmark>"} - stems) == []
