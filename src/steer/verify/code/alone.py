"""Run test code without a program: a failure is the test's own fault only if it also occurs here.

A callable object whose results equal everything replaces the program, as if each answer were the expected one. If the
test needs more than that, it has reached the program and is not at fault.
"""

from typing import Any

from steer.verify.code.remote import Link
from steer.verify.code.test_code import TestCode, run


class Reached(BaseException):
    """Raised when the test needs a real program. Not an `Exception`, so that no test catches it."""


def _reached(self: "Anything", *_: Any, **__: Any) -> Any:
    self._use()
    raise Reached


class Anything:
    """Stand-in for a program's function and its results."""

    def __init__(self, link: Link, used: list, result: bool = False) -> None:
        self.__dict__.update(_link=link, _used=used, _result=result)

    def _use(self) -> None:
        self._used.append(True)

    def __call__(self, *args: Any, **kwargs: Any) -> "Anything":
        self._use()
        for value in (*args, *kwargs.values()):
            if not isinstance(value, Anything):
                self._link.encode(value)  # raises `BadTest` if it could not be sent
        return Anything(self._link, self._used, result=True)

    def __eq__(self, other: Any) -> bool:
        self._use()
        return True

    def __ne__(self, other: Any) -> bool:
        self._use()
        return False

    def __bool__(self) -> bool:
        if self._result:
            self._use()
        return True

    __getattr__ = __setattr__ = __hash__ = __len__ = __iter__ = __str__ = __repr__ = __int__ = __index__ = _reached
    __float__ = __enter__ = __exit__ = __getitem__ = __setitem__ = __contains__ = __format__ = __round__ = _reached
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _reached
    __truediv__ = __rtruediv__ = __mod__ = __and__ = __or__ = __invert__ = __neg__ = __abs__ = __await__ = _reached


def outcome(test: TestCode, own: dict[str, Any]) -> tuple[bool, BaseException | None]:
    """Return whether the test uses the program, and its exception without one. `own`: names provided by the judge."""
    link, used = Link(None), []
    stand_in = Anything(link, used)
    names: dict[str, Any] = {"__name__": "tests", **own, **dict.fromkeys(test.lent, stand_in)}
    if test.entry_point:
        names |= {"candidate": stand_in, test.entry_point: stand_in}
    try:
        run(test, names, stand_in)
    except Reached:
        return True, None
    except BaseException as error:  # whatever test code raises
        return bool(used), error
    return bool(used), None
