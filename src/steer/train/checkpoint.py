"""Checkpoints of a run: model, optimizer, method state and the metrics so far, written whole or not at all.

All randomness of a step derives from the run's seed and the step's number, so there is no random state to keep.
A fingerprint of configuration, code, data and base model guards against going on with something else.
"""

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from steer.io import atomic_write


def fingerprint(settings: Any, files: Iterable[Path]) -> str:
    """A hash of plain settings and of the content of `files`."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in sorted(files):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def save(folder: Path, step: int, state: dict[str, Any], keep: int = 2, **rows: list[dict]) -> None:
    """Write `step-<n>.pt` and drop all but the newest `keep`. `state` holds tensors and plain data only; `rows` are
    lists of JSON rows that grow with the run."""
    buffer = io.BytesIO()
    torch.save({**state, "step": step, "rows": json.dumps(rows)}, buffer)
    atomic_write(folder / f"step-{step:06d}.pt", buffer.getvalue())
    for old in sorted(folder.glob("step-*.pt"))[:-keep]:
        old.unlink()


def load_newest(folder: Path, expected: str) -> dict[str, Any] | None:
    """The newest checkpoint of the run with this fingerprint; a corrupt one falls back to the one before."""
    for path in sorted(folder.glob("step-*.pt"), reverse=True):
        try:
            state = torch.load(path, weights_only=True)
        except (RuntimeError, EOFError, zipfile.BadZipFile) as error:
            warnings.warn(f"{path} is not whole ({error}); trying the one before", stacklevel=2)
            continue
        if state["fingerprint"] == expected:
            return {**state, **json.loads(state.pop("rows"))}
        warnings.warn(f"{path} belongs to another configuration, code or data; starting afresh", stacklevel=2)
        return None
    return None
