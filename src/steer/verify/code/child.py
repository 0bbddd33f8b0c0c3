"""What runs inside the candidate's process, after isolation: the program, and answers to the judge's calls.

Everything here is at the candidate's mercy, which is fine: it has inputs only, and what it sends is taken as the
values it claims to return. Names are bound early so that programs which patch builtins by accident still work.
"""

import _sitebuiltins
import builtins
import collections
import gc
import os
import sys
import threading
import types
from typing import Any

from steer.verify.code import wire

CONTROL = 3  # the one descriptor shared with the judge, besides the standard three


class Line:
    """Frames over the control socket."""

    def __init__(self, decode: Any) -> None:
        self.decode = decode
        self.read, self.write = os.read, os.write

    def send(self, message: Any) -> None:
        data = memoryview(wire.frame(message))
        while data:
            data = data[self.write(CONTROL, data) :]

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self.read(CONTROL, min(count - len(data), 1 << 20))
            if not part:
                os._exit(0)
            data += part
        return bytes(data)

    def receive(self) -> Any:
        (length,) = wire.HEADER.unpack(self._exactly(wire.HEADER.size))
        return self.decode(self._exactly(length))


class Objects:
    """Objects that stay here and are named by number on the judge's side, and the judge's callables here."""

    def __init__(self) -> None:
        self.kept: dict[int, Any] = {}
        self.line = Line(
            wire.decoder(arrays=True, obj=lambda pair: self.kept[pair[0]], builtin=_builtin, callback=self._callback)
        )

    def encode(self, value: Any) -> Any:
        return wire.encode(value, self._keep)

    def _keep(self, value: Any) -> Any:
        number = len(self.kept)
        self.kept[number] = value
        return {"iter" if hasattr(type(value), "__next__") else "obj": [number, type(value).__name__]}

    def _callback(self, number: int) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.line.send(["callback", number, self.encode(list(args)), self.encode(kwargs)])
            while True:
                message = self.line.receive()
                if message[0] == "ok":
                    return message[1]
                if message[0] == "error":
                    raise getattr(builtins, message[1], RuntimeError)(message[2])
                self.line.send(answer(message, self, {}))

        return call


def _builtin(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(sys.modules.get(module) or __import__(module), name)


def describe(error: BaseException) -> list:
    """`["error", kind, text]`; kind is the reason `memory`, or the exception's name."""
    memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == 12)
    try:
        text = str(error)[:300]
    except Exception:
        text = ""
    return ["error", "MemoryError" if memory else type(error).__name__, text.encode("utf-8", "replace").decode()]


