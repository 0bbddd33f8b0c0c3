"""The process behind `pool.Pool`: a small supervisor that forks the workers that compare.

    python -m steer.verify.math.worker MODULE WORKERS CPU_LIMIT_S < jobs > outcomes      (one JSON object a line)

It imports MODULE once, and forks each worker from that state, so that replacing a killed one costs milliseconds.
A worker handles one job at a time; a few more wait in its pipe, so that it does not stand still between two. Jobs and
outcomes pass through the supervisor as they are. A worker ends itself when a job has made the garbage collector run
COLLECTIONS_LIMIT times: a count of what was allocated, which is the same on a busy machine (`work` counts other steps).
As backstops, the kernel ends it after CPU_LIMIT_S of processor time or when it needs more than MEMORY_LIMIT of address
space, and the supervisor after WALL_LIMIT_S. The job then has an outcome that says so, a fresh worker takes the place,
and no other job notices. A MODULE whose caches would change that count sets JOBS_PER_WORKER.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

WALL_LIMIT_S = 30
MEMORY_LIMIT = 512 * 2**20
JOBS_PER_WORKER = 5000  # then a fresh one
COLLECTIONS_LIMIT = 30
DEPTH, PIPE = 4, 32_768  # jobs and bytes in the pipe to a worker: a pipe holds 65,536 bytes
EXHAUSTED = 75  # exit status of a worker that reached it
LATE = {"verdict": "unverifiable", "reason": f"comparison exceeded {WALL_LIMIT_S} s", "load": True}


@dataclass
class Worker:
    pid: int
    input: int  # file descriptor to write jobs to
    output: int  # file descriptor to read outcomes from
    jobs: deque[bytes] = field(default_factory=deque)  # lines, the one that is being handled first
    started: float = 0.0
    buffer: bytes = b""

    def takes(self, job: bytes) -> bool:
        """Check whether a job fits into the pipe, so that the supervisor is never kept waiting by a worker."""
        return not self.jobs or sum(map(len, self.jobs)) + len(job) <= PIPE


def _serve(module, cpu_limit_s: float, jobs: int, outcomes: int) -> None:
    """Main loop of a worker. Hostile text may raise anything in the parsers; each such failure is an outcome."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runs = 0

    def count(phase: str, _: dict) -> None:
        nonlocal runs
        runs += phase == "start"
        if runs > COLLECTIONS_LIMIT:
            os._exit(EXHAUSTED)  # an exception could be caught by what is being computed

    gc.callbacks.append(count)
    for line in islice(os.fdopen(jobs, "rb"), getattr(module, "JOBS_PER_WORKER", JOBS_PER_WORKER)):
        job, started = json.loads(line), time.monotonic()
        signal.setitimer(signal.ITIMER_PROF, cpu_limit_s)
        gc.collect(0)
        runs, used, spent = 0, 0, False
        try:
            verdict, reason, used = module.compare(job["gold"], job["answers"], job["type"])
        except MemoryError:
            verdict, reason, spent = "unverifiable", "memory limit reached while comparing", True
        except Exception as error:
            verdict, reason = "unverifiable", f"comparison failed ({type(error).__name__})"
        signal.setitimer(signal.ITIMER_PROF, 0)
        outcome = {"n": job["n"], "verdict": verdict, "reason": reason[:150], "used": used}
        os.write(outcomes, _line(outcome, started))
        if spent:
            return


def _line(outcome: dict, started: float) -> bytes:
    return json.dumps(outcome | {"seconds": round(time.monotonic() - started, 6)}).encode() + b"\n"


def _fork(module, cpu_limit_s: float) -> Worker:
    job_read, job_write = os.pipe()
    outcome_read, outcome_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            keep = {2, job_read, outcome_write}
            for descriptor in os.listdir("/proc/self/fd"):
                if int(descriptor) not in keep:
                    try:
                        os.close(int(descriptor))
                    except OSError:
                        continue  # the one that listed the folder
            _serve(module, cpu_limit_s, job_read, outcome_write)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(job_read)
    os.close(outcome_write)
    return Worker(pid, job_write, outcome_read)


def _bury(worker: Worker) -> int:
    os.close(worker.input)
    os.close(worker.output)
    return os.waitpid(worker.pid, 0)[1]


