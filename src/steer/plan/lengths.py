"""Lengths of responses, and how many are decoded at a time.

Lengths are taken as exponential with the given mean, cut off at the limit. Of the responses
in five outside runs, mean 940 to 1,140 tokens, 2 to 10 % reached the limit of 3,072; this distribution says 4 to 8 %.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# Intervals of the last phase of decoding.
_INTERVALS = 64


@dataclass(frozen=True)
class Lengths:
    """Lengths in tokens with this mean and this limit."""

    mean: float
    limit: float

    @cached_property
    def decay(self) -> float:
        """Limit over the scale of the exponential distribution; 0 if every response reaches the limit."""
        share = min(self.mean / self.limit, 1.0)
        low, high = 0.0, 1.0 / max(share, 1e-6)
        for _ in range(60):
            middle = (low + high) / 2
            if -math.expm1(-middle) > share * middle:
                low = middle
            else:
                high = middle
        return low if low > 1e-6 else 0.0

    @property
    def truncated(self) -> float:
        """Share of responses that reach the limit."""
        return math.exp(-self.decay)

    @property
    def square(self) -> float:
        """Mean of the squared length."""
        x = self.decay
        if x == 0:
            return self.limit**2
        return 2 * (self.limit / x) ** 2 * (1 - math.exp(-x) * (1 + x))

    def alive(self, token: float) -> float:
        """Share of responses longer than `token`."""
        return math.exp(-self.decay * token / self.limit) if token < self.limit else 0.0

    def batches(self, sequences: float, slots: float) -> Iterator[tuple[float, float]]:
        """Yield (decoding steps, sequences decoded in each) for that many sequences, at most `slots` at a time.

        While sequences wait, all slots are full; afterwards they empty as responses end.
        """
        slots = min(slots, sequences)
        waiting = (sequences - slots) * self.mean / slots
        if waiting > 0:
            yield waiting, slots
        last = self.limit
        if self.decay and slots > 1:
            # The longest response that is expected among those that are left.
            last = min(last, self.limit * (math.log(slots) + 0.58) / self.decay)
        width = last / _INTERVALS
        for i in range(_INTERVALS):
            yield width, max(1.0, slots * self.alive((i + 0.5) * width))