def load(source: str, name: str, path: str) -> types.ModuleType:
    """Compile and run `source` as module `name`; the module."""
    module = types.ModuleType(name)
    module.__file__ = path
    module.__builtins__ = builtins
    sys.modules[name] = module
    code = compile(source.removeprefix("\ufeff"), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def find(module: types.ModuleType, entry_point: str) -> Any:
    """The callable `entry_point`: a function, `Class.method`, or a method of `Solution` (made anew for each call)."""
    names = module.__dict__
    if entry_point in names:
        return names[entry_point]
    owner, _, method = entry_point.rpartition(".")
    kind = names.get(owner or "Solution")
    if isinstance(kind, type) and hasattr(kind, method):
        return lambda *args, **kwargs: getattr(kind(), method)(*args, **kwargs)
    return None


def serve(job: dict, objects: Objects) -> None:
    """Function and assert tests: load the program, then answer the judge until it closes the line."""
    line = objects.line
    try:
        module = load(job["program"], "solution", job["path"])
    except BaseException as error:
        if isinstance(error, SyntaxError | ValueError | UnicodeError) and not _ran(error):
            line.send(["syntax_error", str(error)[:300]])
        else:
            line.send(describe(error))
        return
    entry_point = job.get("entry_point")
    target = find(module, entry_point) if entry_point else None
    if entry_point and not callable(target):
        line.send(["missing_entry_point", entry_point])
        return
    names = {**({entry_point: target} if entry_point else {})}
    line.send(["ready"])
    while True:
        message = line.receive()
        if message[0] == "cases":
            for args in message[1]:
                line.send(_case(target, args))
        else:
            line.send(answer(message, objects, names, module.__dict__))


def _ran(error: BaseException) -> bool:
    """Whether `error` comes from running the program and not from compiling it."""
    trace = error.__traceback__
    while trace is not None:
        if (
            trace.tb_frame.f_globals.get("__name__") == "solution"
            or trace.tb_frame.f_globals.get("__name__") == "__main__"
        ):
            return True
        trace = trace.tb_next
    return False


def _case(target: Any, args: list) -> list:
    try:
        value = target(*args)
    except BaseException as error:
        return describe(error)
    try:
        return ["ok", wire.encode(value)]
    except wire.NotPlain as error:
        return ["not_plain", str(error)]
    except BaseException as error:
        return describe(error)


def answer(message: list, objects: Objects, names: dict, module: dict | None = None) -> list:
    """The reply to one request of an assert test."""
    action = message[0]
    try:
        if action == "lookup":
            if message[1] not in (module or {}):
                return ["missing"]
            value = module[message[1]]
            return ["ok", objects._keep(value) if callable(value) else objects.encode(value)]
        if action == "call":
            target, args, kwargs = message[1], message[2], message[3]
            function = names[target] if isinstance(target, str) else target
            before = wire.frame(objects.encode(args)) if any(type(a) in _MUTABLE for a in args) else None
            value = function(*args, **kwargs)
            reply = ["ok", objects.encode(value)]
            # An in-place function returns None. Changes by one that returns a value stay here: tests that work out
            # the expected value from the same arguments must not be fed by the candidate.
            if value is None and before is not None and wire.frame(after := objects.encode(args)) != before:
                reply.append(after)
            return reply
        if action == "get":
            return ["ok", objects.encode(getattr(message[1], message[2]))]
        if action == "bool":
            return ["ok", bool(message[1])]
        if action == "set":
            setattr(message[1], message[2], message[3])
            return ["ok", None]
        if action == "next":
            items = []
            for item in message[1]:
                items.append(objects.encode(item))
                if len(items) == message[2]:
                    break
            return ["ok", items]
        return ["error", "RuntimeError", "unknown request"]
    except BaseException as error:
        return describe(error)


_MUTABLE = frozenset({list, dict, set, bytearray, collections.deque})


def _stream(descriptor: int, mode: str = "r", **options: Any) -> Any:
    return open(descriptor, mode, encoding="utf-8", closefd=False, **options)  # open to the end


def run_stdin(job: dict, line: Line) -> None:
    """A program with standard streams: runs as `__main__`, ends like an interpreter does, reports how it ended."""
    sys.stdin = _stream(0, errors="surrogateescape")
    sys.stdout = _stream(1, "w", errors="surrogateescape")
    sys.stderr = _stream(2, "w", errors="backslashreplace", buffering=1)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    status, report = 0, ["ended"]
    try:
        load(job["program"], "__main__", job["path"])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        report = ["ended"] if status == 0 else ["error", "SystemExit", str(error.code)[:300]]
    except BaseException as error:
        status, report = 1, describe(error)
        if isinstance(error, SyntaxError | ValueError | UnicodeError) and not _ran(error):
            report = ["syntax_error", str(error)[:300]]
    try:
        finish()
    except BaseException as error:
        if status == 0:
            status, report = 1, describe(error)
    line.send(report)
    os._exit(status & 255)


def finish() -> None:
    """What the interpreter does at its end, short of tearing itself down: threads, exit functions, open files."""
    import atexit

    threading._shutdown()
    atexit._run_exitfuncs()
    main = sys.modules.get("__main__")
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    if main is not None:
        main.__dict__.clear()
    gc.collect()
    for stream in (sys.__stdout__, sys.stdout):
        if stream is not None and not stream.closed:
            stream.flush()


def add_exit_builtins() -> None:
    """`exit` and `quit`, which an interpreter without site packages lacks."""
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))


def main(folder: str, packages: list[str]) -> None:
    """Entry after isolation; never returns."""
    objects = Objects()
    job = objects.line.receive()
    job["path"] = os.path.join(folder, "main.py")
    with open(job["path"], "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(job["program"])
    sys.argv = [job["path"]]
    sys.path.insert(0, folder)
    if packages:
        sys.path.append(os.path.dirname(packages[0]))
    if job["kind"] == "stdin":
        run_stdin(job, objects.line)
    else:
        sink = _stream(1, "w", errors="backslashreplace")
        sys.stdin = _stream(0, errors="surrogateescape")
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = sink
        serve(job, objects)
    os._exit(0)
