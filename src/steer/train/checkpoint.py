"""Checkpoints of a run: weights, optimizer, method state and metrics so far, written atomically.

A checkpoint is a folder `step-<n>`: the tensors as written by `torch.distributed.checkpoint` (one shard per process;
readable with any number of processes), `state.json`, and a manifest with the checksum of every file. It is
written under a temporary name and renamed when all of it is on the disk. If the files of a folder do not match the
manifest, the checkpoint before it is used.

All randomness of a step derives from the run's seed and the step number, so there is no random state to save.
A fingerprint of configuration, code, data and base model names the folder with a run's checkpoints: after a
change the run starts afresh; if the change is undone, it resumes.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors import SafetensorError
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

from steer.errors import UserError
from steer.io import atomic_write, sha256, synchronise
from steer.train.checkpoint_files import Reader, Writer
from steer.train.parallel import gather, is_main, rank, world

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints of one run: keeps the newest `keep` and the one with the highest score."""

    parent: Path
    fingerprint: str
    keep: int = 2

    @property
    def folder(self) -> Path:
        return self.parent / self.fingerprint[:16]

    @property
    def live_metrics(self) -> Path:
        """Path of the run's metrics.jsonl so far, for watching; each checkpoint has its own copy."""
        return self.folder / "metrics.jsonl"

    def save(self, step: int, model, optimizer, state: dict[str, Any], score: float | None = None) -> None:
        """Write `step-<n>`; `state` is plain data. A full disk raises a `UserError` that names the last checkpoint."""
        target, temporary = self.folder / f"step-{step:06d}", self.folder / f".step-{step:06d}.tmp"
        if is_main():
            for leftover in self.folder.glob(".step-*.tmp"):
                shutil.rmtree(leftover)
            temporary.mkdir(parents=True)
        gather(None)
        left = self._steps()
        remedy = f"it goes on from step {left[-1]}" if left else "it begins anew"
        try:
            with disk_errors(f"{target}: checkpoint of step {step}", remedy):
                writer = Writer(temporary)
                with _alone_or_together() as no_dist:
                    dcp.save(tensors(model, optimizer), storage_writer=writer, no_dist=no_dist)
                if is_main():
                    atomic_write(temporary / "state.json", json.dumps(state))
                gather(None)
                # Machines that share a disk may see each other's files late, so each checks its own.
                names = sorted(set().union(*gather([path.name for path in temporary.iterdir()])))
                digests = {name: _digest(temporary / name) for name in names[rank() :: world()]}
                digests = {name: digest for part in gather(digests) for name, digest in part.items()}
                if is_main():
                    content = {"step": step, "score": score, "files": dict(sorted(digests.items()))}
                    manifest = {"content": content, "sha256": _sealed(content)}
                    atomic_write(temporary / "manifest.json", json.dumps(manifest, indent=2))
                    synchronise(temporary)
                    shutil.rmtree(target, ignore_errors=True)
                    os.replace(temporary, target)
                    # Before deleting older ones.
                    synchronise(self.folder)
        finally:
            if is_main():
                shutil.rmtree(temporary, ignore_errors=True)
        if is_main():
            self._drop(step)
        gather(None)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the run, with any configuration, because the process that ends first deletes everything (`clear`).

        Raises `UserError` if another process holds the lock. The lock ends with its process.
        """
        if not is_main():
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.parent / "lock", "w") as file:
            try:
                # A record lock is not inherited by child processes.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                # Some file systems have no locks.
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    said = f"{self.parent}: another process is training this run; wait for it or stop it"
                    raise UserError(said) from None
            yield

    def clear(self) -> None:
        """Remove everything, including other configurations' files.

        Checkpoints go first: a run that is killed meanwhile and resumed needs the models kept before its checkpoint.
        """
        for step in reversed(self._steps()):
            shutil.rmtree(self.folder / f"step-{step:06d}", ignore_errors=True)
        shutil.rmtree(self.parent, ignore_errors=True)

    def any(self) -> bool:
        """Check whether there is a checkpoint, intact or not. Call on every process."""
        return gather(bool(self._steps()))[0]

    def newest(self) -> Path | None:
        """Find the newest intact checkpoint. A corrupt one is skipped with a warning."""
        steps = gather(self._steps())[0]
        if is_main() and not steps and any(self.parent.glob("*/step-*")):
            warnings.warn(
                f"{self.parent} holds checkpoints of another configuration, code or data; starting afresh", stacklevel=2
            )
        return next((path for step in reversed(steps) if (path := self._whole(step))), None)

    def best(self) -> Path | None:
        """Find the intact checkpoint with the highest score, the newest among equals."""
        scores = gather(self._scores())[0]
        ranked = sorted(scores, key=lambda step: (scores[step], step), reverse=True)
        return next((path for step in ranked if (path := self._whole(step))), None)

    def _steps(self) -> list[int]:
        return sorted(int(path.name[5:]) for path in self.folder.glob("step-*"))

    def _whole(self, step: int) -> Path | None:
        path = self.folder / f"step-{step:06d}"
        problems = [problem for problem in gather(_problem(path)) if problem]
        if not problems:
            return path
        if is_main():
            warnings.warn(f"{path} is not whole ({problems[0]}); trying the one before", stacklevel=3)
        return None

    def _scores(self) -> dict[int, float]:
        """Return the scores by step of the checkpoints that have one."""
        found = {}
        for step in self._steps():
            with suppress(OSError, ValueError):
                found[step] = _manifest(self.folder / f"step-{step:06d}")["score"]
        return {step: score for step, score in found.items() if score is not None}

    def _drop(self, newest: int) -> None:
        """Delete checkpoints that are no longer needed once step `newest` is complete."""
        for step in self._steps():
            # The run resumed before this one, so it is damaged; counted as newer, it would displace intact ones.
            if step > newest:
                shutil.rmtree(self.folder / f"step-{step:06d}")
        scores = self._scores()
        best = max(scores, key=lambda step: (scores[step], step), default=None)
        for step in self._steps()[: -self.keep]:
            if step != best:
                shutil.rmtree(self.folder / f"step-{step:06d}")


def tensors(model, optimizer) -> dict[str, Any]:
    """Return what `torch.distributed.checkpoint` saves and loads in place: trained parameters and optimizer state."""
    return {
        "model": {name: value for name, value in model.named_parameters() if value.requires_grad},
        "optimizer": get_optimizer_state_dict(model, optimizer)["state"],
    }


def load(path: Path, model, optimizer) -> dict[str, Any]:
    """Load model and optimizer from an intact checkpoint; return its plain state."""
    with _alone_or_together() as no_dist:
        dcp.load(tensors(model, optimizer), storage_reader=Reader(path), no_dist=no_dist)
    return json.loads((path / "state.json").read_text())


@contextmanager
def _alone_or_together() -> Iterator[bool]:
    """Suppress the library's warning if there is no process group."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield not dist.is_initialized()


