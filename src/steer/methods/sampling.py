"""Which groups of rollouts a step trains on: DAPO's dynamic sampling."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from steer.methods.groups import has_spread

Batch = TypeVar("Batch")


def informative(rewards: Tensor, group: Tensor) -> Tensor:
    """(S,) bool: responses of groups whose verified rewards differ. The others have advantage 0 and teach nothing."""
    return has_spread(rewards, group)


def informative_groups(rewards: Tensor, group: Tensor) -> list[int]:
    """Ids of those groups, in order of first appearance."""
    keep = informative(rewards, group)
    return list(dict.fromkeys(group[keep].tolist()))


def refill(
    wanted: int,
    attempts: int,
    sample: Callable[[int], Batch],
    groups_of: Callable[[Batch], Sequence],
) -> tuple[list, int]:
    """(at most `wanted` groups, how many were sampled): sample until enough groups are informative.

    Dynamic sampling, DAPO, arXiv 2503.14476 §3.2. `sample(n)` rolls out n prompts, `groups_of` gives the informative
    groups of what it returns. After `attempts` rounds what there is must do: it may be fewer than wanted, even none.
    """
    kept: list = []
    sampled = 0
    for _ in range(attempts):
        batch = sample(wanted)
        sampled += wanted
        kept.extend(groups_of(batch))
        if len(kept) >= wanted:
            break
    return kept[:wanted], sampled