def _ended(status: int, cpu_limit_s: float) -> dict:
    """Return the outcome of a job whose worker has ended; `status` as from waitpid."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
        return {"verdict": "unverifiable", "reason": f"comparison exceeded {cpu_limit_s} s of processor time"}
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == EXHAUSTED:
        return {"verdict": "unverifiable", "reason": "too much work to compare"}
    return {
        "verdict": "unverifiable",
        "reason": "the comparing process ended twice (memory limit or crash)",
        "load": True,
    }


class Supervisor:
    """Hands jobs to workers and their outcomes on. `again`: jobs whose worker ended without a reason, perhaps killed
    from outside: they are tried once more."""

    def __init__(self, module, count: int, cpu_limit_s: float):
        self.module, self.cpu_limit_s = module, cpu_limit_s
        self.depth = min(DEPTH, getattr(module, "JOBS_PER_WORKER", JOBS_PER_WORKER))
        self.workers = [_fork(module, cpu_limit_s) for _ in range(count)]
        self.waiting: deque[bytes] = deque()
        self.again: set[bytes] = set()

    def run(self) -> None:
        """Serve jobs from standard input until it is closed."""
        buffer, open_input = b"", True
        while open_input:
            limits = [w.started + WALL_LIMIT_S for w in self.workers if w.jobs]
            timeout = max(0.0, min(limits) - time.monotonic()) if limits else None
            ready = select.select([0] + [w.output for w in self.workers], [], [], timeout)[0]
            found = b"".join(self._found(place, worker.output in ready) for place, worker in enumerate(self.workers))
            if found:
                os.write(1, found)
            if 0 in ready:
                data = os.read(0, 1 << 16)
                open_input = bool(data)
                *lines, buffer = (buffer + data).split(b"\n")
                self.waiting += lines
            self._hand_out()
        for worker in self.workers:
            os.kill(worker.pid, signal.SIGKILL)
            _bury(worker)

    def _found(self, place: int, ready: bool) -> bytes:
        """Return the outcomes of one worker. One that has ended, or is over its limit, is replaced."""
        worker = self.workers[place]
        late = not ready and bool(worker.jobs) and time.monotonic() - worker.started > WALL_LIMIT_S
        if not ready and not late:
            return b""
        if late:
            os.kill(worker.pid, signal.SIGKILL)
        said = self._read(worker)  # also of a late one: it may have finished just before it was killed
        if said and not late:
            return said
        status = _bury(worker)
        self.workers[place] = _fork(self.module, self.cpu_limit_s)
        if status and worker.jobs and not said:
            said = self._failed(worker, LATE if late else _ended(status, self.cpu_limit_s))
        self.waiting.extendleft(reversed(worker.jobs))
        return said

    def _read(self, worker: Worker) -> bytes:
        """Return the outcomes that a worker has written; none if it has ended."""
        *lines, worker.buffer = (worker.buffer + os.read(worker.output, 1 << 16)).split(b"\n")
        for _ in lines:
            self.again.discard(worker.jobs.popleft())
        worker.started = time.monotonic()
        return b"".join(line + b"\n" for line in lines)

    def _failed(self, worker: Worker, outcome: dict) -> bytes:
        """Return the outcome of the job on which a worker ended; none, the first time, if it gave no reason."""
        job = worker.jobs[0]
        if "load" in outcome and outcome is not LATE and job not in self.again:
            self.again.add(job)
            return b""
        self.again.discard(worker.jobs.popleft())
        return _line({"n": json.loads(job)["n"]} | outcome, worker.started)

    def _hand_out(self) -> None:
        for level in range(self.depth):
            for worker in self.workers:
                if self.waiting and len(worker.jobs) <= level and worker.takes(self.waiting[0]):
                    if not worker.jobs:
                        worker.started = time.monotonic()
                    worker.jobs.append(self.waiting.popleft())
                    with contextlib.suppress(BrokenPipeError):  # it just ended: its closed pipe is read next
                        os.write(worker.input, worker.jobs[-1] + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us; it closes our input
    imported = importlib.import_module(sys.argv[1])
    gc.collect()
    gc.freeze()  # what was imported belongs to no job
    Supervisor(imported, int(sys.argv[2]), float(sys.argv[3])).run()
