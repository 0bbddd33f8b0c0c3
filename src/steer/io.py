"""Atomic file writing and reading: every writer writes a temporary sibling and renames it."""

import ast
import csv
import errno
import glob
import gzip
import hashlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from steer.errors import UserError


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")


def atomic_write(path: str | os.PathLike, data: str | bytes) -> None:
    """Write `data` to `path` atomically: after a crash `path` holds either the old content or all of the new."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _sibling(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raise `UserError` unless files can be written below `folder`, which need not exist yet."""
    place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not place.is_dir():
        raise UserError(f"{place}: a file is in the folder's place; remove it or rename it")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{place}: nothing can be written there; change its permissions, or work in another folder")


@contextmanager
def atomic_directory(path: str | os.PathLike) -> Iterator[Path]:
    """Yield an empty temporary folder that takes the name `path` (replacing it) when the block succeeds.

    Its content is synced to disk before the rename, so `path` is complete even after a power failure. Only one writer
    at a time: the next writer removes what a killed one left behind (perhaps as large as a model).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.tmp"):
        shutil.rmtree(leftover)
    temporary = _sibling(path)
    temporary.mkdir()
    try:
        yield temporary
        for inner in (*temporary.rglob("*"), temporary):
            synchronise(inner)
        old = _sibling(path)
        if path.exists():
            # Rename before removing: a writer killed meanwhile would otherwise leave a partial folder under the name.
            os.replace(path, old)
        os.replace(temporary, path)
        synchronise(path.parent)
        if old.exists():
            shutil.rmtree(old)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def synchronise(path: str | os.PathLike) -> None:
    """Wait until the file, or the names in the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # The error of file systems that cannot sync folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_json(path: str | os.PathLike, value: Any) -> None:
    atomic_write(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_jsonl(path: str | os.PathLike, rows: Iterable[dict]) -> None:
    """Write one JSON object per line; gzipped if the name ends in `.gz` (no time stamp: equal rows, equal bytes)."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    data = text.encode("utf-8", errors="surrogatepass")
    atomic_write(path, gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def packed(path: Path) -> Path:
    """Return the file, or its `.gz` where only that exists: reference folders over their limit compress metrics."""
    compressed = path.with_name(f"{path.name}.gz")
    return compressed if compressed.is_file() and not path.is_file() else path


def read_jsonl(path: str | os.PathLike) -> list[dict]:
    """Read a JSON-lines file, gzipped or not. A missing file or a bad line raises a `UserError` that names it."""
    return list(_read_jsonl(Path(path)))


def _read_jsonl(path: Path) -> Iterator[dict]:
    opener: Callable = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="surrogatepass") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line.removeprefix("\ufeff") if number == 1 else line)
                except (ValueError, RecursionError) as error:
                    reason = getattr(error, "msg", error)
                    raise UserError(f"{path}, line {number}: not JSON ({reason}); mend or remove it") from None
                if not isinstance(row, dict):
                    found = type(row).__name__
                    raise UserError(f"{path}, line {number}: expected an object, found {found}; mend or remove it")
                yield row
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; make it first or correct the path") from None
    except UnicodeDecodeError as error:
        zipped = error.object.startswith(b"\x1f\x8b")
        remedy = "it is gzipped, so name it .jsonl.gz" if zipped else "write it in UTF-8"
        raise UserError(f"{path}: not UTF-8 (byte {error.object[error.start]:#04x}); {remedy}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{path}: not a whole gzip file; delete it and make it again") from None


def link_folder(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Copy the folder `source` to `target` atomically, with hard links (no extra space) if the file system has them."""
    with atomic_directory(target) as folder:
        shutil.copytree(source, folder, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def read_runs(path: str | os.PathLike, columns: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Read a table with one row per run, as text, keyed by run; `UserError` if rows or columns are missing."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such table; run the experiment or `steer tabulate` first")
    remedy = "make it again with `steer tabulate`"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names, rows = set(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no readable table ({error}); {remedy}") from None
    lacking = {"run", "label", *columns} - names
    if lacking:
        raise UserError(f"{path}: no column `{min(lacking)}`; {remedy}")
    return {row["run"]: row for row in rows}


def fingerprint(settings: Any, files: Iterable[Path]) -> str:
    """Hash plain settings and the content of `files` (for Python files, their `meaning`)."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in sorted(files):
        digest.update(path.name.encode() + meaning(path).encode())
    return digest.hexdigest()


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def meaning(path: Path) -> str:
    """Hash a file's content, for a Python file without comments, blank lines and docstrings: no result depends on them.

    A file that reads docstrings keeps its own in the hash.
    """
    return _meaning(path.read_bytes()) if path.suffix == ".py" else sha256(path)


@lru_cache(maxsize=4096)
def _meaning(text: bytes) -> str:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return hashlib.sha256(text).hexdigest()
    if b"__doc__" not in text and b"getdoc" not in text:
        for node in ast.walk(tree):
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if documented and ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