@contextmanager
def disk_errors(what: str, remedy: str) -> Iterator[None]:
    """Turn a full disk into a one-line `UserError`; other errors pass unchanged."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError, CheckpointException) as error:
        reason = _full_disk(error)
        if reason is None:
            raise
        raise UserError(f"{what} could not be written: {reason}; free space and start again: {remedy}") from None


def _full_disk(error: BaseException) -> str | None:
    """Return the system's message if the error means that the disk, a quota or a file limit is full."""
    inner = [failure[0] for failure in error.failures.values()] if isinstance(error, CheckpointException) else []
    for found in (error, *inner):
        if isinstance(found, OSError) and found.errno in FULL:
            return found.strerror
        # Native writers keep only the system's message.
        named = [os.strerror(code) for code in FULL if os.strerror(code) in str(found)]
        if named:
            return named[0]
    return None


def _problem(path: Path) -> str | None:
    """Describe what is wrong with this process's share of a checkpoint's files, if anything."""
    try:
        files = sorted(_manifest(path)["files"].items())
        for name, digest in files[rank() :: world()]:
            if _digest(path / name) != digest:
                return f"{name} is not what was written"
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _manifest(path: Path) -> dict[str, Any]:
    """Read a checkpoint's manifest. Raises OSError if it is missing, ValueError if it is damaged."""
    manifest = json.loads((path / "manifest.json").read_text())
    if not isinstance(manifest, dict) or _sealed(manifest.get("content")) != manifest.get("sha256"):
        raise ValueError("manifest.json is not what was written")
    return manifest["content"]


def _sealed(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}
