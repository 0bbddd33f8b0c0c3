"""`steer reference`: copy the parts of a results folder that are kept under version control.

These are metrics, configuration and verdicts of every finished run, the questions, and the base model's checksums: a
corrected analysis then needs no training. `steer tabulate`, `plot` and `report` read such a folder like a results
folder. Where it would be over its limit, the metrics are compressed.
"""

import argparse
import gzip
import hashlib
import json
import shutil
from pathlib import Path

from steer.errors import UserError
from steer.io import write_json

# Copied from a results folder. Models, checkpoints, token views and logs are not.
KEPT = (
    "config.yaml",
    "tables/*",
    "figures/*.png",
    "data/*.jsonl",
    "runs/*/seed*/metrics.jsonl",
    "runs/*/seed*/config.yaml",
    "verdicts/*/seed*/*.jsonl.gz",
    "generations/*/seed*/*.jsonl.gz",
    "measurements/*",
    "frontier/*/seed*.jsonl.gz",
)
# The largest of the files; `steer data` can make it again.
LEFT = ("data/train.jsonl",)
LIMIT_MB = 10


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results/<name>")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="results/reference/<name>")


def run(args: argparse.Namespace) -> None:
    results, out = Path(args.results), Path(args.out)
    files = sorted(path for pattern in KEPT for path in results.glob(pattern) if path.is_file() and path.name[0] != ".")
    files = [path for path in files if str(path.relative_to(results)) not in LEFT]
    finished = [path for path in files if path.name == "metrics.jsonl"]
    if not finished:
        raise UserError(f"{results}: no finished run; run the experiment first or correct --results")
    size = sum(path.stat().st_size for path in files) / 1e6
    packed: dict[Path, bytes] = {}
    if size > LIMIT_MB:
        packed = {path: gzip.compress(path.read_bytes(), mtime=0) for path in finished}
        size -= sum(path.stat().st_size - len(data) for path, data in packed.items()) / 1e6
    if size > LIMIT_MB:
        raise UserError(f"{results}: {size:.0f} MB would be kept, more than {LIMIT_MB}; keep fewer samples or runs")
    for name in {pattern.partition("/")[0] for pattern in KEPT}:
        # Files of an earlier configuration do not belong to this one.
        shutil.rmtree(out / name, ignore_errors=True)
    for path in files:
        place = out / path.relative_to(results)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path in packed:
            place.with_name(f"{place.name}.gz").write_bytes(packed[path])
        else:
            shutil.copyfile(path, place)
    base = results / "base_model"
    if base.is_dir():
        write_json(out / "base_model.json", _about(base))
    print(json.dumps({"runs": len(finished), "files": len(files), "mb": round(size, 2)}))


def _about(folder: Path) -> dict:
    """Return SHA-256 of the model's files and the measurements from its making."""
    told, sums = {}, {}
    for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != "."):
        if path.name in ("base_model.json", "warm_start.json"):
            told = json.loads(path.read_text(encoding="utf-8"))
            continue
        with open(path, "rb") as file:
            sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sums, "made": told}
