"""A row of a data set before its prompt is written, and the hash of a whole set."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from steer.data.benchmarks.prompts import Question

# Settings for running tests, which are ours and not content of a copy.
MANNER = ("imports", "recursion_limit", "comparison")


@dataclass(frozen=True)
class Item:
    """Everything of a `Problem` except the wording of its prompt; `prompt`: a row's own wording, if it has one."""

    key: str
    question: Question
    gold: str = ""
    answer_type: str | None = None
    tests: dict[str, Any] | None = None
    solution: str = ""
    prefix: str = ""
    prompt: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def content_hash(items: Iterable[Item]) -> str:
    """Compute SHA-256 over questions (white space collapsed) with gold answers or tests.

    Settings of the tests, order, ids, solutions and other columns do not enter, so that two copies of one benchmark
    that differ only in these have the same hash.
    """
    digests = []
    for item in items:
        question = re.sub(r"\s+", " ", item.question.text).strip()
        tests = {key: value for key, value in (item.tests or {}).items() if key not in MANNER} or None
        content = json.dumps([question, item.gold or tests], sort_keys=True, ensure_ascii=True)
        digests.append(hashlib.sha256(content.encode()).hexdigest())
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
