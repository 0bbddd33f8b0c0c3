"""The verdict on one response, whatever judged it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """`unverifiable`: the verifier, not the answer, failed. `extracted` is the answer or the program judged. `score`:
    what functions of the user's own gave; `failed`: one of them raised an error, or took too long. `reading`: how a
    mathematical answer was found; `guessed`: it is right, but was guessed, not stated."""

    verdict: Literal["correct", "wrong", "unverifiable"]
    extracted: str | None
    reason: str
    seconds: float
    score: float | None = None
    failed: bool = False
    reading: Literal["stated", "guessed", ""] = ""
    guessed: bool = False
