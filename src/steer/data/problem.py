"""`Problem`: the format of every benchmark and training row in the pipeline."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from steer.errors import UserError
from steer.io import read_jsonl

TEXTS = ("id", "benchmark", "kind", "prompt", "gold", "solution", "prefix", "verifier", "system")


@dataclass(frozen=True)
class Problem:
    """One question with everything needed to grade an answer.

    `prompt` is the user turn, after the benchmark's template and before any chat template; `system` the turn before
    it, or empty. Mathematics has a `gold` answer (and an optional `answer_type`, a hint to the verifier); code has
    `tests` in the format of `steer verify code`; a reasoning-gym task has a gold, and in `tests` the input of its own
    judge. `solution` is a complete reference response, which the oracle answers with; empty if the benchmark publishes
    none. `prefix` is source text that the program continues (HumanEval's prompt); empty for complete programs.
    `verifier` names the user's function that judges the answer, `FILE.py:FUNCTION` (`steer.verify.functions`); empty:
    ours. `time_limit_s` and `memory_limit_mb` are the benchmark's limits of a program; None: the configuration's.
    `meta` keeps fields for tables.
    """

    id: str
    benchmark: str
    kind: Literal["math", "code"]
    prompt: str
    gold: str = ""
    answer_type: str | None = None
    tests: dict[str, Any] | None = None
    solution: str = ""
    prefix: str = ""
    verifier: str = ""
    system: str = ""
    time_limit_s: float | None = None
    memory_limit_mb: int | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def judged_by_task(self) -> bool:
        """A task of reasoning-gym, which judges answers itself (`steer.verify.gym`)."""
        return self.tests is not None and self.tests.get("kind") == "reasoning_gym"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Problem":
        """Read a row of `data/*.jsonl`; a `UserError` names the row and its wrong fields."""
        try:
            problem = cls(**row)
            strange = [name for name in TEXTS if not isinstance(row.get(name, ""), str)]
            if strange:
                said = f"`{strange[0]}` is no text: {row[strange[0]]!r:.80}"
                raise UserError(f"problem {row['id']!r}: {said}; make the data again with `steer data`")
            return problem
        except TypeError:
            known = {field.name for field in fields(cls)}
            lacks = [name for name in ("id", "benchmark", "kind", "prompt") if name not in row]
            wrong = [f"no field `{name}`" for name in lacks] + [f"unknown field `{n}`" for n in row if n not in known]
            said = ", ".join(wrong)
            raise UserError(f"problem {row.get('id')!r}: {said}; make the data again with `steer data`") from None


def read_problems(path: str | Path) -> list[Problem]:
    """Read a file of problems, one per line; a `UserError` names file, line and wrong fields."""
    problems = []
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            problems.append(Problem.from_json(row))
        except UserError as error:
            raise UserError(f"{path}, line {number}: {error}") from None
    return problems
