"""Clean training problems: repair, remove, and tabulate both.

Every check looks at all problems, so that its count does not depend on the others. A problem that fails several
is removed for the first of `REASONS`. The order of the problems is kept.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from steer.data.overlap import overlaps
from steer.data.problem import Problem

REASONS = {
    "broken_latex": "control characters that no rule restores, or no text at all",
    "conflicting_gold": "the same question occurs with different golds: every copy is removed",
    "placeholder_gold": "gold -1 (or none): DAPO's mark for a missing integer; true answers of -1 go with them",
    "duplicate": "the same question and gold occur elsewhere: one copy stays",
    "overlap": "the question repeats one of an evaluation set (exactly, or half of that one's word 10-grams)",
}
PLACEHOLDERS = frozenset({"", "-1"})

# LaTeX read as a JSON or Python escape: form feed for \f, tab for \t, backspace for \b, line end for \n.
_ESCAPES = (
    (re.compile(r"\f(?=rac\b|rac\{)"), r"\f"),
    (re.compile(r"\t(?=ext\{|imes\b|riangle\b|heta\b|an\b|au\b)"), r"\t"),
    (re.compile(r"\x08(?=eta\b|inom\b|oxed\b)"), r"\b"),
    (re.compile(r"\n(?=abla\b|eq\b)"), r"\n"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Removal:
    """One finding: a problem `id`, the reason, and ids of related problems (copies, evaluation problems).

    `removed` is False if another reason came first, and for a repair.
    """

    id: str
    reason: str
    detail: str = ""
    related: tuple[str, ...] = ()
    removed: bool = True


def clean(
    problems: Sequence[Problem], evaluation: Sequence[Problem], own: frozenset[str] = frozenset()
) -> tuple[list[Problem], list[dict[str, Any]]]:
    """Return (clean problems, table of removed ones); see `examine` and `removal_table`."""
    kept, findings = examine(problems, evaluation, own)
    return kept, removal_table(findings)


def examine(
    problems: Sequence[Problem], evaluation: Sequence[Problem], own: frozenset[str] = frozenset()
) -> tuple[list[Problem], list[Removal]]:
    """Return (clean problems, every finding). `evaluation`: problems that must not be trained on.

    Texts and golds of the user's sets `own` are not changed or judged. Kept problems have their LaTeX repaired in
    prompt and question; each repair is a finding with `removed=False`. Ids must be unique: ValueError otherwise.
    """
    if len({problem.id for problem in problems}) < len(problems):
        raise ValueError("problem ids are not unique")
    repaired = [problem if problem.benchmark in own else _repaired(problem) for problem in problems]
    published = [problem for problem in repaired if problem.benchmark not in own]
    findings = [
        Removal(before.id, "repaired_latex", removed=False)
        for before, after in zip(problems, repaired, strict=True)
        if before is not after
    ]
    gone: set[str] = set()
    for check, checked in ((_broken, published), (_conflicting, repaired), (_placeholders, published)):
        gone |= _record(check(checked), gone, findings)
    # A copy of a problem removed for another fault is not a duplicate: it takes that problem's place.
    gone |= _record(_duplicates(repaired, gone), gone, findings)
    _record(_overlapping(repaired, evaluation), gone, findings)
    removed = {finding.id for finding in findings if finding.removed}
    return [problem for problem in repaired if problem.id not in removed], findings


def _record(found: list[Removal], gone: set[str], findings: list[Removal]) -> set[str]:
    """Append `found` to `findings`, not marked as removed if the problem is already gone; return the ids."""
    findings += [replace(finding, removed=finding.id not in gone) for finding in found]
    return {finding.id for finding in found}


def removal_table(findings: Sequence[Removal]) -> list[dict[str, Any]]:
    """Make one row per reason: reason, count, ids. A problem is counted once, for its first reason."""
    rows = []
    for reason in REASONS:
        ids = [finding.id for finding in findings if finding.reason == reason and finding.removed]
        if ids:
            rows.append({"reason": reason, "count": len(ids), "ids": ids})
    return rows


def question(problem: Problem) -> str:
    """Return the bare question, without its template if the loader kept it."""
    return problem.meta.get("question", problem.prompt)


def question_key(text: str) -> str:
    """Key that is equal for questions that differ only in white space and dollar signs."""
    return re.sub(r"[\s$]+", "", text)


def repair_latex(text: str) -> str:
    """Restore backslashes that were read as part of an escape."""
    for pattern, command in _ESCAPES:
        text = pattern.sub(lambda _, command=command: command, text)
    return text


def _repaired(problem: Problem) -> Problem:
    prompt, text = repair_latex(problem.prompt), repair_latex(question(problem))
    if prompt == problem.prompt and text == question(problem):
        return problem
    meta = {**problem.meta, "question": text} if "question" in problem.meta else problem.meta
    return replace(problem, prompt=prompt, meta=meta)


def _broken(problems: Sequence[Problem]) -> list[Removal]:
    broken = []
    for problem in problems:
        controls = sorted(set(_CONTROL.findall(question(problem))))
        if controls:
            detail = "control characters " + " ".join(f"U+{ord(sign):04X}" for sign in controls)
            broken.append(Removal(problem.id, "broken_latex", detail))
        elif not question(problem).strip():
            broken.append(Removal(problem.id, "broken_latex", "empty"))
    return broken


def _groups(problems: Sequence[Problem]) -> list[list[Problem]]:
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        groups[question_key(question(problem))].append(problem)
    return [group for group in groups.values() if len(group) > 1]


def _golds(group: Sequence[Problem]) -> list[str]:
    """Return golds to compare; code problems have none and never conflict."""
    return sorted({problem.gold.strip() for problem in group})


def _conflicting(problems: Sequence[Problem]) -> list[Removal]:
    return [
        Removal(
            problem.id,
            "conflicting_gold",
            "golds " + ", ".join(_golds(group)),
            tuple(other.id for other in group if other is not problem),
        )
        for group in _groups(problems)
        if len(_golds(group)) > 1
        for problem in group
    ]


def _placeholders(problems: Sequence[Problem]) -> list[Removal]:
    return [
        Removal(problem.id, "placeholder_gold", f"gold {problem.gold!r}")
        for problem in problems
        if problem.kind == "math" and problem.gold.strip() in PLACEHOLDERS
    ]


def _duplicates(problems: Sequence[Problem], gone: set[str]) -> list[Removal]:
    duplicates = []
    for group in _groups(problems):
        if len(_golds(group)) == 1:
            kept = next((problem for problem in group if problem.id not in gone), group[0])
            others = [problem for problem in group if problem is not kept]
            duplicates += [Removal(other.id, "duplicate", f"copy of {kept.id}", (kept.id,)) for other in others]
    return duplicates


def _overlapping(problems: Sequence[Problem], evaluation: Sequence[Problem]) -> list[Removal]:
    training = {problem.id: question(problem) for problem in problems}
    # Items of one task share most of their words.
    made = {problem.id for problem in problems if problem.judged_by_task}
    found = overlaps(training, [(problem.id, question(problem)) for problem in evaluation], exact=made)
    return [
        Removal(
            identity,
            "overlap",
            ", ".join(f"{key} ({share})" for key, share in sorted(found[identity].items())),
            tuple(sorted(found[identity])),
        )
        for identity in training
        if identity in found
    ]
