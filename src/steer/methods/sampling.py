"""Which groups of rollouts a step trains on: DAPO's dynamic sampling."""

from torch import Tensor

from steer.methods.groups import has_spread


def informative_groups(rewards: Tensor, group: Tensor) -> list[int]:
    """Ids of the groups whose verified rewards differ, in order of first appearance. The others teach nothing.

    `rewards` (S,), NaN where unverifiable; `group` (S,).
    """
    return list(dict.fromkeys(group[has_spread(rewards, group)].tolist()))
