"""`load_benchmark`: rows from a folder or from the hub → checked `Problem`s."""

import inspect
import json
import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from steer.configs.load import nearest
from steer.data.benchmarks import livecodebench, prompts
from steer.data.benchmarks.source import BenchmarkSource, Item, content_hash
from steer.data.benchmarks.table import BENCHMARKS
from steer.data.hub import hub_rows
from steer.data.problem import Problem
from steer.errors import UserError
from steer.io import read_jsonl

log = logging.getLogger(__name__)


def load_benchmark(
    name: str,
    data_dir: str | Path | None = None,
    *,
    template: str | None = None,
    limit: int | None = None,
    window: tuple[str, str] | None = None,
) -> list[Problem]:
    """All problems of a benchmark, or the first `limit` of them.

    Rows come from `data_dir` (laid out as `BenchmarkSource.files` says) or, without it, from the hub at the pinned
    revision. Their number and content hash are compared with the known copies: a local copy that is none of them
    is a `UserError`; at a pinned hub revision a new hash is only logged, since the revision fixes the content.
    `template` is a model family (`base`, `instruct`, `coder`) or the name of a function in `prompts`; None is the
    benchmark's default. `window` (first day, last day; ISO) selects LiveCodeBench problems by contest date: None is
    the v5 window from the hub, and whatever the file holds from `data_dir`.
    """
    source = benchmark_source(name)
    write = _template(source, template)
    if limit is not None and limit < 1:
        raise UserError(f"{name}: limit is {limit}; give a positive number or leave it out")
    if window is not None:
        _check_window(source, window)
    path = None if data_dir is None else _local_file(source, Path(data_dir))
    if path is None:
        items = _parse(source, _hub(source, window), source.hub)
    else:
        items = _parse(source, read_rows(path), str(path))
    if source.name == "livecodebench":
        items = _windowed(source, items, window, path)
    else:
        _check(source, items, path)
    return [_problem(source, item, write) for item in items[:limit]]


def benchmark_source(name: str) -> BenchmarkSource:
    """The entry of `BENCHMARKS`, or a `UserError` with the nearest name."""
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    raise UserError(f"no benchmark {name!r}{nearest(name, BENCHMARKS)}")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of `.jsonl`, `.jsonl.gz`, or a `.json` array."""
    if path.suffix != ".json":
        return read_jsonl(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not JSON ({error}); replace the file") from None
    if not isinstance(rows, list):
        raise UserError(f"{path}: not a JSON array of rows; replace the file")
    return rows


def _local_file(source: BenchmarkSource, data_dir: Path) -> Path:
    for file in source.files:
        if (data_dir / file).is_file():
            return data_dir / file
    wanted = " or ".join(str(data_dir / file) for file in source.files)
    raise UserError(
        f"{wanted}: no such file; put the rows of {source.hub} (revision {source.revision}) there, or leave data_dir "
        "unset to load them from the hub"
    )


def _hub(source: BenchmarkSource, window: tuple[str, str] | None) -> Iterable[dict[str, Any]]:
    rows = hub_rows(source.hub, source.split, source.revision, source.config, source.data_files)
    if source.name != "livecodebench":
        return rows
    # Private tests of a row take megabytes: choose by date before they are decoded.
    return (row for row in rows if livecodebench.in_window(row, window or livecodebench.V5_WINDOW))


def _parse(source: BenchmarkSource, rows: Iterable[dict[str, Any]], origin: str) -> list[Item]:
    items = []
    for index, row in enumerate(rows):
        try:
            items.append(source.parse(row, index))
        except KeyError as error:
            raise UserError(f"{origin}, row {index + 1}: no field {error}; is this really {source.title}?") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{origin}, row {index + 1}: {error}; mend or replace the file") from None
    if not items:
        raise UserError(f"{origin}: no rows; replace the file or widen the window")
    keys = [item.key for item in items]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UserError(f"{origin}: id {twice!r} appears twice; replace the file")
    return items


def _check(source: BenchmarkSource, items: list[Item], path: Path | None) -> None:
    found = content_hash(items)
    if any(copy.hash == found and copy.rows == len(items) for copy in source.copies):
        return
    known = "; ".join(f"{copy.rows} rows, sha256 {copy.hash} ({copy.note})" for copy in source.copies) or "none"
    message = (
        f"{path or source.hub}: {len(items)} rows with content sha256 {found}, but {source.title} has {source.rows} "
        f"rows; known copies: {known}"
    )
    if path is not None:
        known_too = "or add it to `copies` in src/steer/data/benchmarks/table.py, if it is meant to differ"
        raise UserError(f"{message}; replace the file by one of these, {known_too}")
    if len(items) != source.rows:
        raise UserError(f"{message}; check the revision {source.revision}")
    log.warning("%s; going on, because revision %s fixes the content", message, source.revision)


def _windowed(
    source: BenchmarkSource, items: list[Item], window: tuple[str, str] | None, path: Path | None
) -> list[Item]:
    """Problems in the window; says so where a copy has other dates or lacks the private tests."""
    if path is None:
        if window is None and len(items) != source.rows:
            raise UserError(
                f"{source.hub}: {len(items)} problems from {' to '.join(livecodebench.V5_WINDOW)}, but {source.title} "
                f"has {source.rows}; check the revision {source.revision}"
            )
        return items
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
    if content_hash(items) not in {copy.hash for copy in source.copies}:
        log.warning("%s: content sha256 %s is no known copy of LiveCodeBench", path, content_hash(items))
    return kept


def _check_window(source: BenchmarkSource, window: tuple[str, str]) -> None:
    if source.name != "livecodebench":
        raise UserError(f"{source.name}: problems carry no dates, so a window selects nothing; leave it out")
    try:
        first, last = (date.fromisoformat(end) for end in window)
    except (ValueError, TypeError):
        raise UserError(f"window {window!r}: give two days such as {livecodebench.V5_WINDOW}") from None
    if first > last:
        raise UserError(f"window {window!r}: the first day comes after the last; swap them")


def _template(source: BenchmarkSource, template: str | None) -> prompts.Template:
    families = source.templates
    if template is None or template in families:
        return families[template or "default"]
    if template in ("base", "instruct", "coder"):
        return families["default"]
    named = {
        name: function
        for name, function in inspect.getmembers(prompts, inspect.isfunction)
        if function.__module__ == prompts.__name__ and not name.startswith("_")
    }
    if template in named:
        return named[template]
    raise UserError(f"no prompt template {template!r}{nearest(template, [*families, *named])}")


def _problem(source: BenchmarkSource, item: Item, write: prompts.Template) -> Problem:
    return Problem(
        id=f"{source.name}/{item.key}",
        benchmark=source.name,
        kind=source.kind,
        prompt=write(item.question),
        gold=item.gold,
        answer_type=item.answer_type,
        tests=item.tests,
        solution=item.solution,
        prefix=item.prefix,
        meta={**item.meta, "question": item.question.text},
    )
