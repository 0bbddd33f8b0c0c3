"""`load_set`: load rows from files or the hub as checked `Problem`s."""

import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from steer.configs.dataset import Copy, DataSet
from steer.data.benchmarks import livecodebench, prompts
from steer.data.benchmarks.source import Item, content_hash
from steer.data.benchmarks.templates import template_of
from steer.data.columns import item_of
from steer.data.gym import gym_items
from steer.data.hub import hub_rows
from steer.data.parsers import PARSERS
from steer.data.problem import Problem
from steer.data.rows import read_rows
from steer.data.sets import data_set, files_of, known_sets
from steer.errors import UserError
from steer.io import sha256

log = logging.getLogger(__name__)


def load_benchmark(
    name: str,
    data_dir: str | Path | None = None,
    *,
    template: str | None = None,
    limit: int | None = None,
    window: tuple[str, str] | None = None,
) -> list[Problem]:
    """Load a set of configs/datasets with `load_set`."""
    return load_set(name, data_set(name), data_dir, template=template, limit=limit, window=window)


def load_set(
    name: str,
    spec: DataSet,
    data_dir: str | Path | None = None,
    *,
    template: str | None = None,
    limit: int | None = None,
    window: tuple[str, str] | None = None,
) -> list[Problem]:
    """Load all problems of a data set, or the first `limit` of them.

    Rows come from the set's `file`, else from `data_dir`/`local` or, without `data_dir`, from the hub at the pinned
    revision. Number and content hash are compared with the known copies, if any: an unknown file raises `UserError`;
    at a pinned hub revision a new hash is only logged, because the revision fixes the content. `template` is a model
    family (`base`, `instruct`, `coder`) or the name of a function in `prompts` (default: the set's). `window` (first
    day, last day; ISO) selects LiveCodeBench problems by contest date (default: the v5 window from the hub, everything
    from `data_dir`).
    """
    write = template_of(name, spec, template)
    if limit is not None and limit < 1:
        raise UserError(f"{name}: limit is {limit}; give a positive number or leave it out")
    dated = spec.parser == "livecodebench"
    if window is not None:
        _check_window(name, dated, window)
    paths = files_of(spec, data_dir)
    made = spec.reasoning_gym is not None
    items = gym_items(name, spec) if made else _parsed(spec, _rows(name, spec, paths, window), name)
    if not items:
        where = ", ".join(map(str, paths)) or spec.hub
        remedy = "widen the window" if dated and not paths else "replace the file"
        raise UserError(f"{where}: no rows for data set {name!r}; {remedy}")
    if dated:
        items = _windowed(name, spec, items, window, paths[0] if paths else None)
    else:
        _check(name, spec, items, paths)
    return [_problem(name, spec, item, write) for item in items[:limit]]


def _rows(
    name: str, spec: DataSet, paths: list[Path], window: tuple[str, str] | None
) -> Iterable[tuple[str, int, dict[str, Any]]]:
    """Yield (source, row number in it from 1, row)."""
    for path in paths:
        if not path.exists():
            elsewhere = f", or leave data_dir unset to load them from the hub ({spec.hub})" if spec.hub else ""
            raise UserError(f"{path}: no such file; put the rows of {spec.title or name} there{elsewhere}")
        rows = read_rows(path)
        if not rows and len(paths) > 1:
            raise UserError(f"{path}: no rows; remove the file, or narrow `file` of data set {name!r}")
        yield from ((str(path), number, row) for number, row in enumerate(rows, 1))
    if paths:
        return
    if spec.file is not None:
        raise UserError(f"data set {name!r}: no file matches {spec.file}; correct `file`")
    if spec.hub is None:
        raise UserError(f"data set {name!r} is on no hub: give data_dir a folder that holds {spec.local}")
    found = hub_rows(spec.hub, spec.split, spec.revision, spec.config, tuple(spec.data_files))
    if spec.parser == "livecodebench":
        # Private tests of a row take megabytes: select by date before decoding them.
        found = (row for row in found if livecodebench.in_window(row, window or livecodebench.V5_WINDOW))
    yield from ((spec.hub, number, row) for number, row in enumerate(found, 1))


def _parsed(spec: DataSet, rows: Iterable[tuple[str, int, dict[str, Any]]], name: str) -> list[Item]:
    items: dict[str, Item] = {}
    for index, (origin, number, row) in enumerate(rows):
        try:
            item = PARSERS[spec.parser](row, index) if spec.parser else item_of(row, index + 1, name, spec)
            if item is not None:
                _check_text(item)
        except KeyError as error:
            raise UserError(f"{origin}, row {number}: no field {error}; is this really {spec.title or name}?") from None
        except (ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
            said = " ".join(str(error).split())
            raise UserError(f"{origin}, row {number}: {said}; correct the row, or the keys of the set") from None
        if item is None:
            continue
        if item.key in items:
            raise UserError(f"{origin}, row {number}: id {item.key!r} appears twice; give each row an id of its own")
        items[item.key] = item
    return list(items.values())


def _check_text(item: Item) -> None:
    """Check the text that parsers take unchanged from a row."""
    if not isinstance(item.key, str):
        raise TypeError(f"the id is no text: {item.key!r}")
    if not isinstance(item.question.text, str) or not item.question.text.strip():
        raise TypeError(f"the question is no text: {item.question.text!r:.80}")
    texts = {"id": item.key, "question": item.question.text, "answer": item.gold, "prefix": item.prefix}
    for field, text in {**texts, "solution": item.solution}.items():
        if isinstance(text, str) and any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"{field}: half of a character (a lone surrogate) in {text!r:.80}")


