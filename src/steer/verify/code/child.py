"""Code inside the candidate's process after isolation: runs the program and answers the judge's calls.

The candidate can tamper with everything here, which is safe: it has only inputs, and its messages are only taken as the
values it claims to return. Names are bound early so that programs that accidentally patch builtins still work.
"""

import _sitebuiltins
import builtins
import collections
import itertools
import operator
import os
import sys
import types
from typing import Any

from steer.verify.code import wire
from steer.verify.code.child_load import describe, load, ran, stream
from steer.verify.code.child_stdin import run_stdin

MAX_ARGUMENTS = 10_000  # bytes of an exception's arguments
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
    """Objects that stay here, numbered for the judge, and stand-ins for the judge's callables."""

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
        kind = type(value)
        tag = "iter" if hasattr(kind, "__next__") else "coroutine" if kind is types.CoroutineType else "obj"
        return {tag: [number, kind.__name__]}

    def found(self, value: Any) -> Any:
        """Return what a test gets for a name of the program."""
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": _names(value)}
        return self._keep(value) if callable(value) else self.encode(value)

    def _callback(self, number: int) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.line.send(["callback", number, self.encode(list(args)), self.encode(kwargs)])
            while True:
                message = self.line.receive()
                if message[0] == "ok":
                    return message[1]
                if message[0] == "error":
                    raise getattr(builtins, message[1], RuntimeError)(message[2])
                self.line.send(answer(message, self))

        return call


def _builtin(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(sys.modules.get(module) or __import__(module), name)


def describe_fully(error: BaseException) -> list:
    """As `describe`, with the exception's class names, and its arguments if they are plain and small."""
    brief = describe(error)
    try:
        args = wire.encode(list(error.args))
        if len(wire.frame(args)) < MAX_ARGUMENTS:
            return [*brief, _names(type(error)), args]
    except Exception:
        pass
    return [*brief, _names(type(error)), [brief[2]]]


def _names(kind: type) -> list[str]:
    return [each.__name__ for each in kind.__mro__]


def find(module: types.ModuleType, entry_point: str) -> Any:
    """Find the callable `entry_point`: a function, `Class.method`, or a method of a new `Solution` for each call."""
    names = module.__dict__
    entry_point = entry_point.replace("()", "")  # some sets write `Solution().method`
    if entry_point in names:
        return names[entry_point]
    owner, _, method = entry_point.rpartition(".")
    kind = names.get(owner or "Solution")
    if isinstance(kind, type) and hasattr(kind, method):
        return lambda *args, **kwargs: getattr(kind(), method)(*args, **kwargs)
    return None


def serve(job: dict, objects: Objects) -> None:
    """Serve function and assert tests: load the program, then answer the judge until it closes the connection."""
    line = objects.line
    try:
        module = load(job, "solution")
    except BaseException as error:
        if isinstance(error, SyntaxError | ValueError | UnicodeError) and not ran(error):
            line.send(["syntax_error", str(error)[:300]])
        else:
            line.send(describe(error))
        return
    entry_point = job.get("entry_point")
    target = find(module, entry_point) if entry_point else None
    if entry_point and not callable(target):
        line.send(["missing_entry_point", entry_point])
        return
    objects.kept[0] = target
    line.send(["ready"])
    while True:
        message = line.receive()
        if message[0] == "cases":
            for args in message[1]:
                line.send(_case(target, args))
        else:
            line.send(answer(message, objects, module.__dict__))


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


def answer(message: list, objects: Objects, module: dict | None = None) -> list:
    """Reply to one request of an assert test."""
    action = message[0]
    try:
        if action == "lookup":
            if message[1] not in (module or {}):
                return ["missing"]
            return ["ok", objects.found(module[message[1]])]
        if action == "call":
            function, args, kwargs = message[1], message[2], message[3]
            before = wire.frame(objects.encode(args)) if any(type(a) in _MUTABLE for a in args) else None
            value = function(*args, **kwargs)
            reply = ["ok", objects.encode(value)]
            # An in-place function returns None. Changes by a function that returns a value are not sent: the candidate
            # must not change arguments from which a test computes the expected value.
            if value is None and before is not None and wire.frame(after := objects.encode(args)) != before:
                reply.append(after)
            return reply
        if action == "get":
            return ["ok", objects.encode(getattr(message[1], message[2]))]
        if action == "set":
            setattr(message[1], message[2], message[3])
            return ["ok", None]
        if action == "do":
            return ["ok", objects.encode(_OPERATIONS[message[1]](message[2], *message[3]))]
        return ["error", "RuntimeError", "unknown request"]
    except BaseException as error:
        return describe_fully(error)


def _wait(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)


_OPERATIONS = {
    "bool": bool,
    "len": len,
    "iter": iter,
    "next": lambda iterator: list(itertools.islice(iterator, 1)),
    "str": str,
    "repr": repr,
    "float": float,
    "int": int,
    "index": operator.index,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "enter": lambda manager: manager.__enter__(),
    "exit": lambda manager: manager.__exit__(None, None, None),
    "wait": _wait,
}
_MUTABLE = frozenset({list, dict, set, bytearray, collections.deque})


def add_exit_builtins() -> None:
    """Add `exit` and `quit`, which an interpreter without site packages lacks."""
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
        sink = stream(1, "w", errors="backslashreplace")
        sys.stdin = stream(0, errors="surrogateescape")
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = sink
        serve(job, objects)
    os._exit(0)
