"""The steps of verification: extraction, equal spelling, plain numbers, a cost gate, comparison in killable processes.

The order of arguments is fixed here: gold first, answer second.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from steer.verify.math import normalise, numbers
from steer.verify.math.answer_types import answer_type
from steer.verify.math.extract import Extraction, Reading, extract, extract_gold
from steer.verify.math.nouns import worded
from steer.verify.math.pool import Job, Pool

Accept = Literal["stated", "guessed"]  # the readings that count: "guessed" stands for both
SHARE = 256  # pairs whose comparisons are asked for together
CACHE_SIZE = 20_000
MAX_LENGTH = 2000  # characters of an answer that is worth comparing
MAX_DEPTH = 40
CPU_LIMITS_S = {
    "compare": 0.4,
    "fallback": 1.0,
}  # of a comparison; a backstop, since work is counted (`work`, `worker`)


@dataclass(frozen=True)
class MathVerdict:
    """A verdict. `unverifiable`: the verifier failed, not the answer; the sample is masked and counted.

    `extracted` is the answer found in the response, or None. `seconds` is wall time. `reading`: "stated" if the
    response says that this is its answer, "guessed" if it is the last number or formula of the text, "" without an
    answer.
    """

    verdict: Literal["correct", "wrong", "unverifiable"]
    extracted: str | None
    reason: str
    seconds: float
    reading: Reading = ""

    def counted(self, accept: Accept) -> "MathVerdict":
        """Return the verdict if only the readings in `accept` count as an answer."""
        if accept == "guessed" or self.reading != "guessed":
            return self
        return replace(self, verdict="wrong", reason=f"guessed, not stated: {self.reason}")


class Step(NamedTuple):
    """State of a pair: a verdict, or the two texts (and the type) that must be compared."""

    extraction: Extraction
    verdict: str | None
    reason: str
    job: Job | None = None


def too_costly(text: str) -> str | None:
    """Cost gate before any parsing: explain why `text` is too costly to read, or return None."""
    if len(text) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    depth = deepest = 0
    for character in text:
        if character in "{([":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "})]":
            depth -= 1
    return f"nested deeper than {MAX_DEPTH} levels" if deepest > MAX_DEPTH else None


@lru_cache(maxsize=4096)
def _spelled(text: str) -> tuple[str, str, numbers.Number | None]:
    """Return normal LaTeX, comparison key, and the number if it is one; cached, because golds and answers repeat."""
    if text.isascii() and text.isdigit():
        return text, text, numbers.number(text)
    canonical = normalise.latex(text)
    key = normalise.key(canonical)
    return canonical, key, numbers.number(key)


def settle(gold: str, response: str, kind: str | None) -> Step:
    """Run all steps that need no other process."""
    if not isinstance(gold, str) or not isinstance(response, str):
        return Step(Extraction(None, ""), "unverifiable", "gold and response must be strings")
    kind = kind[:64] if isinstance(kind, str) else None
    found = extract(response)
    gold = extract_gold(gold)
    if not gold.strip():
        return Step(found, "unverifiable", "the gold answer is empty")
    if found.answer is None or not found.answer.strip():
        return Step(found, "wrong", f"no answer in the response ({found.how})")
    for name, text in (("gold", gold), ("answer", found.answer)):
        costly = too_costly(text) if len(text) > MAX_DEPTH and found.answer != gold else None
        if costly:  # an answer that is too costly is wrong: writing too much must not mask a sample
            return Step(found, "unverifiable" if name == "gold" else "wrong", f"the {name} is {costly}")
    if found.answer == gold and gold.isalnum():
        return Step(found, "correct", "same text")
    gold_latex, gold_key, gold_number = _spelled(gold)
    if not gold_key:
        return Step(found, "unverifiable", "the gold answer is empty")
    if found.answer == gold:
        return Step(found, "correct", "same text")
    answer_latex, answer_key, answer_number = _spelled(found.answer)
    if gold_key == answer_key:
        return Step(found, "correct", "same spelling")
    if gold_number and answer_number:
        same = numbers.equal(gold_number, answer_number)
        if not same and answer_type(kind).accepts(gold_number.value, answer_number.value):
            return Step(found, "correct", "within the tolerance")
        return Step(found, "correct" if same else "wrong", "equal numbers" if same else "different numbers")
    answers = (answer_latex,)
    distinct = tuple(dict.fromkeys(found.boxes))
    if len(distinct) > 1 and sum(map(len, distinct)) <= MAX_LENGTH:
        answers += (normalise.latex(", ".join(distinct)),)
    return Step(found, None, "", (gold_latex, answers, kind))


class MathVerifier:
    """Grades many pairs. A context manager; its processes start at the first pair that needs them."""

    def __init__(self, workers: int = 1):
        # two pools, so that the large imports of the second are loaded only if needed
        self._pools = [Pool(f"steer.verify.math.{module}", workers, limit) for module, limit in CPU_LIMITS_S.items()]
        self._cache: OrderedDict[Job, dict] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> "MathVerifier":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        for pool in self._pools:
            pool.stop()

    def verify(self, pairs: Sequence[tuple[str, str, str | None]]) -> list[MathVerdict]:
        """Return verdicts for (gold, response, type) triples, in order. `type` may be None."""
        steps, seconds, outcomes = self._steps(pairs)
        verdicts = []
        for step, spent in zip(steps, seconds, strict=True):
            outcome = outcomes[step.job] if step.job else {}
            extracted = step.extraction.answer
            if outcome.get("used"):
                extracted = ", ".join(dict.fromkeys(step.extraction.boxes))
            verdict, reason = step.verdict or outcome["verdict"], step.reason or outcome["reason"]
            if verdict == "wrong" and step.extraction.reading == "guessed" and step.job and worded(step.job[0]):
                verdict, reason = "unverifiable", "the gold is words, and no words were stated"
            if extracted is not None and step.extraction.how != "boxed":
                reason += f" (answer without a box, {step.extraction.how})"
            total = round(spent + outcome.get("seconds", 0.0), 6)
            verdicts.append(MathVerdict(verdict, extracted, reason, total, step.extraction.reading))
        return verdicts

    def _steps(self, pairs: Sequence[tuple[str, str, str | None]]) -> tuple[list[Step], list[float], dict[Job, dict]]:
        """What the first steps say of each pair, their seconds, and the outcomes of the comparisons that remain. These
        go on beside the first steps of later pairs."""
        steps, seconds, asked = [], [], []
        with ThreadPoolExecutor(1) as comparing:
            for at in range(0, len(pairs), SHARE):
                jobs = {}
                for pair in pairs[at : at + SHARE]:
                    start = time.perf_counter()
                    steps.append(settle(*pair))
                    seconds.append(time.perf_counter() - start)
                    if steps[-1].job:
                        jobs[steps[-1].job] = True
                if jobs:
                    asked.append(comparing.submit(self._compare, list(jobs)))
        return steps, seconds, {job: outcome for one in asked for job, outcome in one.result().items()}

    def _compare(self, jobs: list[Job]) -> dict[Job, dict]:
        """Return the outcomes of the comparisons, from the cache or the pools."""
        with self._lock:
            outcomes = {job: self._cache[job] for job in jobs if job in self._cache}
        waiting = [job for job in jobs if job not in outcomes]
        fresh: dict[Job, dict] = {}
        for number, pool in enumerate(self._pools):
            if not waiting:
                break
            for job, outcome in zip(waiting, pool.compare(waiting), strict=True):
                earlier = fresh.get(job, {"seconds": 0.0})
                fresh[job] = outcome | {"seconds": outcome["seconds"] + earlier["seconds"], "pool": number}
            waiting = [job for job in waiting if fresh[job]["verdict"] == "fallback"]
        self._blame(fresh)
        with self._lock:
            self._cache.update((job, outcome) for job, outcome in fresh.items() if "load" not in outcome)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return outcomes | fresh

    def _blame(self, fresh: dict[Job, dict]) -> None:
        """Judge an answer wrong if the comparison failed although the gold alone can be read."""
        for number, pool in enumerate(self._pools):
            failed = [
                j
                for j, o in fresh.items()
                if o["verdict"] == "unverifiable" and o["pool"] == number and "load" not in o
            ]
            golds = list(dict.fromkeys((gold, (gold,), kind) for gold, _, kind in failed))
            answers = pool.compare(golds) if golds else []
            readable = {job[0] for job, o in zip(golds, answers, strict=True) if o["verdict"] == "correct"}
            for job in failed:
                if job[0] in readable:
                    fresh[job] |= {"verdict": "wrong"}


_default: MathVerifier | None = None


def verify_math(gold: str, response: str, type: str | None = None) -> MathVerdict:
    """Grade one response. All calls share worker processes, which end with the program."""
    global _default
    if _default is None:
        _default = MathVerifier()
    return _default.verify([(gold, response, type)])[0]
