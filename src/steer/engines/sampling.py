"""What every engine is asked and answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """`samples` responses per prompt of at most `max_tokens` tokens; temperature 0 is greedy.

    `stop`: tokens that end a response beside the tokenizer's end of sequence. `entropy`: ask for every token's
    entropy, too, which an engine with `Engine.exact` tells.
    """

    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[int, ...] = ()
    entropy: bool = False


@dataclass(frozen=True)
class Completion:
    """One response: its tokens (the one that ended it included), the log-probability of each, and `stop` or `length`
    for how it ended. `entropies`: of the distribution that each was drawn from, where asked for.

    Log-probabilities are those of the distribution at the sampling temperature before top-p cuts its tail. There are
    none where the engine cannot tell: vLLM at a temperature other than 1 together with a top-p below 1.
    """

    tokens: list[int]
    logprobs: list[float]
    finish_reason: str
    entropies: list[float] | None = None


# Told of responses that have ended: their places among all responses, and what they are.
Ended = Callable[[list[int], list[Completion]], None]


class Engine(Protocol):
    """What turns prompts into responses. `tokenizer` is the model's.

    A step of training is `wake(weights)`, any number of `generate`, `sleep()`. `exact`: it samples from the trainer's
    own tensors, so that what it tells of a token is what the trainer's forward pass would, but for rounding.
    """

    tokenizer: object
    exact: bool

    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator, ended: Ended | None = None
    ) -> list[list[Completion]]:
        """`samples` completions for each tokenized prompt, in order. The same generator state, the same tokens.
        `ended` is called with every response once, early where the engine can.

        Raises RuntimeError where the engine sleeps, or woke without fresh weights.
        """
        ...

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> int | None:
        """Serve these weights (checkpoint names, whole tensors) from now on; returns their checksum.

        None from an engine that serves the trainer's own tensors. Raises RuntimeError where what the engine then
        serves differs from what it was given.
        """
        ...

    def sleep(self) -> None:
        """Free what memory can be freed. `generate` is refused until `wake`."""
        ...

    def wake(self, weights: Iterable[tuple[str, Tensor]]) -> int | None:
        """Take the memory back and serve these weights, as `update_weights`. There is no waking with the old ones."""
        ...

    def close(self) -> None:
        """End processes and free devices."""
        ...
