"""A pool of killable worker processes, from the side of the grading program (see `worker` for the other side).

The supervisor is started with `subprocess`, so the pool also works in a daemonic process, in a thread, and with
torch; only JSON crosses the pipes.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

Job = tuple[str, tuple[str, ...], str | None]  # gold, candidate answers, type

START_LIMIT_S = 60.0  # imports on a busy machine
SILENCE_LIMIT_S = 60.0  # far above the worker's own limits
ATTEMPTS = 2  # per job, should the supervisor itself be killed
WINDOW = 32  # jobs in flight; the outcomes of all, at most 2,000 bytes each, fit into a pipe, so that no side blocks
SOURCE = str(Path(__file__).resolve().parents[3])


class Pool:
    """Runs `module.compare(gold, answers, type) -> (verdict, reason, which answer)` in worker processes.

    They start at the first use. A comparison may take `cpu_limit_s` of processor time.
    """

    def __init__(self, module: str, workers: int, cpu_limit_s: float):
        self.module, self.workers, self.cpu_limit_s = module, workers, cpu_limit_s
        self._process: subprocess.Popen | None = None
        self._buffer = b""
        self._lock, self._owner = threading.Lock(), os.getpid()

    def _start(self) -> subprocess.Popen:
        path = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
        self._buffer = b""
        return subprocess.Popen(
            [sys.executable, "-m", "steer.verify.math.worker", self.module, str(self.workers), str(self.cpu_limit_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"},  # the order of sets: the same work every time
            bufsize=0,
        )

    def _lines(self, limit_s: float) -> list[bytes]:
        """Return the complete lines that have arrived; none if the supervisor is silent for `limit_s` or has ended."""
        output = self._process.stdout.fileno()
        poll = select.poll()  # unlike select, it has no limit on descriptor numbers
        poll.register(output, select.POLLIN | select.POLLHUP)
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._buffer:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return []
            data = os.read(output, 1 << 16)
            if not data:
                return []
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        return lines

    def compare(self, jobs: Sequence[Job]) -> list[dict]:
        """Return an outcome `{"verdict", "reason", "used", "seconds"}` per job, in order. Thread-safe."""
        if os.getpid() != self._owner:  # forked: the pipes belong to the parent
            self._process, self._lock, self._owner = None, threading.Lock(), os.getpid()
        with self._lock:
            return self._compare(jobs)

    def _compare(self, jobs: Sequence[Job]) -> list[dict]:
        outcomes: list[dict | None] = [None] * len(jobs)
        attempts = [0] * len(jobs)
        waiting, flying = list(range(len(jobs)))[::-1], set()
        window = min(16 * self.workers, WINDOW)
        answered, silent_starts = False, 0
        while waiting or flying:
            if self._process is None:
                self._process, answered = self._start(), False
            lines = []
            while waiting and len(flying) < window:
                n = waiting.pop()
                flying.add(n)
                attempts[n] += 1
                gold, answers, kind = jobs[n]
                lines.append(json.dumps({"n": n, "gold": gold, "answers": answers, "type": kind}) + "\n")
            with contextlib.suppress(BrokenPipeError):
                self._write("".join(lines).encode())
            lines = self._lines(SILENCE_LIMIT_S if answered else START_LIMIT_S)
            answered = answered or bool(lines)
            for line in lines:
                outcome = json.loads(line)
                flying.discard(outcome["n"])
                outcomes[outcome.pop("n")] = outcome
            if lines:
                silent_starts = 0
            elif not answered:  # a defect of the installation, not of a pair
                silent_starts += 1
                if silent_starts == ATTEMPTS:
                    self.stop()
                    raise RuntimeError(f"the comparing processes of {self.module} do not start; see the error above")
            if not lines:  # the supervisor has ended: start another and give it the unfinished jobs
                self.stop()
                for n in flying:
                    if attempts[n] < ATTEMPTS:
                        waiting.append(n)
                    else:
                        reason = "the pool of comparing processes ended twice on this pair"
                        outcomes[n] = {"verdict": "unverifiable", "reason": reason, "seconds": 0.0, "load": True}
                flying.clear()
        return outcomes

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._process.stdin.write(view) :]

    def stop(self) -> None:
        """End the processes. The pool restarts at its next use."""
        process, self._process = self._process, None
        if process is None or os.getpid() != self._owner:
            return
        process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
