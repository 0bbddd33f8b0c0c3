"""DAPO's dynamic sampling: select the groups of rollouts that a step trains on."""

from torch import Tensor

from steer.methods.groups import has_spread


def informative_groups(rewards: Tensor, group: Tensor) -> list[int]:
    """List ids of groups whose verified rewards differ, in order of first appearance. Others give no gradient.

    `rewards` (S,), NaN where unverifiable; `group` (S,).
    """
    return list(dict.fromkeys(group[has_spread(rewards, group)].tolist()))
