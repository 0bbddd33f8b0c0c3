"""The judge's end of one candidate process: its start, a single loop over its pipes with all limits, its end."""

import contextlib
import os
import select
import socket
import time
from collections import deque
from typing import Any

from steer.verify.code import monitor, wire
from steer.verify.code.fork_server import Zygote, ZygoteLost
from steer.verify.code.isolate import FILE_SIZE

OUTPUT_LIMIT = 16 << 20
FRAME_COST = 64  # bytes that an empty frame takes here
FIRST_LOOK_S = 0.02  # most programs have ended by then and need no look at /proc
PARENT = os.getppid()


class Stop(Exception):
    """The candidate's run ends here. `reason` as in the verdict."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class Session:
    """One candidate. With `stdin` its standard output is captured, without it is only counted."""

    def __init__(self, zygote: Zygote, limits: dict[str, Any], stdin: bytes | None = None) -> None:
        self.zygote, self.limits = zygote, limits
        self.group = monitor.Group(zygote.process.pid, zygote.nested)
        self.control, theirs = socket.socketpair()
        self.output, out = os.pipe()
        self.stdin, self.pending_input = None, memoryview(stdin or b"")
        if stdin is None:
            into, unused = os.pipe()
            os.close(unused)
        else:
            into, self.stdin = os.pipe()
            os.set_blocking(self.stdin, False)
        self.errors, err = os.pipe() if stdin is not None else (None, os.dup(out))
        for descriptor in (into, out, err):
            with contextlib.suppress(OSError):  # /dev/stdin and the like open them anew, as another user
                os.fchmod(descriptor, 0o666)
        self.started = time.monotonic()
        message = {**limits, "file_size": FILE_SIZE}
        try:
            self.folder = zygote.start(message, [theirs.fileno(), into, out, err])["folder"]
        finally:
            theirs.close()
            for descriptor in (into, out, err):
                os.close(descriptor)
        self.control.setblocking(False)
        self.inbox, self.frames, self.outbox = bytearray(), deque(), bytearray()
        self.unread = 0  # bytes of frames that nobody has asked for yet
        self.captured: list[bytes] = []
        self.out_bytes, self.report = 0, None
        self.poll = select.poll()
        for descriptor in (self.control.fileno(), self.output, self.errors, zygote.socket.fileno()):
            if descriptor is not None:
                self.poll.register(descriptor, select.POLLIN)
        if self.stdin is not None:
            self._close_or_watch_stdin()

    def _close_or_watch_stdin(self) -> None:
        if self.pending_input:
            self.poll.register(self.stdin, select.POLLOUT)
        else:
            os.close(self.stdin)
            self.stdin = None

    def send(self, message: Any) -> None:
        self.outbox += wire.frame(message)

    def receive(self) -> bytes | None:
        """The next frame, or None when the candidate's process has ended without one."""
        while not self.frames:
            if self.report is not None:
                return None
            self._step()
        frame = self.frames.popleft()
        self.unread -= len(frame) + FRAME_COST
        return frame

    def wait(self) -> dict[str, Any]:
        """Run to the candidate's own end; the fork server's report."""
        while self.report is None:
            self._step()
        return self.report

    def _step(self) -> None:
        self._flush()
        for descriptor, event in self.poll.poll(self._check_limits() * 1000):
            if descriptor == self.control.fileno():
                self._read_control(event)
            elif descriptor == self.zygote.socket.fileno():
                self.report = self.zygote.receive()
                self._drain_all()
            elif descriptor == self.stdin:
                self._feed()
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
        """What is still in the pipes when every process of the candidate has ended."""
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

    def _feed(self) -> None:
        try:
            self.pending_input = self.pending_input[os.write(self.stdin, self.pending_input[: 1 << 16]) :]
        except BlockingIOError:
            return
        except OSError:
            self.pending_input = memoryview(b"")
        if not self.pending_input:
            self.poll.unregister(self.stdin)
            os.close(self.stdin)
            self.stdin = None

    def _check_limits(self) -> float:
        """Stop at a limit; else the seconds until it is worth looking again."""
        wall = time.monotonic() - self.started
        if wall < FIRST_LOOK_S:
            return FIRST_LOOK_S - wall
        if os.getppid() != PARENT:
            raise SystemExit  # the caller has gone; the candidate goes with its judge
        self.group.look()
        used, limits = self.group.cpu(), self.limits
        if used >= limits["cpu_s"]:
            raise Stop("cpu_timeout")
        if self.group.exceeds(limits["memory"]):
            raise Stop("memory", f"{len(self.group.members)} processes")
        # Time spent waiting for a core is the machine's, not the program's.
        if wall >= limits["wall_s"] and wall - self.group.waited() >= limits["wall_s"]:
            raise Stop("wall_timeout")
        if not self.zygote.own_tree:
            unlinked = sum(map(monitor.unlinked_size, self.group.members))
            if unlinked + monitor.folder_size(self.folder) > FILE_SIZE:
                raise Stop("output_limit", "files too large")
        return max(0.002, min(limits["cpu_s"] - used, abs(limits["wall_s"] - wall), 0.05))

    def close(self) -> tuple[float, float]:
        """End and collect the candidate with all its processes; its CPU and wall seconds."""
        try:
            if self.report is None:
                self.zygote.socket.send(b"kill")
                self.report = self.zygote.receive()
        except OSError as error:
            raise ZygoteLost(str(error)) from None
        finally:
            self.control.close()
            for descriptor in (self.output, self.errors, self.stdin):
                if descriptor is not None:
                    os.close(descriptor)
        self.cpu = max(self.report["cpu"], self.group.cpu())
        return self.cpu, time.monotonic() - self.started

    def check_totals(self) -> None:
        """After `close`: what the candidate used between two looks counts as well."""
        if self.cpu > self.limits["cpu_s"]:
            raise Stop("cpu_timeout")
        if self.report["peak"] > self.limits["memory"]:
            raise Stop("memory", "peak")
