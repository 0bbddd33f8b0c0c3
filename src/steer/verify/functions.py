"""Rewards from the user's functions: `score(problem, response) -> float | None`, called in worker processes.

The function's file runs with the user's rights and is trusted like the configuration that names it. The workers contain
its faults: a hanging one is killed and replaced (Pebble's pool), and neither an exception nor a crash ends the run.
"""

import contextlib
import importlib.util
import math
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from steer.configs.references import split_reference
from steer.data.problem import Problem
from steer.errors import UserError
from steer.verify.verdict import Verdict

START_LIMIT_S = 120  # for the import of the user's file, which may load a model
LARGEST = 1e18  # of a score, so that its square is a number of 32 bits


@dataclass(frozen=True)
class FunctionRules:
    """Rules for scoring. `functions`: (`FILE.py:FUNCTION`, weight) pairs; the score is their weighted sum.

    A response is correct if its score is at least `correct_from`. If a function fails, the response is wrong, or with
    `mask_errors` unverifiable. `time_limit_s`: wall seconds for all functions on one response.
    """

    functions: tuple[tuple[str, float], ...] = ()
    correct_from: float = 1.0
    time_limit_s: float = 10.0
    mask_errors: bool = False


class FunctionJudge:
    """Judges responses by `rules` in `workers` processes, which start when first needed and end with the context."""

    def __init__(self, rules: FunctionRules, workers: int = 1):
        self.rules, self.workers = rules, workers
        self._pool: Any = None
        self._shown = False

    def __enter__(self) -> "FunctionJudge":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

    def judge(self, pairs: Sequence[tuple[Problem, str]]) -> list[Verdict]:
        """Return one verdict per (problem, response), in order. Raises `UserError` if a function cannot be loaded."""
        pool = self._started()
        asked = [pool.schedule(_score, (problem, text), timeout=self.rules.time_limit_s) for problem, text in pairs]
        return [self._verdict(one, problem, text) for one, (problem, text) in zip(asked, pairs, strict=True)]

    def _verdict(self, asked: Any, problem: Problem, text: str) -> Verdict:
        score, error, seconds = self._answer(asked)
        if error:
            self._show(f"{error} (problem {problem.id})")
            return Verdict("unverifiable" if self.rules.mask_errors else "wrong", text, error, seconds, failed=True)
        if score is None:
            return Verdict("unverifiable", text, "a reward function returned None", seconds)
        correct = score >= self.rules.correct_from
        return Verdict("correct" if correct else "wrong", text, f"score {score:g}", seconds, score)

    def _answer(self, asked: Any) -> tuple[float | None, str, float]:
        from pebble import ProcessExpired

        names = ", ".join(reference for reference, _ in self.rules.functions)
        try:
            return asked.result()
        except TimeoutError:
            limit = self.rules.time_limit_s
            return None, f"{names}: no answer within {limit:g} s", limit
        except ProcessExpired as ended:
            return None, f"{names}: the process ended with exit code {ended.exitcode}", 0.0

    def _show(self, error: str) -> None:
        """Print the first error; the others are only counted."""
        if not self._shown:
            from tqdm import tqdm

            kept = "masked out" if self.rules.mask_errors else "wrong"
            # On a line of its own, although a progress bar may stand on the last one.
            tqdm.write(f"{error}; this response, and others with an error, count as {kept}", file=sys.stderr)
        self._shown = True

    def _started(self) -> Any:
        if self._pool is None:
            from pebble import ProcessPool

            # Not by fork, because the trainer has threads, and the functions may have their own.
            context = multiprocessing.get_context("spawn")
            functions = self.rules.functions
            self._pool = ProcessPool(self.workers, initializer=_load_all, initargs=(functions,), context=context)
            if fault := self._fault_of_start():
                raise UserError(fault)
        return self._pool

    def _fault_of_start(self) -> str:
        from pebble import ProcessExpired

        files = ", ".join(dict.fromkeys(split_reference(reference)[0] for reference, _ in self.rules.functions))
        try:
            return self._pool.schedule(_fault).result(timeout=START_LIMIT_S)
        except TimeoutError:
            return f"{files}: not imported within {START_LIMIT_S} s; mend what the file does on import"
        except (ProcessExpired, RuntimeError):  # of concurrent.futures, where the pool is broken
            return f"{files}: the process that imports it ends; mend what the file does on import"


# In a worker: the functions with their weights, or what is wrong with one of them.
_loaded: list[tuple[str, Any, float]] = []
_wrong: list[str] = []


def _load_all(functions: Sequence[tuple[str, float]]) -> None:
    for reference, weight in functions:
        try:
            _loaded.append((reference, _function(reference), weight))
        except (Exception, SystemExit) as error:
            _wrong.append(f"{reference}: {_said(error)}; mend the file or the reference")


def _function(reference: str) -> Any:
    file, name = split_reference(reference)
    function = getattr(_module(file), name, None)
    if not callable(function):
        raise TypeError(f"the file has no function `{name}`")
    return function


@cache
def _module(file: str) -> Any:
    """Load the file as a module with its own name, so that it can import neighbours and pickle its definitions."""
    path = Path(file).resolve()
    if not path.is_file():
        raise FileNotFoundError("no such file")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _fault() -> str:
    return _wrong[0] if _wrong else ""


def _score(problem: Problem, response: str) -> tuple[float | None, str, float]:
    """Return the weighted sum (None if a function cannot judge), the first error, and seconds."""
    started, total, known = time.monotonic(), 0.0, True
    for reference, function, weight in _loaded:
        try:
            value = function(problem, response)
            if value is None:
                known = False
                continue
            total += weight * _number(value)
            if abs(total) > LARGEST:
                raise ValueError(f"the score is {total:g}; keep it below {LARGEST:g}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # packages derive their time-outs from it
            return None, f"{reference}: {_said(error)}", time.monotonic() - started
    return total if known else None, "", time.monotonic() - started


def _number(value: Any) -> float:
    """Convert to a finite float; accepts one-element tensors and numpy scalars, but no text."""
    number = math.nan
    if not isinstance(value, str | bytes):
        with contextlib.suppress(TypeError, ValueError):
            number = float(value)
    if not math.isfinite(number):
        raise TypeError(f"returned {value!r:.80}; return a finite number, or None where it cannot be judged")
    return number


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    return " ".join(f"{type(error).__name__}: {text}".split())[:300]
