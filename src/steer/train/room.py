"""Room on the disk for what a run will write, checked before its first step."""

import shutil
from pathlib import Path

from steer.errors import UserError
from steer.train.loop import Trainer


def bytes_to_write(trainer: Trainer) -> int:
    """Bytes of the final and the kept models, and of the checkpoints that exist at once: the newest ones, the best, and
    one being written."""
    whole = sum(parameter.numel() for parameter in trainer.model.parameters())
    trained = sum(parameter.numel() for parameter in trainer.model.parameters() if parameter.requires_grad)
    training = trainer.training
    width = 2 if training.precision == "bf16" and trained == whole else 4
    state = 12 if training.optimizer == "adamw" else 4
    checkpoints = (training.checkpoints_kept + 2) * state * trained
    return (1 + len(trainer.keep_steps)) * width * whole + checkpoints


def check_disk(out: Path, trainer: Trainer) -> None:
    """`UserError` where a run that starts afresh would not fit the disk; one that goes on has most of it there."""
    if trainer.checkpoints.newest() is not None:
        return
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())
    needed, free = bytes_to_write(trainer), shutil.disk_usage(place).free
    if needed > free:
        raise UserError(
            f"{out}: the run writes up to {needed / 1e9:.1f} GB of models and checkpoints, and {free / 1e9:.1f} GB are "
            "free; free space, lower training.checkpoints_kept or raise training.keep_models_every"
        )
