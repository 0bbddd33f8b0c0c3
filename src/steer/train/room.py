"""Room on the disk for what a run will write, checked before its first step."""

import os
import shutil
from pathlib import Path

from steer.errors import UserError
from steer.train.loop import Trainer


def bytes_to_write(trainer: Trainer) -> tuple[int, int, int]:
    """Bytes of the final model, of the kept models, and of as many checkpoints as exist at once (the newest, the best,
    and one being written)."""
    whole = sum(parameter.numel() for parameter in trainer.model.parameters())
    trained = sum(parameter.numel() for parameter in trainer.model.parameters() if parameter.requires_grad)
    training = trainer.training
    width = 2 if training.precision == "bf16" and trained == whole else 4
    state = 12 if training.optimizer == "adamw" else 4
    count = training.checkpoints_kept + 2
    if training.checkpoint_minutes is None:
        count = min(count, (training.steps - 1) // training.checkpoint_every + (training.final_model == "best"))
    return width * whole, len(trainer.keep_steps) * width * whole, count * state * trained


def check_disk(out: Path, trainer: Trainer) -> None:
    """`UserError` where a run that starts afresh would not fit the disks; one that goes on has most of it there.

    The kept models lie beside the checkpoints until the run ends, and are copied to `out` if that is another disk.
    """
    if trainer.checkpoints.any():
        return
    final, kept, checkpoints = bytes_to_write(trainer)
    place, beside = _existing(out), _existing(trainer.checkpoints.parent)
    needed = {place: final + kept + checkpoints}
    if os.stat(place).st_dev != os.stat(beside).st_dev:
        needed = {place: final + kept, beside: kept + checkpoints}
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if size > free:
            raise UserError(
                f"{out}: the run writes up to {size / 1e9:.1f} GB of models and checkpoints below {folder}, where "
                f"{free / 1e9:.1f} GB are free; free space, lower training.checkpoints_kept or raise "
                "training.keep_models_every"
            )


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
