"""What a benchmark is: where its rows lie, how many there are, how one row is read and asked."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steer.data.benchmarks.prompts import Question, Template


@dataclass(frozen=True)
class Item:
    """One row, read but not yet asked: everything of a `Problem` except the wording of its prompt."""

    key: str
    question: Question
    gold: str = ""
    answer_type: str | None = None
    tests: dict[str, Any] | None = None
    solution: str = ""
    prefix: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Copy:
    """A copy whose content was checked once: its number of rows, its `content_hash`, and whose copy it is."""

    rows: int
    hash: str
    note: str


@dataclass(frozen=True)
class BenchmarkSource:
    """A benchmark. `files` are looked for in this order under `data_dir`; `data_files` are raw files of a hub
    data set whose own loading script `datasets` no longer runs."""

    name: str
    title: str
    kind: Literal["math", "code"]
    hub: str
    revision: str
    split: str
    rows: int
    files: tuple[str, ...]
    parse: Callable[[dict[str, Any], int], Item]
    templates: Mapping[str, Template]
    copies: tuple[Copy, ...]
    config: str | None = None
    data_files: tuple[str, ...] = ()


def content_hash(items: Iterable[Item]) -> str:
    """SHA-256 of what is asked and what counts as right: questions (white space collapsed) with gold or tests.

    Order, ids, solutions and the other columns do not enter, so that two copies of one benchmark that differ
    only in those share the hash.
    """
    digests = []
    for item in items:
        question = re.sub(r"\s+", " ", item.question.text).strip()
        content = json.dumps([question, item.gold or item.tests], sort_keys=True, ensure_ascii=True)
        digests.append(hashlib.sha256(content.encode()).hexdigest())
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
