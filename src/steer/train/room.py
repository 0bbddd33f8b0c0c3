"""Check before the first step what the end of a run needs: room on the disk, and a model that can be saved."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from steer.errors import UserError
from steer.hub import first_line
from steer.train.loop import Trainer
from steer.train.parallel import is_main


def bytes_to_write(trainer: Trainer) -> tuple[int, int, int]:
    """Count the bytes of the final model, of the kept models, and of the checkpoints that exist at once.

    These are the newest, the best, and one being written.
    """
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
    """Raise `UserError` if a new run would not fit the disks; a resumed one has most of its files there already.

    The kept models are beside the checkpoints until the run ends, and are copied to `out` if that is another disk.
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


def try_saving(out: Path, trainer: Trainer, save: Callable[[Path], None]) -> None:
    """Save the untrained model beside the results and delete it; `UserError` if the trained one could not be saved.

    The same function saves both, so weights are gathered, adapters merged, and settings and tokenizer written as at the
    end. A resumed run has done this before. Call on every process.
    """
    if trainer.checkpoints.any():
        return
    there, trial = out.is_dir(), out / "trial"
    try:
        save(trial)
    except (ValueError, RuntimeError, TypeError, LookupError, NotImplementedError) as error:
        raise UserError(
            f"{out}: the trained model could not be saved: {first_line(error)}; saving the untrained one was tried "
            "before the first step. Correct the model's folder, or take another model"
        ) from error
    finally:
        if is_main():
            shutil.rmtree(trial, ignore_errors=True)
            if not there:
                with suppress(OSError):
                    out.rmdir()


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
