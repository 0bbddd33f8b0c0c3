"""Cache of generations by everything that determines them, so that adding a benchmark does not resample others."""

import hashlib
import json
from pathlib import Path

from steer.data.problem import Problem
from steer.io import fingerprint, read_jsonl, write_jsonl
from steer.models.provenance import device, versions

# Version of the cached rows: rows of another format are not found.
FORMAT = 3
PACKAGE = Path(__file__).parents[1]
# Sampling code: after a change, earlier samples are not reused.
SOURCES = ("models", "engines", "generate")


def model_hash(model: str, revision: str | None) -> str:
    """Hash every file of a model folder, or name and revision of a model on the hub."""
    digest, folder = hashlib.sha256(), Path(model)
    if not folder.is_dir():
        digest.update(json.dumps([model, revision]).encode())
        return digest.hexdigest()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        digest.update(str(path.relative_to(folder)).encode() + content)
    return digest.hexdigest()


def software(package: Path = PACKAGE) -> str:
    """Hash the source files that sample, the versions of the libraries, and the GPU."""
    sources = [path for name in SOURCES for path in (package / name).rglob("*.py")]
    return fingerprint([sorted(versions().items()), device()], sources)


def key(model: str, problems: list[Problem], sampling: dict) -> str:
    """Hash the model's hash, the prompts in order, `sampling` and the software."""
    parts = [FORMAT, software(), model, [(p.id, p.prompt) for p in problems], sampling]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def load(folder: Path | None, name: str) -> list[dict] | None:
    """Return the rows cached under that key, or None."""
    path = _path(folder, name)
    return read_jsonl(path) if path is not None and path.is_file() else None


def store(folder: Path | None, name: str, rows: list[dict]) -> None:
    path = _path(folder, name)
    if path is not None:
        write_jsonl(path, rows)


def _path(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / f"{name}.jsonl.gz"
