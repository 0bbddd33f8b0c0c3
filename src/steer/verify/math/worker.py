"""The process behind `pool.Pool`: a small supervisor that forks the workers that compare.

    python -m steer.verify.math.worker MODULE WORKERS CPU_LIMIT_S < jobs > outcomes      (one JSON object a line)

It imports MODULE once, and forks each worker from that state, so that replacing a killed one costs milliseconds.
A worker handles one job at a time. It ends itself when the job has made the garbage collector run COLLECTIONS_LIMIT
times: a count of what was allocated, which is the same on a busy machine (`work` counts other steps). As backstops,
the kernel ends it after CPU_LIMIT_S of processor time or when it needs more than MEMORY_LIMIT of address space, and the
supervisor after WALL_LIMIT_S. The job then has an outcome that says so, a fresh worker takes the place, and no other
job notices. A MODULE whose caches would change that count sets JOBS_PER_WORKER.
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
from dataclasses import dataclass, field

WALL_LIMIT_S = 30
MEMORY_LIMIT = 512 * 2**20
JOBS_PER_WORKER = 5000  # then a fresh one
COLLECTIONS_LIMIT = 30
EXHAUSTED = 75  # exit status of a worker that reached it


@dataclass
class Worker:
    pid: int
    jobs: int  # file descriptor to write jobs to
    outcomes: int  # file descriptor to read outcomes from
    job: dict | None = None
    started: float = 0.0
    served: int = 0
    buffer: bytearray = field(default_factory=bytearray)


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
    for line in os.fdopen(jobs, "rb"):
        job = json.loads(line)
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
        os.write(
            outcomes,
            json.dumps({"verdict": verdict, "reason": reason[:300], "used": used, "spent": spent}).encode() + b"\n",
        )
        if spent:
            return


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
        finally:
            os._exit(0)
    os.close(job_read)
    os.close(outcome_write)
    return Worker(pid, job_write, outcome_read)


def _bury(worker: Worker) -> int:
    os.close(worker.jobs)
    os.close(worker.outcomes)
    return os.waitpid(worker.pid, 0)[1]


def _report(job: dict, outcome: dict, seconds: float) -> None:
    line = json.dumps({"n": job["n"], "seconds": round(seconds, 6)} | outcome)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


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


def _collect(worker: Worker, module, cpu_limit_s: float, waiting: list[dict]) -> Worker:
    """Read a worker's outcome; return the worker that now has its place."""
    data = os.read(worker.outcomes, 65536)
    worker.buffer += data
    if data and not worker.buffer.endswith(b"\n"):
        return worker
    seconds = time.monotonic() - worker.started
    job, worker.job = worker.job, None
    if data:
        outcome = json.loads(worker.buffer)
        spent = outcome.pop("spent")
        _report(job, outcome, seconds)
        worker.buffer.clear()
        worker.served += 1
        if not spent and worker.served < getattr(module, "JOBS_PER_WORKER", JOBS_PER_WORKER):
            return worker
    status = _bury(worker)
    if not data and job:
        outcome = _ended(status, cpu_limit_s)
        if "load" in outcome and not job.get("again"):  # perhaps killed from outside: once more
            waiting.insert(0, job | {"again": True})
        else:
            _report(job, outcome, seconds)
    return _fork(module, cpu_limit_s)


def supervise(module, count: int, cpu_limit_s: float) -> None:
    """Serve jobs from standard input until it is closed."""
    gc.collect()
    gc.freeze()  # what was imported belongs to no job
    workers = [_fork(module, cpu_limit_s) for _ in range(count)]
    waiting: list[dict] = []
    buffer = b""
    open_input = True
    while open_input:
        busy = [w for w in workers if w.job]
        wait = min((w.started + WALL_LIMIT_S for w in busy), default=None)
        timeout = None if wait is None else max(0.0, wait - time.monotonic())
        ready = select.select([0] + [w.outcomes for w in workers], [], [], timeout)[0]
        for place, worker in enumerate(workers):
            if worker.outcomes in ready:
                workers[place] = _collect(worker, module, cpu_limit_s, waiting)
            elif worker.job and time.monotonic() - worker.started > WALL_LIMIT_S:
                os.kill(worker.pid, signal.SIGKILL)
                _bury(worker)
                outcome = {"verdict": "unverifiable", "reason": f"comparison exceeded {WALL_LIMIT_S} s", "load": True}
                _report(worker.job, outcome, time.monotonic() - worker.started)
                workers[place] = _fork(module, cpu_limit_s)
        if 0 in ready:
            data = os.read(0, 1 << 16)
            open_input = bool(data)
            *lines, buffer = (buffer + data).split(b"\n")
            waiting += [json.loads(line) for line in lines]
        for worker in workers:
            if waiting and not worker.job:
                worker.job, worker.started = waiting.pop(0), time.monotonic()
                with contextlib.suppress(BrokenPipeError):  # it just ended: its closed pipe is read next
                    os.write(worker.jobs, json.dumps(worker.job).encode() + b"\n")
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
        _bury(worker)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us; it closes our input
    supervise(importlib.import_module(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
