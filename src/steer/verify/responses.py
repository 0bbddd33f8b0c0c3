"""Verify model responses, mathematics or code: the shared path of rewards, evaluation and regrading."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from steer.configs.schema import Reward
from steer.data.problem import Problem
from steer.verify.code import Program, Sandbox, extract_program
from steer.verify.functions import FunctionJudge, FunctionRules
from steer.verify.gym import judge_tasks
from steer.verify.math import Accept, MathVerdict, MathVerifier
from steer.verify.verdict import Verdict

# Responses to one prompt are often equal.
_program_in = lru_cache(maxsize=4096)(extract_program)
_OF_PROGRAM = {"pass": "correct", "fail": "wrong", "sandbox_error": "unverifiable"}


# No functions of the user's own.
OURS = FunctionRules()


class Verifier:
    """Both verifiers with their worker processes, which start when first needed and end with the `with` block.

    Limits of one program: CPU seconds and MiB. `require`: kernel layers without which the sandbox is not started.
    `keep`: a folder in which verdicts on programs are kept from one run to the next. `functions`: what judges in place
    of both, and of problems with a `verifier` of their own the limits and the threshold. `accept`: which mathematical
    answers count, those that the response states or also those that were guessed (docs/verifiers-math.md).
    `own_limits`: a benchmark's own limits of a program come before these.
    """

    def __init__(
        self,
        workers: int = 1,
        time_limit_s: float = 2.0,
        memory_limit_mb: int = 512,
        require: tuple[str, ...] = (),
        keep: str | Path | None = None,
        functions: FunctionRules = OURS,
        accept: Accept = "guessed",
        own_limits: bool = True,
    ):
        self.functions, self.workers, self.accept = functions, workers, accept
        self.own_limits = own_limits
        self.limits = {"time_limit_s": time_limit_s, "memory_limit_mb": memory_limit_mb}
        self.math = MathVerifier(workers=workers)
        self.code = Sandbox(workers=workers, require=require, keep=keep)

    @classmethod
    def of(cls, reward: Reward, workers: int, keep: str | Path | None = None, training: bool = False) -> "Verifier":
        """Make the verifier of a configuration's `reward`.

        In `training` its functions judge and its `accept` applies; in evaluation guessed answers count too.
        """
        functions = FunctionRules(
            tuple((f.function, f.weight) for f in reward.functions) if training else (),
            reward.correct_from,
            reward.function_time_limit_s,
            reward.on_error == "mask",
        )
        limits = reward.code_time_limit_s, reward.code_memory_limit_mb
        accept = reward.accept if training else "guessed"
        return cls(workers, *limits, reward.require, keep, functions, accept, own_limits=not training)

    def __enter__(self) -> "Verifier":
        self._stack = ExitStack()
        self._stack.enter_context(self.math)
        self._stack.enter_context(self.code)
        self._judges: dict[tuple[tuple[str, float], ...], FunctionJudge] = {}
        return self

    def __exit__(self, *exception) -> None:
        self._stack.close()

    def verify(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[Verdict]:
        """Return one verdict per (problem, response), in order."""
        pairs = list(zip(problems, responses, strict=True))
        judges = [self._judge_of(p) for p in problems]
        builtin = [pair for pair, judge in zip(pairs, judges, strict=True) if judge is None]
        own = {
            judge: iter(judge.judge([pair for pair, j in zip(pairs, judges, strict=True) if j is judge]))
            for judge in dict.fromkeys(judges)
            if judge is not None
        }
        tasks = iter(judge_tasks([(p, r) for p, r in builtin if p.judged_by_task], self.code))
        plain = [(p.gold, r, p.answer_type) for p, r in builtin if p.kind == "math" and not p.judged_by_task]
        math = iter(self.math.verify(plain))
        programs = [self._program(p, r) for p, r in builtin if p.kind == "code"]
        code = iter(zip(programs, self.code.judge(programs), strict=True))

        def verdict(problem: Problem, judge: FunctionJudge | None) -> Verdict:
            if judge is not None:
                return next(own[judge])
            if problem.judged_by_task:
                return next(tasks)
            return self._from_math(next(math)) if problem.kind == "math" else self._from_code(*next(code))

        return [verdict(problem, judge) for problem, judge in zip(problems, judges, strict=True)]

    def _judge_of(self, problem: Problem) -> FunctionJudge | None:
        """Return the user's functions that judge this problem, if any; they are kept until the end."""
        functions = self.functions.functions or (((problem.verifier, 1.0),) if problem.verifier else ())
        if functions and functions not in self._judges:
            judge = FunctionJudge(replace(self.functions, functions=functions), self.workers)
            self._judges[functions] = self._stack.enter_context(judge)
        return self._judges.get(functions)

    def _program(self, problem: Problem, response: str) -> Program:
        entry_point = problem.tests.get("entry_point")
        limits = self.limits
        if self.own_limits:
            own = {"time_limit_s": problem.time_limit_s, "memory_limit_mb": problem.memory_limit_mb}
            limits = {**limits, **{name: value for name, value in own.items() if value is not None}}
        return Program(_program_in(response, problem.prefix, entry_point), problem.tests, **limits)

    def _from_math(self, found: MathVerdict) -> Verdict:
        v = found.counted(self.accept)
        guessed = found.reading == "guessed" and found.verdict == "correct"
        return Verdict(v.verdict, v.extracted, v.reason, v.seconds, reading=v.reading, guessed=guessed)

    @staticmethod
    def _from_code(program: Program, verdict) -> Verdict:
        return Verdict(_OF_PROGRAM[verdict.verdict], program.program, verdict.reason, verdict.wall_seconds)
