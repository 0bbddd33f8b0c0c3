"""Verdicts on model responses, mathematics or code, by the one path that rewards, evaluation and regrading share."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from steer.data.problem import Problem
from steer.verify.code import Program, Sandbox, extract_program
from steer.verify.math import MathVerifier

# Responses to one prompt are often the same text.
_program_in = lru_cache(maxsize=4096)(extract_program)
_OF_PROGRAM = {"pass": "correct", "fail": "wrong", "sandbox_error": "unverifiable"}


@dataclass(frozen=True)
class Verdict:
    """`unverifiable`: the verifier, not the answer, failed. `extracted` is the answer or the program judged."""

    verdict: Literal["correct", "wrong", "unverifiable"]
    extracted: str | None
    reason: str
    seconds: float


class Verifier:
    """Both verifiers with their worker processes, which start when first needed and end with the `with` block.

    Limits of one program: CPU seconds and MiB. `batch_limit_s`: wall seconds for all programs of one `verify`; those
    not reached by then are unverifiable. `require`: kernel layers without which the sandbox is not started. `keep`: a
    folder in which verdicts on programs are kept from one run to the next.
    """

    def __init__(
        self,
        workers: int = 1,
        time_limit_s: float = 2.0,
        memory_limit_mb: int = 512,
        batch_limit_s: float | None = None,
        require: tuple[str, ...] = (),
        keep: str | Path | None = None,
    ):
        self.batch_limit_s = batch_limit_s
        self.limits = {"time_limit_s": time_limit_s, "memory_limit_mb": memory_limit_mb}
        self.math = MathVerifier(workers=workers)
        self.code = Sandbox(workers=workers, require=require, keep=keep)

    def __enter__(self) -> "Verifier":
        self._stack = ExitStack()
        self._stack.enter_context(self.math)
        self._stack.enter_context(self.code)
        return self

    def __exit__(self, *exception) -> None:
        self._stack.close()

    def verify(self, problems: Sequence[Problem], responses: Sequence[str], spent_s: float = 0.0) -> list[Verdict]:
        """One verdict per (problem, response), in order. `spent_s`: how much of `batch_limit_s` is gone already."""
        pairs = list(zip(problems, responses, strict=True))
        math = iter(self.math.verify([(p.gold, r, p.answer_type) for p, r in pairs if p.kind == "math"]))
        programs = [self._program(p, r) for p, r in pairs if p.kind == "code"]
        left = None if self.batch_limit_s is None else self.batch_limit_s - spent_s
        code = iter(zip(programs, self.code.judge(programs, time_s=left), strict=True))
        return [self._from_math(next(math)) if p.kind == "math" else self._from_code(*next(code)) for p, _ in pairs]

    def _program(self, problem: Problem, response: str) -> Program:
        entry_point = problem.tests.get("entry_point")
        return Program(_program_in(response, problem.prefix, entry_point), problem.tests, **self.limits)

    @staticmethod
    def _from_math(verdict) -> Verdict:
        return Verdict(verdict.verdict, verdict.extracted, verdict.reason, verdict.seconds)

    @staticmethod
    def _from_code(program: Program, verdict) -> Verdict:
        return Verdict(_OF_PROGRAM[verdict.verdict], program.program, verdict.reason, verdict.wall_seconds)
