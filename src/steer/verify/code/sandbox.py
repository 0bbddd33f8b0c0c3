"""The pool: batches of programs over several judges, with repeated programs judged once."""

import hashlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from steer.verify.code import wire
from steer.verify.code.program import CodeVerdict, Program, check
from steer.verify.code.session import SOURCE

CACHE_SIZE = 20_000
START_S = 60.0
TIMEOUTS = frozenset({"cpu_timeout", "wall_timeout"})


class JudgeLost(Exception):
    """A judge process ended or stopped answering."""


class Judge:
    """A judge process; started by exec (never by forking the caller), so it is safe beside torch and threads."""

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        code = f"import sys; sys.path.append({SOURCE!r}); from steer.verify.code.worker import main; main()"
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment,
        )  # fmt: skip
        self._send(list(without))
        self.missing: dict[str, str] = self._receive(time.monotonic() + START_S)

    def judge(self, job: dict[str, Any], patience_s: float) -> dict[str, Any]:
        self._send(job)
        return self._receive(time.monotonic() + patience_s)

    def _send(self, message: Any) -> None:
        try:
            data = memoryview(wire.frame(message))
            while data:
                data = data[self.process.stdin.write(data) :]
        except OSError as error:
            raise JudgeLost(str(error)) from None

    def _receive(self, deadline: float) -> Any:
        (length,) = wire.HEADER.unpack(self._read(4, deadline))
        return json.loads(self._read(length, deadline))

    def _read(self, count: int, deadline: float) -> bytes:
        data = b""
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        while len(data) < count:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise JudgeLost("the judge did not answer in time")
            part = self.process.stdout.read(count - len(data))
            if not part:
                raise JudgeLost("the judge ended")
            data += part
        return data

    def close(self, kill: bool = False) -> None:
        self.process.stdin.close()
        if kill:
            self.process.kill()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Sandbox:
    """Judges programs in isolated processes. A context manager; `judge` may be called from several threads.

    `workers` judges run at once (default: the cores this process may use). `require` names kernel layers without
    which nothing is judged.
    """

    def __init__(self, workers: int | None = None, require: tuple[str, ...] = ()) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self.require = require
        self._free: queue.Queue[Judge] = queue.Queue()
        self._cache: OrderedDict[str, CodeVerdict] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> "Sandbox":
        for _ in range(self.workers):
            self._free.put(Judge())
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        for _ in range(self.workers):
            self._free.get().close()

    def judge(self, programs: Sequence[Program]) -> list[CodeVerdict]:
        """One verdict a program, in order. A program that is malformed gets a sandbox error of its own."""
        verdicts: dict[str, Any] = {}
        keys = []
        for program in programs:
            key, job = self._job(program)
            keys.append(key)
            if key not in verdicts:
                verdicts[key] = job if isinstance(job, CodeVerdict) else self._threads.submit(self._run, key, job)
        results = {key: value if isinstance(value, CodeVerdict) else value.result() for key, value in verdicts.items()}
        return [results[key] for key in keys]

    def _job(self, program: Program) -> tuple[str, dict | CodeVerdict]:
        """The job with the key of its cached verdict, or at once a verdict."""
        if problem := check(program):
            return f"bad {problem}", CodeVerdict("sandbox_error", f"bad input: {problem}")
        job = asdict(program)
        try:
            text = json.dumps(job, sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            return f"bad {error}", CodeVerdict("sandbox_error", f"bad input: tests are not JSON ({error})")
        key = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            known = self._cache.get(key)
        return key, known or job

    def _run(self, key: str, job: dict[str, Any]) -> CodeVerdict:
        judge = self._free.get()
        cases = len(job["tests"].get("cases", ())) if job["tests"]["kind"] == "stdin" else 1
        try:
            reply = judge.judge(job, cases * (4 * job["time_limit_s"] + 10) + 120)
        except JudgeLost as error:
            judge.close(kill=True)
            judge = Judge()
            return CodeVerdict("sandbox_error", str(error))
        finally:
            self._free.put(judge)
        verdict = CodeVerdict(**reply)
        if verdict.verdict != "sandbox_error" and verdict.reason not in TIMEOUTS:
            with self._lock:
                self._cache[key] = verdict
                while len(self._cache) > CACHE_SIZE:
                    self._cache.popitem(last=False)
        return verdict
