"""Assert tests: trusted test code runs on the judge's side, with stand-ins for objects of the candidate."""

import builtins
import contextlib
import importlib
from collections.abc import Callable
from typing import Any

from steer.verify.code import alone
from steer.verify.code.remote import FUNCTION, BadTest, Link, Remote
from steer.verify.code.session import Session, Stop
from steer.verify.code.test_code import TestCode, run


class Names(dict):
    """Globals of the test code: missing names are looked up in the candidate."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        reply = self.link.exchange(["lookup", name])
        if reply[0] == "missing":
            raise KeyError(name)
        return reply[1]


def run_tests(test: TestCode, session: Session, used: Callable[[], None]) -> None:
    """Run the test code against the candidate; returns on success.

    Raises `Stop` with the reason otherwise, or `BadTest` if the test fails without any program. `used` is called when
    the program is first used.
    """
    link = Link(session, used)
    own = _own(test)
    try:
        _run(test, link, own)
    except Stop:
        raise
    except MemoryError:
        raise link.end or Stop("memory", "the answer is too large to check") from None
    except BaseException as error:  # test code gets answers of any type: any exception is a failure
        if isinstance(link.end, Stop):
            raise link.end from None
        if isinstance(error, BadTest | NameError | ImportError) or not link.calls:
            _blame(test, own, error)
        raise Stop(_reason(error), _said(error)) from None
    if link.end is not None:
        raise link.end if isinstance(link.end, Stop) else Stop("wrong_answer", str(link.end))
    if not link.calls:
        uses, error = alone.outcome(test, own)
        if not uses and error is None:
            raise BadTest("bad input: the tests end without a call of the program")
        if test.entry_point:
            raise Stop("wrong_answer", "the tests ended without a call of the program")


def _run(test: TestCode, link: Link, own: dict[str, Any]) -> None:
    names = Names(link)
    names |= {"__name__": "tests", **own}
    candidate = Remote(link, FUNCTION, test.entry_point or "")
    if test.entry_point:
        names["candidate"] = candidate
        if test.entry_point.isidentifier():
            names[test.entry_point] = candidate
    # Functions defined by the test code read globals through the dictionary itself, which skips __missing__.
    for name in sorted(test.free - set(names)):
        reply = link.exchange(["lookup", name])
        if reply[0] != "missing":
            names[name] = reply[1]
    run(test, names, candidate)


def _own(test: TestCode) -> dict[str, Any]:
    """Return modules and functions that the judge provides to the test."""
    found = {}
    for name, path in test.own.items():
        module, _, attribute = path.partition(":")
        with contextlib.suppress(ImportError):
            loaded = importlib.import_module(module)
            found[name] = getattr(loaded, attribute) if attribute else loaded
    return found


def _blame(test: TestCode, own: dict[str, Any], error: BaseException) -> None:
    """Raise `BadTest` if the test raises the same without any program."""
    _, fault = alone.outcome(test, own)
    if isinstance(fault, BadTest):
        raise fault
    if type(fault) is type(error) and _said(fault) == _said(error):
        raise BadTest(f"bad input: the test fails without the program ({_said(error)})")


def _reason(error: BaseException) -> str:
    if hasattr(error, "from_candidate"):
        return "runtime_error"
    return "missing_entry_point" if isinstance(error, NameError) else "wrong_answer"


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:  # too many digits, or an object of the program without a text
        return type(error).__name__
