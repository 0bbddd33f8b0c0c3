"""The judge's side of one candidate process: start, one loop over its pipes with all limits, end."""

import contextlib
import fcntl
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from steer.verify.code import monitor, wire
from steer.verify.code.fork_server import Zygote, ZygoteLost
from steer.verify.code.isolate import FILE_SIZE

OUTPUT_LIMIT = 16 << 20
FRAME_COST = 64  # bytes that an empty frame takes here
# Seconds without a core that count for each second of CPU time. Beside more than fifty others on its core a program may
# be called slow; without a bound it makes itself wait, by yielding, naps of a microsecond or low priority.
MOST_WAITING = 50
FIRST_LOOK_S = 0.02  # most programs have ended by then and need no look at /proc
PARENT = os.getppid()


class Stop(Exception):
    """Ends the candidate's run. `reason` as in the verdict."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def _file_of(data: bytes) -> int:
    """Descriptor of a file in memory that holds `data`, at its beginning. It cannot grow; it can be mapped and sought.
    Every user may read it, since /dev/stdin opens it anew."""
    descriptor = os.memfd_create("stdin", os.MFD_ALLOW_SEALING)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.fchmod(descriptor, 0o444)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return descriptor


def own_wait() -> float:
    return sum(monitor.waits(os.getpid()).values())


class Session:
    """One candidate. With `stdin` its standard output is captured, otherwise only counted.

    Its wall time is the time that the judge waits for it, so that slow test code does not count.
    """

    def __init__(self, zygote: Zygote, limits: dict[str, Any], stdin: bytes | None = None) -> None:
        self.zygote, self.limits = zygote, limits
        self.group = monitor.Group(zygote.process.pid, zygote.nested)
        self.control, theirs = socket.socketpair()
        self.output, out = os.pipe()
        into = os.open(os.devnull, os.O_RDONLY) if stdin is None else _file_of(stdin)
        self.errors, err = os.pipe() if stdin is not None else (None, os.dup(out))
        for descriptor in (out, err):
            with contextlib.suppress(OSError):  # /dev/stdin and the like open them anew, as another user
                os.fchmod(descriptor, 0o666)
        message = {**limits, "file_size": FILE_SIZE}
        try:
            self.folder = zygote.start(message, [theirs.fileno(), into, out, err])["folder"]
        finally:
            theirs.close()
            for descriptor in (into, out, err):
                os.close(descriptor)
        self.started = time.monotonic()
        self.waiting, self.since, self.own_wait = 0.0, 0.0, own_wait()
        self.control.setblocking(False)
        self.inbox, self.frames, self.outbox = bytearray(), deque(), bytearray()
        self.unread = 0  # bytes of frames that were not requested yet
        self.captured: list[bytes] = []
        self.out_bytes, self.report = 0, None
        self.poll = select.poll()
        for descriptor in (self.control.fileno(), self.output, self.errors, zygote.socket.fileno()):
            if descriptor is not None:
                self.poll.register(descriptor, select.POLLIN)

    def send(self, message: Any) -> None:
        self.outbox += wire.frame(message)

    def receive(self) -> bytes | None:
        """Return the next frame, or None if the candidate's process has ended without one."""
        with self._clock():
            while not self.frames:
                if self.report is not None:
                    return None
                self._step()
        frame = self.frames.popleft()
        self.unread -= len(frame) + FRAME_COST
        return frame

    def wait(self) -> dict[str, Any]:
        """Wait for the candidate to end; return the fork server's report."""
        with self._clock():
            while self.report is None:
                self._step()
        return self.report

    @contextlib.contextmanager
    def _clock(self) -> Iterator[None]:
        self.since = time.monotonic()
        try:
            yield
        finally:
            self.waiting += time.monotonic() - self.since

    def _step(self) -> None:
        self._flush()
        for descriptor, event in self.poll.poll(self._check_limits() * 1000):
            if descriptor == self.control.fileno():
                self._read_control(event)
            elif descriptor == self.zygote.socket.fileno():
                self.report = self.zygote.receive()
                self._drain_all()
            else:
                self._read_output(descriptor)

    def _flush(self) -> None:
        if self._control_closed:
            self.outbox.clear()
            return
        while self.outbox:
            try:
                del self.outbox[: self.control.send(self.outbox[: 1 << 20])]
            except BlockingIOError:
                self.poll.modify(self.control.fileno(), select.POLLIN | select.POLLOUT)
                return
            except OSError:
                self.outbox.clear()
        self.poll.modify(self.control.fileno(), select.POLLIN)

    _control_closed = False

    def _read_control(self, event: int) -> None:
        if not event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        try:
            data = self.control.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if not self._control_closed:
                self.poll.unregister(self.control.fileno())
                self._control_closed = True
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        self.inbox += data
        if len(self.inbox) > OUTPUT_LIMIT + 4:
            raise Stop("output_limit", "returned value too large")
        while len(self.inbox) >= 4:
            (length,) = wire.HEADER.unpack_from(self.inbox)
            if length > OUTPUT_LIMIT:
                raise Stop("output_limit", "returned value too large")
            if len(self.inbox) < 4 + length:
                return
            self.frames.append(bytes(self.inbox[4 : 4 + length]))
            del self.inbox[: 4 + length]
            self.unread += length + FRAME_COST
            if self.unread > OUTPUT_LIMIT + FRAME_COST:
                raise Stop("output_limit", "more answers than questions")

    def _read_output(self, descriptor: int) -> bool:
        data = os.read(descriptor, 1 << 16)
        if not data:
            self.poll.unregister(descriptor)
            return False
        self.out_bytes += len(data)
        if self.errors is not None and descriptor == self.output:
            self.captured.append(data)
        if self.out_bytes > self.limits["output"]:
            raise Stop("output_limit", f"more than {self.limits['output']} bytes of output")
        return True

    def _drain_all(self) -> None:
        """Read what remains in the pipes after every process of the candidate has ended."""
        while not self._control_closed:
            before = len(self.inbox) + len(self.frames)
            self._read_control(select.POLLIN)
            if len(self.inbox) + len(self.frames) == before and not self._control_closed:
                break
        ready = {descriptor for descriptor, _ in self.poll.poll(0)}
        for descriptor in (self.output, self.errors):
            if descriptor in ready:
                while self._read_output(descriptor):
                    pass

    def _check_limits(self) -> float:
        """Stop at a limit; else return the seconds until the next check."""
        passed = time.monotonic() - self.started
        if passed < FIRST_LOOK_S:
            return FIRST_LOOK_S - passed
        if os.getppid() != PARENT:
            raise SystemExit  # the caller has gone; the candidate goes with its judge
        self.group.look()
        used, limits = self.group.cpu(), self.limits
        if used >= limits["cpu_s"]:
            raise Stop("cpu_timeout")
        if self.group.exceeds(limits["memory"]):
            raise Stop("memory", f"{len(self.group.members)} processes")
        wall = self.waiting + time.monotonic() - self.since
        if wall >= limits["wall_s"]:  # the time that either process was kept from a core is the machine's
            kept = min(self.group.waited(), MOST_WAITING * used)
            if wall - max(kept, own_wait() - self.own_wait) >= limits["wall_s"]:
                raise Stop("wall_timeout")
        if not self.zygote.own_tree:
            unlinked = sum(map(monitor.unlinked_size, self.group.members))
            if unlinked + monitor.folder_size(self.folder) > FILE_SIZE:
                raise Stop("output_limit", "files too large")
        return max(0.002, min(limits["cpu_s"] - used, abs(limits["wall_s"] - wall), 0.05))

    def close(self) -> tuple[float, float]:
        """End and reap the candidate with all its processes; return its CPU and wall seconds."""
        try:
            if self.report is None:
                self.zygote.socket.send(b"kill")
                self.report = self.zygote.receive()
        except OSError as error:
            raise ZygoteLost(str(error)) from None
        finally:
            self.control.close()
            for descriptor in (self.output, self.errors):
                if descriptor is not None:
                    os.close(descriptor)
        self.cpu = max(self.report["cpu"], self.group.cpu())
        return self.cpu, time.monotonic() - self.started

    def check_totals(self) -> None:
        """Check the totals after `close`, including usage between two checks."""
        if self.cpu > self.limits["cpu_s"]:
            raise Stop("cpu_timeout")
        if self.report["peak"] > self.limits["memory"]:
            raise Stop("memory", "peak")