def _check(name: str, spec: DataSet, items: list[Item], paths: list[Path]) -> None:
    """Compare the content with the known copies, or only the number of rows if no copy is known."""
    where, count, revision = ", ".join(map(str, paths)) or spec.hub or f"data set {name!r}", len(items), spec.revision
    if not spec.known:
        if spec.rows is not None and count != spec.rows:
            raise UserError(f"{where}: {count} rows, but `rows` says {spec.rows}; correct one of them")
        return
    found = {content_hash(items), *([sha256(paths[0])] if len(paths) == 1 else [])}
    if any(copy.sha256 in found and copy.rows in (None, count) for copy in spec.known):
        return
    known = "; ".join(_told(copy, spec) for copy in spec.known)
    has = f"{spec.title or 'the set'} has {spec.rows} rows; known copies:" if spec.rows else "known copies have"
    message = f"{where}: {count} rows with content sha256 {content_hash(items)}, but {has} {known}"
    if paths:
        raise UserError(f"{message}; replace the file by one of these, or add it to `copies` if it is meant to differ")
    if spec.hub is None or revision is None:
        raise UserError(f"{message}; correct the hash, or add this one to `copies`")
    if spec.rows is not None and count != spec.rows:
        raise UserError(f"{message}; check the revision {revision}")
    log.warning("%s; going on, because revision %s fixes the content", message, revision)


def _told(copy: Copy, spec: DataSet) -> str:
    rows, note = copy.rows or spec.rows, f" ({copy.note})" if copy.note else ""
    return f"{f'{rows} rows, ' if rows else ''}sha256 {copy.sha256}{note}"


def _windowed(
    name: str, spec: DataSet, items: list[Item], window: tuple[str, str] | None, path: Path | None
) -> list[Item]:
    """Select problems in the window; log if a copy has other dates or lacks the private tests."""
    if path is None:
        if window is None and len(items) != spec.rows:
            raise UserError(
                f"{spec.hub}: {len(items)} problems from {' to '.join(livecodebench.V5_WINDOW)}, but {spec.title} has "
                f"{spec.rows}; check the revision {spec.revision}"
            )
        return items
    _check(name, spec, items, [path])
    days = sorted(item.meta["date"] for item in items)
    kept = items
    if window is not None:
        kept = [item for item in items if livecodebench.in_window({"contest_date": item.meta["date"]}, window)]
        if not kept:
            dates = f"the file holds {days[0]} to {days[-1]}"
            raise UserError(f"{path}: no problem from {window[0]} to {window[1]}; {dates}: widen the window")
    first, last = livecodebench.V5_WINDOW
    if window is None and (days[0] < first or days[-1] > last):
        log.warning(
            "%s: %d problems dated %s to %s, not the v5 window (%s to %s): scores are not those of LiveCodeBench v5",
            path, len(kept), days[0], days[-1], first, last,
        )  # fmt: skip
    public = sum(not item.meta["private_tests"] for item in kept)
    if public:
        log.warning("%s: %d of %d problems have public tests only: scores are upper bounds", path, public, len(kept))
    return kept


def _check_window(name: str, dated: bool, window: tuple[str, str]) -> None:
    if not dated:
        raise UserError(f"{name}: problems carry no dates, so a window selects nothing; leave it out")
    try:
        first, last = (date.fromisoformat(end) for end in window)
    except (ValueError, TypeError):
        raise UserError(f"window {window!r}: give two days such as {livecodebench.V5_WINDOW}") from None
    if first > last:
        raise UserError(f"window {window!r}: the first day comes after the last; swap them")


def _problem(name: str, spec: DataSet, item: Item, write: prompts.Template) -> Problem:
    try:
        prompt = item.prompt or write(item.question)
    except prompts.Lacking as error:
        raise UserError(f"data set {name!r}, problem {item.key!r}: {error}; choose another `prompt`") from None
    # Ids of known benchmarks name the benchmark; ids of the user's rows are unchanged.
    own = known_sets().get(name) is not spec or (spec.parser is None and spec.id is None)
    return Problem(
        id=item.key if own else f"{name}/{item.key}",
        benchmark=name,
        kind=spec.kind,
        prompt=prompt,
        system=spec.system,
        gold=item.gold,
        answer_type=item.answer_type,
        tests=item.tests,
        solution=item.solution,
        prefix=item.prefix,
        verifier=spec.verifier,
        time_limit_s=spec.time_limit_s,
        memory_limit_mb=spec.memory_limit_mb,
        meta={**item.meta, "question": item.question.text},
    )
