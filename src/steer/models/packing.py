"""Combine sequences into forward passes by their number of tokens, when a prompt enters once for all its responses."""

from dataclasses import dataclass
from itertools import chain, groupby

import torch

from steer.models.forward import Sequences


@dataclass(frozen=True)
class Entering:
    """Tokens of each sequence that enter a pass.

    `own`: those of the response except its last, which predicts nothing; `prompt`: those of its prompt, number `owner`.
    """

    own: list[int]
    prompt: list[int]
    owner: list[int]

    @classmethod
    def of(cls, sequences: Sequences) -> "Entering":
        owner = sequences.distinct_prompts()[1]
        return cls((sequences.lengths - 1).tolist(), sequences.prompt_lengths.tolist(), owner.tolist())

    def tokens(self, rows: list[int]) -> int:
        """Count the tokens of a pass of these sequences."""
        prompts = {self.owner[row]: self.prompt[row] for row in rows}
        return sum(self.own[row] for row in rows) + sum(prompts.values())


def in_order(entering: Entering, size: int, budget: int | None) -> list[list[int]]:
    """Split the sequences in order into passes of at most `size` sequences and `budget` tokens.

    A longer sequence gets its own pass.
    """
    passes: list[list[int]] = []
    for row in range(len(entering.own)):
        fits = passes and len(passes[-1]) < size
        if fits and (budget is None or entering.tokens([*passes[-1], row]) <= budget):
            passes[-1].append(row)
        else:
            passes.append([row])
    return passes


def in_rounds(entering: Entering, size: int, budget: int | None, processes: int) -> list[list[list[int]]]:
    """Arrange the sequences in few rounds: round → process → rows of its pass, at most `size` and `budget` tokens.

    Processes wait for each other in every round, so passes of similar size are in the same one. A sequence longer than
    the budget gets its own pass; a process without work has an empty pass.
    """
    count = len(entering.own)
    rounds = max(1, -(-count // (size * processes)))
    if budget is not None:
        rounds = max(rounds, -(-entering.tokens(list(range(count))) // (budget * processes)))
    while True:
        passes = balanced(entering, rounds * processes, size, budget)
        if passes is not None:
            passes.sort(key=entering.tokens, reverse=True)
            return [passes[i : i + processes] for i in range(0, len(passes), processes)]
        rounds += 1


def balanced(entering: Entering, count: int, size: int, budget: int | None) -> list[list[int]] | None:
    """Make `count` passes of nearly the same number of tokens; None if that is impossible within the limits.

    Prompt by prompt, each pass takes its equal share of what is left. A prompt's responses are divided where its share
    ends, by the subset that comes closest; the prompt then enters twice.
    """
    rows = sorted(range(len(entering.own)), key=lambda row: entering.owner[row])
    if count >= len(rows):
        return [*([row] for row in rows), *([] for _ in range(count - len(rows)))]
    left = [list(group) for _, group in groupby(rows, key=lambda row: entering.owner[row])]
    passes: list[list[int]] = []
    remaining = sum(map(entering.tokens, left))
    while len(passes) < count:
        share = remaining / (count - len(passes))
        last = len(passes) == count - 1
        passes.append(list(chain(*left)) if last else _share(entering, left, share, size, budget))
        remaining -= entering.tokens(passes[-1])
        if left and entering.owner[left[0][0]] in {entering.owner[row] for row in passes[-1]}:
            remaining += entering.prompt[left[0][0]]
    found = [sorted(rows) for rows in passes]
    tokens = float("inf") if budget is None else budget
    if all(len(rows) <= size and (len(rows) == 1 or entering.tokens(rows) <= tokens) for rows in found):
        return found
    return None


def _share(entering: Entering, left: list[list[int]], share: float, size: int, budget: int | None) -> list[int]:
    """Remove rows with about `share` tokens from `left` and return them."""
    taken: list[int] = []
    spent = 0
    while left and len(taken) < size:
        group = left[0]
        prompt, whole = entering.prompt[group[0]], entering.tokens(group)
        if len(taken) + len(group) <= size and spent + whole <= share:
            taken += left.pop(0)
            spent += whole
            continue
        room = whole if budget is None else budget - spent - prompt
        chosen = _closest([entering.own[row] for row in group], int(share) - spent - prompt, room)
        chosen = {group[i] for i in chosen[: size - len(taken)]}
        if not chosen and not taken:
            chosen = {group[0]}
        taken += [row for row in group if row in chosen]
        left[0] = [row for row in group if row not in chosen]
        if not left[0]:
            left.pop(0)
        break
    return taken


def _closest(sizes: list[int], wanted: int, most: int) -> list[int]:
    """Return the indices of the subset whose sum is closest to `wanted` and at most `most`."""
    # Bit s of `reached[i]`: some of the first i sum to s.
    reached = [1]
    for size in sizes:
        reached.append(reached[-1] | reached[-1] << size)
    possible = reached[-1] & ((1 << max(most, 0) + 1) - 1)
    wanted = max(wanted, 0)
    total = (possible & ((1 << wanted + 1) - 1)).bit_length() - 1
    above = possible >> wanted
    if above:
        next_one = wanted + (above & -above).bit_length() - 1
        total = min(total, next_one, key=lambda s: abs(s - wanted))
    chosen = []
    for i in range(len(sizes) - 1, -1, -1):
        if not reached[i] >> total & 1:
            chosen.append(i)
            total -= sizes[i]
    return chosen[::-1]


def as_index(rows: list[int], like: torch.Tensor) -> torch.Tensor:
    """Return row numbers as a tensor on the device of `like`."""
    return torch.tensor(rows, dtype=torch.long, device=like.device)
