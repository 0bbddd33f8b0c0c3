"""Stand-ins on the judge's side for objects of the candidate, and the link that transfers arguments and answers.

Objects that are not plain data stay in the candidate. Their stand-ins can be called, read, written, measured and
iterated, but never compared or added: an operation that receives the expected value could be rigged.
"""

import builtins
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from steer.verify.code import wire
from steer.verify.code.session import Session, Stop

FUNCTION = 0  # the number of the function under test
_READABLE = frozenset({"__name__", "__qualname__", "__doc__"})


class CandidateError(Exception):
    """The candidate raised an exception that is not built in."""


class NotPlainData(TypeError):
    """A test needs the value of an object that is not plain data."""


class BadTest(BaseException):
    """The test cannot be run, whatever the program. Not an `Exception`, so that no test catches it."""


def _operation(name: str) -> Callable:
    def ask(self: "Remote", *args: Any) -> Any:
        link = self._link
        return link.request(["do", name, link.encode(self), link.encode(list(args))])

    return ask


class Remote:
    """Stand-in for an object in the candidate."""

    __slots__ = ("_kind", "_link", "_number")

    def __init__(self, link: "Link", number: Any, kind: str) -> None:
        for name, value in (("_link", link), ("_number", number), ("_kind", kind)):
            object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _READABLE:
            raise AttributeError(name)
        return self._link.request(["get", self._link.encode(self), name])

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.request(["set", self._link.encode(self), name, self._link.encode(value)])

    def __bool__(self) -> bool:
        """Truth of an object, as in `assert f(x)` with a match object, computed in the candidate.

        The function under test is true without being asked: `assert f` is no call of it.
        """
        return self._number == FUNCTION or self._link.request(["do", "bool", self._link.encode(self), []]) is True

    def __float__(self) -> float:
        """Value as float, fetched once: a polynomial (HumanEval 32) must not get different numbers at each use."""
        numbers = self._link.numbers
        if self._number not in numbers:
            numbers[self._number] = self._link.request(["do", "float", self._link.encode(self), []])
        return numbers[self._number]

    def __exit__(self, *_: Any) -> None:
        self._link.request(["do", "exit", self._link.encode(self), []])

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def _no_value(self, *_: Any) -> Any:
        raise NotPlainData(f"the program returned an object of type {self._kind}, which is not plain data")

    __len__, __iter__, __str__, __repr__ = map(_operation, ("len", "iter", "str", "repr"))
    __int__, __index__, __enter__ = map(_operation, ("int", "index", "enter"))
    __getitem__, __setitem__, __delitem__ = map(_operation, ("getitem", "setitem", "delitem"))
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __hash__ = _no_value
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = __round__ = _no_value


class RemoteIterator(Remote):
    """An iterator of the candidate."""

    __slots__ = ()

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        items = self._link.request(["do", "next", self._link.encode(self), []])
        if not items:
            raise StopIteration
        return items[0]


