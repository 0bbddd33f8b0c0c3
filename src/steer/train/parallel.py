"""The processes of one run: `torchrun` starts them, each holds a share of the work; without it there is one.

Objects (rollouts, verdicts) travel by pickle between the processes of the run itself, which trust each other.
"""

from typing import Any, TypeVar

import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this process writes what is written once."""
    return rank() == 0


def gather(value: T) -> list[T]:
    """Every process' value, in the order of ranks, on all of them."""
    if world() == 1:
        return [value]
    values: list[Any] = [None] * world()
    dist.all_gather_object(values, value)
    return values


def summed(value: Tensor) -> Tensor:
    """The sum over the processes, in place."""
    if world() > 1:
        dist.all_reduce(value)
    return value
