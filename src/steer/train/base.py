"""The model that a run started from, for penalties on the distance to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from steer.configs.schema import Training
from steer.models.forward import Sequences
from steer.train.scoring import scored


class Base:
    """Keeps the trained parameters of a model, or this process' shares of them, as they are now; the rest stands still.

    It holds one more copy of them, and one more of the current ones while it scores.
    """

    def __init__(self, model):
        self.model = model
        self.kept = [(p, p.detach().clone()) for p in model.parameters() if p.requires_grad]

    def logprob(self, sequences: Sequences, training: Training) -> Tensor:
        """(S, T) log-probability of the response tokens under the model as it was; 0 outside the mask."""
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
