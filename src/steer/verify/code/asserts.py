"""Assert tests: trusted test code runs here, on the judge's side, with stand-ins for what lives in the candidate.

A stand-in ships arguments out and brings plain data back. Objects that are not plain data stay in the candidate and
come back as stand-ins that can be called, read and written but never compared: a test that compares one fails.
"""

import ast
import builtins
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from steer.verify.code import wire
from steer.verify.code.session import Session, Stop

# HumanEval/32 of HumanEval+ as published on the hub unpacks the answer, a float; its root is meant.
MENDED = {"_poly(*candidate(*inp), inp)": "_poly(*inp, candidate(*inp))"}


class CandidateError(Exception):
    """The candidate raised an exception that is no built-in one."""


class NotPlainData(TypeError):
    """A test asked for the value of an object that is no plain data."""


class BadTest(BaseException):
    """The test cannot be run, whatever the program. Not an `Exception`, so that no test catches it."""


class Remote:
    """Stand-in for an object in the candidate."""

    __slots__ = ("_kind", "_link", "_target")

    def __init__(self, link: "Link", target: Any, kind: str) -> None:
        for name, value in (("_link", link), ("_target", target), ("_kind", kind)):
            object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.call(self._target, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.request(["get", self._link.encode(self), name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.request(["set", self._link.encode(self), name, self._link.encode(value)])

    def __bool__(self) -> bool:
        """`assert f(x)` with a match object, say: its truth is plain data, asked for where it lives."""
        return self._link.request(["bool", self._link.encode(self)]) is True

    def _no_value(self, *_: Any) -> Any:
        raise NotPlainData(f"the program returned an object of type {self._kind}, which is not plain data")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __len__ = __iter__ = __contains__ = _no_value
    __getitem__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __hash__ = __float__ = __int__ = (
        _no_value
    )
    __index__ = __abs__ = __round__ = __str__ = __format__ = _no_value


class RemoteIterator:
    """An iterator of the candidate, fetched a few items at a time."""

    def __init__(self, link: "Link", number: int) -> None:
        self._link, self._number, self._items, self._chunk = link, number, deque(), 1

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if not self._items:
            items = self._link.request(["next", {"obj": [self._number, ""]}, self._chunk])
            if not items:
                raise StopIteration
            self._items.extend(items)
        return self._items.popleft()


class Link:
    """Requests to the candidate and the judge's callables it may call back."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.callbacks: list[Callable] = []
        self.decode = wire.decoder(
            arrays=True,
            obj=lambda pair: Remote(self, {"obj": pair}, str(pair[1])),
            iter=lambda pair: RemoteIterator(self, pair[0]),
        )

    def encode(self, value: Any) -> Any:
        return wire.encode(value, self._stand_in)

    def _stand_in(self, value: Any) -> Any:
        if type(value) is Remote:
            return value._target
        if type(value) is RemoteIterator:
            return {"obj": [value._number, ""]}
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(value, type(len) | type) and module and getattr(__import__(module), str(name), None) is value:
            return {"builtin": f"{module}:{name}"}
        if callable(value):
            self.callbacks.append(value)
            return {"callback": len(self.callbacks) - 1}
        if isinstance(value, Iterator):
            return self.encode(list(value))
        raise BadTest(f"bad input: the test passes a {type(value).__name__}, which cannot leave the judge's process")

    def call(self, target: Any, args: tuple, kwargs: dict) -> Any:
        message = ["call", target, self.encode(list(args)), self.encode(kwargs)]
        reply = self._exchange(message)
        if len(reply) == 3:
            for ours, theirs in zip(args, reply[2], strict=True):
                _update(ours, theirs)
        return reply[1]

    def request(self, message: list) -> Any:
        return self._exchange(message)[1]

    def _exchange(self, message: list) -> list:
        self.session.send(message)
        while True:
            data = self.session.receive()
            if data is None:
                raise Stop(*ended(self.session.report["status"]))
            try:
                reply = self.decode(data)
                kind, arity = reply[0], len(reply)
            except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
                raise Stop("runtime_error", "malformed answer") from None
            if kind == "ok" and arity in (2, 3):
                return reply
            if kind == "missing":
                return reply
            if kind == "callback" and arity == 4:
                self._call_back(*reply[1:])
            elif kind == "error" and arity == 3:
                raise _exception(reply[1], reply[2])
            else:
                raise Stop("runtime_error", "malformed answer")

    def _call_back(self, number: Any, args: Any, kwargs: Any) -> None:
        try:
            answer = ["ok", self.encode(self.callbacks[number](*args, **kwargs))]
        except Exception as error:  # the test's own callable may raise anything; the candidate gets to see it
            answer = ["error", type(error).__name__, str(error)]
        self.session.send(answer)


def ended(status: int) -> tuple[str, str]:
    """Reason and detail for a process that ended before it answered."""
    if status == 0:
        return "no_output", "the program ended before it returned"
    return "runtime_error", f"the program ended with signal {-status}" if status < 0 else f"exit status {status}"


def _exception(name: Any, text: Any) -> BaseException:
    if name == "MemoryError":
        return Stop("memory", str(text))
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError | AssertionError):
        error = kind(text)
    else:
        error = CandidateError(f"{name}: {text}")
    error.from_candidate = True
    return error


def _update(ours: Any, theirs: Any) -> None:
    """Give a mutable argument the contents it has after an in-place call."""
    if isinstance(ours, list | bytearray) and isinstance(theirs, type(ours)):
        ours[:] = theirs
    elif isinstance(ours, dict | set) and isinstance(theirs, type(ours)):
        ours.clear()
        ours.update(theirs)
    elif isinstance(ours, deque) and isinstance(theirs, deque):
        ours.clear()
        ours.extend(theirs)


class Names(dict):
    """Globals of the test code: a name it lacks is looked up in the candidate."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        reply = self.link._exchange(["lookup", name])
        if reply[0] == "missing":
            raise KeyError(name)
        return reply[1]


def prepare(tests: dict) -> tuple[ast.Module, bool]:
    """The test code without its own definition of the entry point, and whether `check` is still to be called."""
    entry_point = tests.get("entry_point")
    code = tests["code"]
    for flaw, mended in MENDED.items():
        code = code.replace(flaw, mended)
    tree = ast.parse(f"{tests.get('prompt') or ''}\n{code}")
    defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    tree.body = [node for node in tree.body if not (isinstance(node, defined) and node.name == entry_point)]
    has_check = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
    called = any(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "check"
        for node in tree.body
    )
    return tree, has_check and not called and entry_point is not None


def run_tests(tests: dict, session: Session) -> None:
    """Run the test code against the candidate; returns on success, raises `Stop` with the reason otherwise."""
    link = Link(session)
    tree, call_check = prepare(tests)
    entry_point = tests.get("entry_point")
    names = Names(link)
    names["__name__"] = "tests"
    candidate = Remote(link, entry_point, entry_point or "")
    if entry_point:
        names[entry_point.partition(".")[0]] = candidate
    # Functions defined by the test code read globals through the dictionary itself, which skips __missing__.
    free = _free_names(tree)
    try:
        for name in sorted(free - set(names)):
            if not hasattr(builtins, name):
                reply = link._exchange(["lookup", name])
                if reply[0] != "missing":
                    names[name] = reply[1]
        exec(compile(tree, "<tests>", "exec"), names)
        if call_check:
            names["check"](candidate)
    except Stop:
        raise
    except AssertionError as error:
        raise Stop("wrong_answer", str(error)[:300]) from None
    except MemoryError:
        raise Stop("memory", "the answer is too large to check") from None
    except NameError as error:
        raise Stop("runtime_error" if hasattr(error, "from_candidate") else "missing_entry_point", str(error)) from None
    except (Exception, SystemExit) as error:  # test code meets answers of any type: whatever it raises is a failure
        reason = "runtime_error" if hasattr(error, "from_candidate") else "wrong_answer"
        raise Stop(reason, f"{type(error).__name__}: {error}"[:300]) from None


def _free_names(tree: ast.Module) -> set[str]:
    """Names the test code reads and never binds anywhere."""
    read, bound = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return read - bound
