"""The interface of all rollout engines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """`samples` responses per prompt of at most `max_tokens` tokens; temperature 0 is greedy.

    `stop`: tokens that end a response in addition to the tokenizer's end of sequence. `entropy`: also request every
    token's entropy, which an engine with `Engine.exact` returns.
    """

    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128
    stop: tuple[int, ...] = ()
    entropy: bool = False


@dataclass(frozen=True)
class Completion:
    """One response: tokens (including the one that ended it), their log-probabilities, and finish reason.

    The finish reason is `stop` or `length`. `entropies`: of each token's distribution, if requested. Log-probabilities
    are at the sampling temperature before top-p. They are missing if the engine cannot return them: vLLM at a
    temperature other than 1 with a top-p below 1.
    """

    tokens: list[int]
    logprobs: list[float]
    finish_reason: str
    entropies: list[float] | None = None


# Callback for finished responses: their indices among all responses, and the completions.
Ended = Callable[[list[int], list[Completion]], None]


class Engine(Protocol):
    """A rollout engine. `tokenizer` is the model's.

    A training step calls `wake(weights)`, `generate` any number of times, and `sleep()`. `exact`: it samples from the
    trainer's own tensors, so its statistics equal those of the trainer's forward pass up to rounding.
    """

    tokenizer: object
    exact: bool

    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator, ended: Ended | None = None
    ) -> list[list[Completion]]:
        """Sample `samples` completions per tokenized prompt, in order, reproducibly for equal generator states.

        `ended` is called once with every response, early if the engine can. Raises RuntimeError if the engine sleeps,
        or woke without fresh weights.
        """
        ...

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> int | None:
        """Serve these weights (checkpoint names, whole tensors) from now on; return their checksum.

        Returns None if the engine uses the trainer's own tensors. Raises RuntimeError if the served weights differ from
        the given ones.
        """
        ...

    def sleep(self) -> None:
        """Free as much memory as possible. `generate` is refused until `wake`."""
        ...

    def wake(self, weights: Iterable[tuple[str, Tensor]]) -> int | None:
        """Allocate memory and serve these weights, as `update_weights`; waking with the old ones is impossible."""
        ...

    def close(self) -> None:
        """End processes and free devices."""
        ...
