"""Room on the disk for what a run will write, checked before its first step."""

import os
import shutil
from collections import Counter
from pathlib import Path

from steer.errors import UserError
from steer.train.loop import Trainer


def bytes_to_write(trainer: Trainer) -> tuple[int, int]:
    """Bytes of the final model, and of what lies beside the checkpoints: the kept models and as many checkpoints as
    exist at once (the newest, the best, and one being written)."""
    whole = sum(parameter.numel() for parameter in trainer.model.parameters())
    trained = sum(parameter.numel() for parameter in trainer.model.parameters() if parameter.requires_grad)
    training = trainer.training
    width = 2 if training.precision == "bf16" and trained == whole else 4
    state = 12 if training.optimizer == "adamw" else 4
    count = training.checkpoints_kept + 2
    if training.checkpoint_minutes is None:
        count = min(count, (training.steps - 1) // training.checkpoint_every + (training.final_model == "best"))
    return width * whole, len(trainer.keep_steps) * width * whole + count * state * trained


def check_disk(out: Path, trainer: Trainer) -> None:
    """`UserError` where a run that starts afresh would not fit the disks; one that goes on has most of it there."""
    if trainer.checkpoints.any():
        return
    needed, where = Counter(), {}
    for folder, size in zip((out, trainer.checkpoints.parent), bytes_to_write(trainer), strict=True):
        place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
        disk = os.stat(place).st_dev
        needed[disk] += size
        where[disk] = place
    for disk, place in where.items():
        free = shutil.disk_usage(place).free
        if needed[disk] > free:
            raise UserError(
                f"{place}: the run writes up to {needed[disk] / 1e9:.1f} GB of models and checkpoints, and "
                f"{free / 1e9:.1f} GB are free; free space, lower training.checkpoints_kept or raise "
                "training.keep_models_every"
            )
