"""DAPO's dynamic sampling: sample rounds of rollouts until the step has enough groups with differing rewards."""

from collections.abc import Callable

import torch

from steer.methods.sampling import informative_groups
from steer.models.forward import Sequences
from steer.train.rollouts import Rollouts


def collect(wanted: int, attempts: int, roll: Callable[[int], Rollouts]) -> Rollouts:
    """Collect at most `wanted` informative groups from at most `attempts` rounds, `roll(round)` each.

    With one attempt the round is used unchanged. If the rounds do not give enough, uninformative groups of the
    last one fill up: they give no gradient, but count in the metrics and in the number of tokens.
    """
    if attempts == 1:
        return roll(0)
    kept: list[Rollouts] = []
    for attempt in range(attempts):
        rollouts = roll(attempt)
        chosen = informative_groups(rollouts.rewards, rollouts.group)
        kept += [group_of(rollouts, g) for g in chosen]
        if len(kept) >= wanted:
            return joined(kept[:wanted])
    rest = [g for g in rollouts.group.unique().tolist() if g not in chosen]
    return joined([*kept, *(group_of(rollouts, g) for g in rest)][:wanted])


def together(shares: list[Rollouts]) -> Rollouts:
    """Gather the rollouts of all processes, in the order of their prompts."""
    if len(shares) == 1:
        return shares[0]
    return joined([group_of(share, group) for share in shares for group in share.group.unique().tolist()])


def group_of(rollouts: Rollouts, group: int) -> Rollouts:
    """Select one group of the rollouts."""
    index = (rollouts.group == group).nonzero().squeeze(1)
    rows = index.tolist()
    sequences = rollouts.sequences.rows(index)
    width = sequences.mask.shape[1]
    return Rollouts(
        problems=[rollouts.problems[i] for i in rows],
        sequences=sequences,
        texts=[rollouts.texts[i] for i in rows],
        verdicts=[rollouts.verdicts[i] for i in rows],
        rewards=rollouts.rewards[index],
        group=rollouts.group[index],
        truncated=rollouts.truncated[index],
        engine_logprob=rollouts.engine_logprob[index, :width],
        engine_entropy=None if rollouts.engine_entropy is None else rollouts.engine_entropy[index, :width],
    )


def joined(parts: list[Rollouts]) -> Rollouts:
    """Join groups into one set of rollouts, numbered from 0."""
    sizes = torch.tensor([len(part.texts) for part in parts])
    entropies = [part.engine_entropy for part in parts]
    return Rollouts(
        problems=[p for part in parts for p in part.problems],
        sequences=Sequences(
            _padded([part.sequences.tokens for part in parts]),
            torch.cat([part.sequences.prompt_lengths for part in parts]),
            torch.cat([part.sequences.lengths for part in parts]),
        ),
        texts=[t for part in parts for t in part.texts],
        verdicts=[v for part in parts for v in part.verdicts],
        rewards=torch.cat([part.rewards for part in parts]),
        group=torch.arange(len(parts)).repeat_interleave(sizes),
        truncated=torch.cat([part.truncated for part in parts]),
        engine_logprob=_padded([part.engine_logprob for part in parts]),
        engine_entropy=None if any(e is None for e in entropies) else _padded(entropies),
    )


def _padded(tensors: list[torch.Tensor]) -> torch.Tensor:
    """Stack rows of unequal width, padded with zeros on the right."""
    width = max(tensor.shape[1] for tensor in tensors)
    return torch.cat([torch.nn.functional.pad(tensor, (0, width - tensor.shape[1])) for tensor in tensors])
