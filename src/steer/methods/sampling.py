"""Which groups of rollouts a step trains on: DAPO's dynamic sampling."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import Tensor

from steer.methods.groups import has_spread

Batch = TypeVar("Batch")


def informative_groups(rewards: Tensor, group: Tensor) -> list[int]:
    """Ids of the groups whose verified rewards differ, in order of first appearance. The others teach nothing.

    `rewards` (S,), NaN where unverifiable; `group` (S,).
    """
    return list(dict.fromkeys(group[has_spread(rewards, group)].tolist()))


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
