"""One judge: a trusted process with its own fork server for candidates.

Jobs arrive and verdicts leave as frames over standard input and output. Test code runs in a fork of this process, so
that it cannot disturb the next job and can be stopped if an answer makes it run forever.
"""

import contextlib
import functools
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

from steer.verify.code import asserts, compare, isolate, kernel, remote, supervise, test_code, wire
from steer.verify.code import session as session_module
from steer.verify.code.fork_server import Zygote, ZygoteLost
from steer.verify.code.program import MAX_DIGITS, REASONS
from steer.verify.code.session import MOST_WAITING, OUTPUT_LIMIT, Session, Stop

WALL_EXTRA_S = 2.0
CHUNK_BYTES = 1 << 20
JUDGE_CPU_FACTOR, JUDGE_CPU_EXTRA_S = 2, 10  # for the test code, which an answer can make run on
JUDGE_MEMORY = 2 << 30
PACKAGES = ("numpy", "reasoning_gym")  # a program that names one may import those of the sandbox
LOADED, USED = b"\t", b"\n"  # from the process of the test: the program has been loaded; it has been used


class Total:
    """CPU and wall seconds over the cases of one job."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def add(self, seconds: tuple[float, float]) -> None:
        self.cpu += seconds[0]
        self.wall += seconds[1]


def limits_of(job: dict, output: int = OUTPUT_LIMIT) -> dict[str, Any]:
    seconds = float(job["time_limit_s"])
    return {
        "cpu_s": seconds,
        "wall_s": seconds + WALL_EXTRA_S,
        "memory": int(job["memory_limit_mb"]) << 20,
        "output": output,
        "packages": any(name in job["program"] for name in PACKAGES),
    }


def _begin(job: dict, session: Session, entry_point: str | None) -> None:
    own = {key: job["tests"][key] for key in ("kind", "imports", "recursion_limit") if key in job["tests"]}
    session.send({"program": job["program"], "entry_point": entry_point, **own})


def _expect_ready(session: Session) -> None:
    message = _message(session, wire.decoder())
    if message[0] != "ready":
        _raise(message)


def _message(session: Session, decode: Any) -> list:
    data = session.receive()
    if data is None:
        raise Stop(*remote.ended(session.report["status"]))
    return _parsed(data, decode)


def _parsed(data: bytes, decode: Any) -> list:
    try:
        message = decode(data)
        if isinstance(message, list) and message and isinstance(message[0], str):
            return message
    except wire.MALFORMED:
        pass
    raise Stop("runtime_error", "malformed answer")


def _raise(message: list) -> None:
    kind, detail = message[0], message[-1] if isinstance(message[-1], str) else ""
    if kind in ("syntax_error", "missing_entry_point"):
        raise Stop(kind, detail)
    if kind == "error" and len(message) == 3 and isinstance(message[1], str):
        raise Stop("memory" if message[1] == "MemoryError" else "runtime_error", f"{message[1]}: {detail}")
    if kind == "not_plain":
        raise Stop("wrong_answer", f"the program returned {detail}, which is not plain data")
    raise Stop("runtime_error", "malformed answer")


def judge_function(job: dict, zygote: Any, total: Total) -> None:
    cases = job["tests"]["cases"]
    session = Session(zygote, limits_of(job))
    try:
        _begin(job, session, job["tests"]["entry_point"])
        _expect_ready(session)
        decode = wire.decoder()
        sent = 0
        for number, case in enumerate(cases):
            if number == sent:
                size = 0
                while sent < len(cases) and size < CHUNK_BYTES:
                    size += len(json.dumps(cases[sent]["args"]))
                    sent += 1
                session.send(["cases", [_sent(case) for case in cases[number:sent]]])
            message = _message(session, decode)
            if message[0] != "ok" or len(message) != 2:
                _raise(message)
            if not compare.same_value(case["expected"], message[1]):
                raise Stop("wrong_answer", f"case {number}")
    finally:
        total.add(session.close())
    session.check_totals()


def _sent(case: dict) -> list:
    try:
        return [wire.encode(arg) for arg in case["args"]]
    except wire.NotPlain as error:
        raise remote.BadTest(f"bad input: args {error}") from None


def judge_stdin(job: dict, zygote: Any, total: Total) -> None:
    for number, case in enumerate(job["tests"]["cases"]):
        expected = case["output"].encode("utf-8", "surrogatepass")
        stdin = case["input"].encode("utf-8", "surrogatepass")
        session = Session(zygote, limits_of(job, OUTPUT_LIMIT + 2 * len(expected)), stdin)
        try:
            _begin(job, session, None)
            report = session.wait()
            message = _parsed(session.frames[0], wire.decoder()) if session.frames else ["ended"]
            if message[0] != "ended":
                _raise(message)
            if report["status"] != 0:
                raise Stop(*remote.ended(report["status"]))
            answer = b"".join(session.captured)
            if not compare.same_text(expected, answer, job["tests"].get("comparison") == "numbers"):
                empty = not answer.strip()
                raise Stop("no_output" if empty else "wrong_answer", f"case {number}")
        finally:
            total.add(session.close())
        session.check_totals()


def judge_assert(job: dict, zygote: Any, total: Total) -> None:
    """Run test code in a fork of this process that reports over a pipe."""
    test = test_code.compiled(job["tests"])
    if "numpy" in job["tests"]["code"]:
        with contextlib.suppress(ImportError):
            import numpy  # noqa: F401  # once here instead of in every fork
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _tester(job, test, zygote, writer)
    os.close(writer)
    # For test code that waits; the session has its own limits. Includes time for a busy machine.
    limit = limits_of(job)["wall_s"] + 3 * _judge_cpu_s(job) + MOST_WAITING * job["time_limit_s"]
    data = b""
    try:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        deadline, ended = time.monotonic() + limit, False
        while not ended and time.monotonic() < deadline and os.getppid() == session_module.PARENT:
            if poll.poll(1000):
                data += (part := os.read(reader, 65536))
                ended = not part
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    loaded, used, report = LOADED in data, USED in data, data.replace(LOADED, b"").replace(USED, b"")
    if not report:  # a crash or a kill from outside is not the program's doing
        clock = not ended or status == -signal.SIGXCPU
        if clock and not loaded:
            raise ZygoteLost("wall_timeout")
        if clock and not used:
            raise ZygoteLost("bad input: the test takes too long without a call of the program")
        raise ZygoteLost("cpu_timeout" if clock else f"the test's process ended with status {status}")
    report = json.loads(report)
    total.add((report["cpu"], report["wall"]))
    if report["lost"]:
        raise ZygoteLost(report["lost"])
    if report["bad_test"]:
        raise remote.BadTest(report["bad_test"])
    if report["reason"]:
        raise Stop(report["reason"], report["detail"])


def _judge_cpu_s(job: dict) -> int:
    return int(JUDGE_CPU_FACTOR * job["time_limit_s"]) + JUDGE_CPU_EXTRA_S


def _tester(job: dict, test: test_code.TestCode, zygote: Any, writer: int) -> None:
    report = {"reason": "", "detail": "", "lost": "", "bad_test": "", "cpu": 0.0, "wall": 0.0}
    try:
        with open(os.devnull, "r+b") as null:
            for descriptor in (0, 1, 2):
                os.dup2(null.fileno(), descriptor)
        kernel.die_with_parent()
        session_module.PARENT = os.getppid()
        seconds = _judge_cpu_s(job)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # exceeding the soft limit sends another signal
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (JUDGE_MEMORY, JUDGE_MEMORY))
        try:
            session = Session(zygote, limits_of(job))
            try:
                _begin(job, session, test.entry_point)
                _expect_ready(session)
                os.write(writer, LOADED)
                asserts.run_tests(test, session, functools.partial(os.write, writer, USED))
            finally:
                report["cpu"], report["wall"] = session.close()
            session.check_totals()
        except Stop as stop:
            report["reason"], report["detail"] = stop.reason, stop.detail
        except ZygoteLost as error:
            report["lost"] = str(error)
        except remote.BadTest as error:
            report["bad_test"] = str(error)
        os.write(writer, json.dumps(report).encode())
    finally:
        os._exit(0)


JUDGES = {"function": judge_function, "stdin": judge_stdin, "assert": judge_assert}


def judge(job: dict, zygote: Any) -> dict[str, Any]:
    """Judge one job. `ZygoteLost` propagates: the fork server must be replaced."""
    total = Total()
    verdict, reason, detail = "pass", "", ""
    runs = len(job["tests"]["cases"]) if job["tests"]["kind"] == "stdin" else 1
    # An answer can take forever to read or compare: the signal ends this process, and the caller turns that into a
    # verdict.
    signal.setitimer(signal.ITIMER_PROF, runs * _judge_cpu_s(job))
    try:
        JUDGES[job["tests"]["kind"]](job, zygote, total)
    except Stop as stop:
        verdict, reason, detail = "fail", stop.reason, stop.detail
    except remote.BadTest as error:
        verdict, reason = "sandbox_error", str(error)
    except MemoryError:  # in this process, so it is the answer that is too large
        verdict, reason, detail = "fail", "memory", "the answer is too large to check"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return _verdict(verdict, reason, total.cpu, total.wall, detail[:300])


def _verdict(verdict: str, reason: str, cpu: float, wall: float, detail: str = "") -> dict[str, Any]:
    return {"verdict": verdict, "reason": reason, "cpu_seconds": cpu, "wall_seconds": wall, "detail": detail}


def _read_frame() -> Any:
    header = sys.stdin.buffer.read(wire.HEADER.size)
    length = wire.HEADER.unpack(header)[0] if len(header) == wire.HEADER.size else 0
    data = sys.stdin.buffer.read(length)
    return json.loads(data) if length and len(data) == length else None


def main() -> None:
    """Serve jobs until standard input ends. The first frame out says which layers are missing."""
    supervise.fork()
    session_module.PARENT = os.getppid()
    output = os.dup(1)
    os.dup2(2, 1)
    most = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = isolate.STACK if most == resource.RLIM_INFINITY else min(isolate.STACK, most)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, most))  # for deep recursion in candidates, which may raise it
    sys.set_int_max_str_digits(MAX_DIGITS)
    without = _read_frame()
    zygote = Zygote(without)
    _write(output, zygote.probe())
    gc.freeze()  # what is here now need not be copied when a fork collects its garbage
    while (job := _read_frame()) is not None:
        started = time.monotonic()
        try:
            reply = judge(job, zygote)
            if reply["detail"] == remote.KILLED:  # from outside, for lack of memory: try once more
                reply = judge(job, zygote)
        except ZygoteLost as error:
            zygote.close()
            zygote = Zygote(without)
            verdict = "fail" if str(error) in REASONS else "sandbox_error"
            reply = _verdict(verdict, str(error), 0.0, time.monotonic() - started)
        try:
            _write(output, reply)
        except BrokenPipeError:
            break
    zygote.close()


def _write(output: int, message: Any) -> None:
    frame = memoryview(wire.frame(message))
    while frame:
        frame = frame[os.write(output, frame) :]
