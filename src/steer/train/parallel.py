"""Processes of one run: `torchrun` starts them and each does a share of the work; without it there is one.

Objects (rollouts, verdicts) are exchanged as pickles between the run's own processes, which trust each other.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from steer.errors import UserError

T = TypeVar("T")
# Exit status of a process that ends because another one has; the launcher says which (`steer.train.launch`).
ENDED_WITH_ANOTHER = 3


def launched() -> bool:
    """Whether `torchrun` (or another launcher with its environment) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def is_alone() -> bool:
    """Whether this is the run's only process, with a launcher or without."""
    return not launched() or os.environ["WORLD_SIZE"] == "1"


def start(device: torch.device, minutes: float = 30) -> None:
    """Join the other processes of the run; without a launcher, form a group of one.

    `minutes`: how long a process waits for the others.
    """
    if device.type == "cuda":
        # Set the device before making a device mesh, which would use the number LOCAL_RANK: a process that has chosen
        # its device (`steer.models.devices`) sees only that one.
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    # Objects and counts use gloo, on the host.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if launched():
        dist.init_process_group(backend, timeout=timedelta(minutes=minutes))
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)


def stop() -> None:
    """Leave the group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


@contextlib.contextmanager
def ends_with_the_others(minutes: float) -> Iterator[None]:
    """End this process without a traceback if another has ended, and with one line if it has waited too long.

    `minutes`: as for `start`. gloo reports both as a RuntimeError that names it.
    """
    try:
        yield
    except RuntimeError as error:
        if world() == 1 or "gloo" not in str(error):
            raise
        if "imed out" not in str(error):
            raise SystemExit(ENDED_WITH_ANOTHER) from None
        raise UserError(
            f"process {rank()} of {world()} has waited {minutes:g} minutes for another one, which hangs or is slow "
            "(training.collective_minutes); give the same command again: the run goes on from its last checkpoint"
        ) from None


def rank() -> int:
    """Number of this process, from 0; before it has joined the others, from the launcher."""
    if dist.is_initialized():
        return dist.get_rank()
    return int(os.environ["RANK"]) if launched() else 0


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this is the process that writes shared files."""
    return rank() == 0


def gather(value: T) -> list[T]:
    """Gather every process's value, in the order of ranks, on all processes."""
    if world() == 1:
        return [value]
    values: list[Any] = [None] * world()
    dist.all_gather_object(values, value)
    return values


def summed(value: Tensor) -> Tensor:
    """Sum over the processes, in place."""
    if world() > 1:
        dist.all_reduce(value)
    return value


def own_share(items: list[T], of: int | None = None) -> list[T]:
    """Return this process's consecutive part of `items`, or that of process `of`; sizes differ by at most one."""
    of = rank() if of is None else of
    start, end = (len(items) * k // world() for k in (of, of + 1))
    return items[start:end]
