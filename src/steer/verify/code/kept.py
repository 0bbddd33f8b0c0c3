"""Cache of verdicts across runs: runs of an experiment have the same questions and often the same programs.

The folder has one file per set of tests with limits, with one line per judged program. Lines are appended
atomically, so that concurrent runs can share the folder; a line left unfinished by a killed process is ignored.
"""

import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from steer.io import meaning
from steer.verify.code.program import CodeVerdict


@functools.cache
def judge_version() -> str:
    """Hash what a verdict depends on besides program, tests and limits.

    This is the judge's code, the interpreter, and the packages that programs may import.
    """
    digest = hashlib.sha256(sys.version.encode())
    for package in ("numpy", "reasoning-gym", "sympy"):
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f"{package} {version(package)}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(meaning(path).encode())
    return digest.hexdigest()[:16]


class KeptVerdicts:
    """The cache folder. A key is `<hash of tests and limits>/<hash of program>`.

    `missing` names the sandbox's missing kernel layers and low limits, on which verdicts may depend: without some
    layers a program can do less (start processes, for example).
    """

    def __init__(self, folder: str | Path, missing: Iterable[str] = ()) -> None:
        self.folder = Path(folder) / "-".join((judge_version(), *sorted(missing)))

    def find(self, keys: Iterable[str]) -> dict[str, CodeVerdict]:
        """Return the cached verdicts."""
        wanted, found = _by_tests(keys), {}
        for tests, programs in wanted.items():
            try:
                lines = self._path(tests).read_text(encoding="utf-8", errors="replace").splitlines()
            except FileNotFoundError:
                continue
            for line in lines:
                try:
                    row = json.loads(line)
                    program = row.pop("program")
                    verdict = CodeVerdict(**row)
                except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
                    continue  # damaged by a failing disk: the program is judged again
                if isinstance(program, str) and program in programs and verdict.verdict in ("pass", "fail"):
                    found[f"{tests}/{program}"] = verdict
        return found

    def add(self, verdicts: dict[str, CodeVerdict]) -> None:
        """Add verdicts to the cache."""
        for tests, programs in _by_tests(verdicts).items():
            rows = ({"program": p, **asdict(verdicts[f"{tests}/{p}"])} for p in sorted(programs))
            # Start a new line even after a truncated one.
            data = "".join(f"\n{json.dumps(row)}" for row in rows).encode()
            path = self._path(tests)
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)

    def _path(self, tests: str) -> Path:
        return self.folder / tests[:2] / f"{tests}.jsonl"


def _by_tests(keys: Iterable[str]) -> dict[str, set[str]]:
    """Group hashes of programs by the hash of their tests."""
    found: dict[str, set[str]] = {}
    for key in keys:
        tests, _, program = key.partition("/")
        found.setdefault(tests, set()).add(program)
    return found