class Link:
    """Requests to the candidate, and the judge's callables that it may call back."""

    def __init__(self, session: Session | None, used: Callable[[], None] = lambda: None) -> None:
        self.session, self.used = session, used
        self.calls = 0  # requests to the program, except for names
        self.callbacks: list[Callable] = []
        self.errors: dict[str, type[Exception]] = {}
        self.numbers: dict[Any, Any] = {}  # what objects of the candidate are worth as floats
        self.end: Stop | BadTest | None = None  # stays, whatever the test does with it
        self.decode = wire.decoder(
            arrays=True,
            obj=lambda pair: Remote(self, pair[0], str(pair[1])),
            iter=lambda pair: RemoteIterator(self, pair[0], str(pair[1])),
            coroutine=lambda pair: self._wait(Remote(self, pair[0], str(pair[1]))),
            exception=self._error_class,
        )

    def encode(self, value: Any) -> Any:
        try:
            return wire.encode(value, self._stand_in)
        except BadTest as error:
            self.end = error
            raise

    def _stand_in(self, value: Any) -> Any:
        if isinstance(value, Remote):
            return {"obj": [value._number, ""]}
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(value, type(len) | type) and _found(module, name) is value:
            return {"builtin": f"{module}:{name}"}
        if callable(value):
            self.callbacks.append(value)
            return {"callback": len(self.callbacks) - 1}
        if isinstance(value, Iterator):
            return self.encode(list(value))
        if getattr(value, "cr_code", None) is Link._wait.__code__:
            raise NotPlainData("the program returned a coroutine, and the test uses it as a value")
        raise BadTest(f"bad input: the test passes a {type(value).__name__}, which cannot leave the judge's process")

    def call(self, target: Remote, args: tuple, kwargs: dict) -> Any:
        reply = self.exchange(["call", self.encode(target), self.encode(list(args)), self.encode(kwargs)])
        if len(reply) == 3:
            for ours, theirs in zip(args, reply[2], strict=True):
                _update(ours, theirs)
        return reply[1]

    def request(self, message: list) -> Any:
        return self.exchange(message)[1]

    async def _wait(self, coroutine: Remote) -> Any:
        return self.request(["do", "wait", self.encode(coroutine), []])

    def exchange(self, message: list) -> list:
        """Return the answer to `message`. After the candidate's end, its end is the answer to everything."""
        if self.end is not None:
            raise self.end
        if message[0] != "lookup":
            self.calls += 1
        if self.calls == 1 or message[0] == "lookup":
            self.used()
        try:
            return self._exchange(message)
        except Stop as stop:
            self.end = stop
            raise

    def _exchange(self, message: list) -> list:
        self.session.send(message)
        while True:
            data = self.session.receive()
            if data is None:
                raise Stop(*ended(self.session.report["status"]))
            try:
                reply = self.decode(data)
                kind, arity = reply[0], len(reply)
            except wire.MALFORMED:
                raise Stop("runtime_error", "malformed answer") from None
            # Changed arguments come with `None` only (see `child.answer`), whatever the program writes to the line: a
            # test may work out the expected value from those very arguments.
            if kind == "ok" and (arity == 2 or (arity == 3 and reply[1] is None and isinstance(reply[2], list))):
                return reply
            if kind == "missing":
                return reply
            if kind == "callback" and arity == 4:
                self._call_back(*reply[1:])
            elif kind == "error" and arity in (3, 5):
                raise self._error(*reply[1:])
            else:
                raise Stop("runtime_error", "malformed answer")

    def _call_back(self, number: Any, args: Any, kwargs: Any) -> None:
        try:
            answer = ["ok", self.encode(self.callbacks[number](*args, **kwargs))]
        except Exception as error:  # the test's own callable may raise anything; the candidate gets to see it
            answer = ["error", type(error).__name__, str(error)]
        self.session.send(answer)

    def _error_class(self, names: list[str]) -> type[Exception]:
        """Return the program's exception class `names[0]`; the other names are its bases, nearest first."""
        known: type[Exception] = CandidateError
        for name in reversed(names):
            kind = self.errors.get(name) or _builtin_error(name)
            if kind is None and name not in ("object", "BaseException"):
                kind = self.errors[name] = type(name, (known,), {"__init__": Exception.__init__})
            known = kind or known
        return known

    def _error(self, name: Any, text: Any, names: Any = (), args: Any = ()) -> BaseException:
        """Make the exception for the test: the candidate's class if the test knows it, else the nearest built-in one.

        `StopIteration` is replaced, because it would end a loop of the test and skip the rest.
        """
        if not isinstance(name, str) or not isinstance(text, str):
            return Stop("runtime_error", "malformed answer")
        if name == "MemoryError":
            return Stop("memory", text)
        names = [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
        kinds = [kind for each in names if (kind := self.errors.get(each) or _builtin_error(each))]
        error: BaseException = CandidateError(f"{name}: {text}")
        if kinds and not {"StopIteration", "StopAsyncIteration"} & set(names):
            with contextlib.suppress(TypeError, ValueError):  # some need other arguments
                error = kinds[0](*args)
        error.from_candidate = True
        return error


def _found(module: Any, name: Any) -> Any:
    try:
        return getattr(__import__(module), name, None)
    except (ImportError, TypeError, ValueError):
        return None


def _builtin_error(name: str) -> type[Exception] | None:
    kind = getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None


def ended(status: int) -> tuple[str, str]:
    """Return reason and detail for a process that ended before it answered."""
    if status == 0:
        return "no_output", "the program ended before it returned"
    return "runtime_error", f"the program ended with signal {-status}" if status < 0 else f"exit status {status}"


# A program in a pid namespace cannot send itself that (it may provoke it, by its limit of processor time).
KILLED = ended(-9)[1]


def _update(ours: Any, theirs: Any) -> None:
    """Update a mutable argument to its contents after an in-place call."""
    if isinstance(ours, list | bytearray) and isinstance(theirs, type(ours)):
        ours[:] = theirs
    elif isinstance(ours, dict | set) and isinstance(theirs, type(ours)):
        ours.clear()
        ours.update(theirs)
    elif isinstance(ours, deque) and isinstance(theirs, deque):
        ours.clear()
        ours.extend(theirs)
