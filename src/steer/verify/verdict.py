"""The verdict on one response, from any verifier."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """A verdict. `unverifiable`: the verifier failed, not the answer. `extracted`: the judged answer or program.

    `score`: result of the user's functions; `failed`: one of them raised an error or took too long. `reading`: how a
    mathematical answer was found; `guessed`: it is correct, but guessed, not stated.
    """

    verdict: Literal["correct", "wrong", "unverifiable"]
    extracted: str | None
    reason: str
    seconds: float
    score: float | None = None
    failed: bool = False
    reading: Literal["stated", "guessed", ""] = ""
    guessed: bool = False
