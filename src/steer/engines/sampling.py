"""What every engine is asked and answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """`samples` responses per prompt of at most `max_tokens` tokens; temperature 0 is greedy."""

    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 128


@dataclass(frozen=True)
class Completion:
    """One response: its tokens (end of sequence included), the log-probability of each under the distribution at the
    sampling temperature before top-p, and `stop` or `length` for how it ended."""

    tokens: list[int]
    logprobs: list[float]
    finish_reason: str
