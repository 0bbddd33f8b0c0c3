"""The model that a run started from, for penalties on the distance to it. Symbols: docs/notation.md."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from steer.configs.schema import Training
from steer.models.forward import Sequences
from steer.train.scoring import scored


class Base:
    """A copy of a model's trained parameters (or this process's shares of them) as they are now.

    Memory: one copy, and one more of the current parameters while it scores.
    """

    def __init__(self, model):
        self.model = model
        self.kept = [(p, p.detach().clone()) for p in model.parameters() if p.requires_grad]

    def logprob(self, sequences: Sequences, training: Training) -> Tensor:
        """Log-probability (S, T) of the response tokens under the copied model; 0 outside the mask."""
        with self._put_in():
            return scored(self.model, sequences, training).logprob

    @contextmanager
    @torch.no_grad()
    def _put_in(self) -> Iterator[None]:
        current = [parameter.detach().clone() for parameter, _ in self.kept]
        try:
            for parameter, value in self.kept:
                parameter.copy_(value)
            yield
        finally:
            for (parameter, _), value in zip(self.kept, current, strict=True):
                parameter.copy_(value)
