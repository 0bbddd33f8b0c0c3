"""Live training curves in TensorBoard, Weights & Biases and Trackio, each enabled by a key of `training`.

The last two are not dependencies of the project: they are imported only if enabled.
"""

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steer.configs.schema import Training
from steer.errors import UserError
from steer.train import parallel

TRACKERS = ("tensorboard", "wandb", "trackio")  # keys of `training`

OnStep = Callable[[dict[str, Any]], None]


@contextmanager
def tracked(training: Training, settings: dict[str, Any], folder: Path, identity: str) -> Iterator[OnStep]:
    """Yield a function that takes a step's metrics to every tracker that `training` names.

    `settings`: the run's resolved configuration; `identity`: equal for a run and its resumption after a kill.
    """
    open_ones = []
    if not parallel.is_main():
        training = training.model_copy(update=dict.fromkeys(TRACKERS))
    if training.tensorboard:
        open_ones.append(_tensorboard(folder / "tensorboard"))
    name, group = f"{settings['run']}/seed{settings['seed']}", settings["run"]
    if training.wandb:
        wandb = _package("wandb")
        given = {"project": training.wandb, "name": name, "group": group, "config": settings}
        open_ones.append(_service(wandb.init(**given, id=identity, resume="allow")))
    if training.trackio:
        trackio = _package("trackio")
        # It finds the run to resume by its name.
        given = {"project": training.trackio, "group": group, "config": settings}
        open_ones.append(_service(trackio.init(**given, name=f"{name}-{identity[:6]}", resume="allow")))
    try:
        yield lambda metrics: [log(metrics) for log, _ in open_ones]
    finally:
        for _, close in open_ones:
            close()


def _package(name: str):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UserError(
            f"key `training.{name}`: {name} is not installed; pip install {name}, or leave it out"
        ) from None


def _service(run) -> tuple[OnStep, Callable[[], None]]:
    """Track with the interface of Weights & Biases, which Trackio shares."""

    def log(metrics: dict[str, Any]) -> None:
        values = {name: value for name, value in metrics.items() if name != "step" and value is not None}
        run.log(values, step=metrics["step"])

    return log, run.finish


def _tensorboard(folder: Path) -> tuple[OnStep, Callable[[], None]]:
    from torch.utils.tensorboard import SummaryWriter

    writers: list[SummaryWriter] = []

    def log(metrics: dict[str, Any]) -> None:
        if not writers:
            if metrics["step"] == 1:
                # Curves of another configuration, or of this one before its first checkpoint.
                shutil.rmtree(folder, ignore_errors=True)
            # A resumed run repeats some steps: hide what was written for them before.
            writers.append(SummaryWriter(folder, purge_step=metrics["step"]))
        for name, value in metrics.items():
            if name != "step" and value is not None:
                writers[0].add_scalar(name, value, metrics["step"])
        writers[0].flush()

    return log, lambda: [writer.close() for writer in writers]
