"""Pool of judges: distributes batches of programs and judges repeated programs once."""

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
from pathlib import Path
from typing import Any

from steer.errors import UserError
from steer.verify.code import supervise, wire
from steer.verify.code.fork_server import SOURCE
from steer.verify.code.isolate import LAYERS, low_limits
from steer.verify.code.kept import KeptVerdicts
from steer.verify.code.program import CodeVerdict, Program, check
from steer.verify.code.session import MOST_WAITING

CACHE_SIZE = 20_000
START_S = 60.0
TIMEOUTS = frozenset({"cpu_timeout", "wall_timeout"})


class JudgeLost(Exception):
    """A judge process ended or stopped answering."""


class Judge:
    """A judge process, started by exec (never by forking the caller), so it is safe with torch and threads."""

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        code = f"import sys; sys.path.insert(0, {SOURCE!r}); from steer.verify.code.worker import main; main()"
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            start_new_session=True,  # an interrupt at the keyboard is the caller's to handle
            env=environment,
        )  # fmt: skip
        self._send(list(without))

    def wait_until_ready(self) -> dict[str, str]:
        """Return the layers that this machine does not support, each with the reason."""
        return self._receive(time.monotonic() + START_S)

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

    def close(self) -> int:
        """Close its input, which ends the process and all its descendants; return its exit status (see `supervise`)."""
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        return self.process.returncode


class Sandbox:
    """Judges programs in isolated processes. A context manager; `judge` may be called from several threads.

    `workers` judges run in parallel (default: the cores this process may use). If a kernel layer in `require` (see
    `isolate.LAYERS`) is missing, it raises `UserError`. Layers in `without` are disabled, to test the others one by
    one. One line on standard error names missing layers, which are also in `missing`. `keep`: folder that caches
    verdicts.
    """

    def __init__(
        self,
        workers: int | None = None,
        require: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        keep: str | Path | None = None,
    ) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self.require, self.without = tuple(require), tuple(without)
        if unknown := sorted({*self.require, *self.without} - set(LAYERS)):
            raise UserError(f"require: no layer is called {unknown[0]}; the layers are {', '.join(LAYERS)}")
        self.missing: dict[str, str] = {}
        self._free: queue.LifoQueue[Judge] = queue.LifoQueue()
        self._cache: OrderedDict[str, CodeVerdict] = OrderedDict()
        self._keep, self._kept = keep, None
        self._lock = threading.Lock()

    def __enter__(self) -> "Sandbox":
        judges = []
        try:
            for _ in range(self.workers):
                judges.append(Judge(self.without))
            for judge in judges:
                self.missing.update(judge.wait_until_ready())
            lacking = [f"{layer} ({self.missing[layer]})" for layer in self.require if layer in self.missing]
            if lacking:
                raise UserError(f"require: this machine does not allow {', '.join(lacking)}; run elsewhere or drop it")
        except BaseException:
            for judge in judges:
                judge.close()
            raise
        if self.missing.keys() - set(self.without):
            print(f"steer: programs are judged without {', '.join(self.missing)}", file=sys.stderr)
        if low := low_limits():
            print(f"steer: programs are judged under low limits of this process, {', '.join(low)}", file=sys.stderr)
        for judge in judges:
            self._free.put(judge)
        self._kept = None if self._keep is None else KeptVerdicts(self._keep, (*self.missing, *low))
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for _ in range(self.workers):
            self._free.get().close()

    def judge(self, programs: Sequence[Program]) -> list[CodeVerdict]:
        """Return one verdict per program, in order. A malformed program gets a sandbox error.

        There is no time limit on a batch: slow programs would mask others, or the policy itself.
        """
        keys, jobs, verdicts = [], {}, {}
        for program in programs:
            key, job = self._job(program)
            keys.append(key)
            (verdicts if isinstance(job, CodeVerdict) else jobs)[key] = job
        if self._kept is not None and jobs:
            verdicts |= self._kept.find(jobs)
        pending = {key: self._threads.submit(self._attempt, job) for key, job in jobs.items() if key not in verdicts}
        found = {key: future.result() for key, future in pending.items()}
        lasting = {k: v for k, v in found.items() if v.verdict != "sandbox_error" and v.reason not in TIMEOUTS}
        if self._kept is not None and lasting:
            self._kept.add(lasting)
        verdicts |= found
        self._remember({key: verdicts[key] for key in jobs if key not in found} | lasting)
        return [verdicts[key] for key in keys]

    def _job(self, program: Program) -> tuple[str, dict | CodeVerdict]:
        """Return the job with its cache key, or a verdict if one is already known."""
        if problem := check(program):
            return f"bad {problem}", CodeVerdict("sandbox_error", f"bad input: {problem}")
        job = {name: getattr(program, name) for name in ("tests", "time_limit_s", "memory_limit_mb")}
        try:
            text = json.dumps(job, sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            return f"bad {error}", CodeVerdict("sandbox_error", f"bad input: tests are not JSON ({error})")
        parts = (text, json.dumps(program.program))
        key = "/".join(hashlib.sha256(part.encode()).hexdigest() for part in parts)
        with self._lock:
            if known := self._cache.get(key):
                self._cache.move_to_end(key)
        return key, known or {"program": program.program, **job}

    def _remember(self, verdicts: dict[str, CodeVerdict]) -> None:
        with self._lock:
            self._cache |= verdicts
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def _attempt(self, job: dict[str, Any]) -> CodeVerdict:
        judge = self._free.get()
        runs = len(job["tests"]["cases"]) if job["tests"]["kind"] == "stdin" else 1
        try:
            return CodeVerdict(**judge.judge(job, runs * (MOST_WAITING + 10) * (job["time_limit_s"] + 1) + 120))
        except JudgeLost as error:
            status = judge.close()
            judge = Judge(self.without)
            judge.wait_until_ready()
            if status == supervise.SLOW:
                return CodeVerdict("fail", "cpu_timeout", detail="the answer takes too long to check")
            return CodeVerdict("sandbox_error", str(error))
        finally:
            self._free.put(judge)
