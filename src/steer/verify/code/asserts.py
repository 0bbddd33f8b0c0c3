"""Assert tests: trusted test code runs here, on the judge's side, with stand-ins for what lives in the candidate."""

import ast
import builtins
import importlib
import sys
from types import CodeType
from typing import Any

from steer.verify.code.remote import BadTest, Link, Remote
from steer.verify.code.session import Session, Stop

# Flaws of published tests. HumanEval/32 of HumanEval+ hands the polynomial its root as coefficients and takes any
# negative value for zero; EvalPlus' `allclose` broadcasts, so that an empty list is close to every number. Shapes are
# those of arrays made once: `np.shape` believes a named tuple that has a field of that name.
MENDED = {
    "assert _poly(*candidate(*inp), inp) <= 0.0001": "assert abs(_poly(*inp, candidate(*inp))) <= 0.0001",
    "assert np.allclose(out, exp, rtol=1e-07, atol=atol)": (
        "assert (lambda a, b: a.shape == b.shape and np.allclose(a, b, rtol=1e-07, atol=atol))"
        "(np.asarray(out), np.asarray(exp))"
    ),
}


class Names(dict):
    """Globals of the test code: a name it lacks is looked up in the candidate."""

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


def compiled(tests: dict) -> tuple[CodeType, bool, set[str], set[str]]:
    """The code of the tests, whether `check` is still to be called, the names that the program must lend, and those
    among them that are modules: the test gets the judge's own. `math.isclose` or `sys.getsizeof` (MBPP 596) of the
    program's making would say that every answer is right."""
    try:
        tree, call_check = prepare(tests)
        return compile(tree, "<tests>", "exec"), call_check, _free_names(tree), _modules(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadTest(f"bad input: tests.code is not Python ({error})") from None


def run_tests(tests: dict, session: Session) -> None:
    """Run the test code against the candidate; returns on success, raises `Stop` with the reason otherwise."""
    link = Link(session)
    code, call_check, free, modules = compiled(tests)
    entry_point = tests.get("entry_point")
    names = Names(link)
    names["__name__"] = "tests"
    candidate = Remote(link, 0, entry_point or "")
    if entry_point:
        names["candidate"] = candidate
        if entry_point.isidentifier():
            names[entry_point] = candidate
    try:
        # Functions defined by the test code read globals through the dictionary itself, which skips __missing__.
        for name in sorted(free - set(names)):
            if not hasattr(builtins, name):
                reply = link.exchange(["lookup", name])
                if reply[0] != "missing":
                    names[name] = importlib.import_module(name) if name in modules else reply[1]
        exec(code, names)
        if call_check:
            names["check"](candidate)
    except (Stop, BadTest):
        raise
    except MemoryError:
        raise link.end or Stop("memory", "the answer is too large to check") from None
    except BaseException as error:  # test code meets answers of any type: whatever it raises is a failure
        raise link.end or Stop(_reason(error), _said(error)) from None
    if link.end is not None:
        raise link.end


def _reason(error: BaseException) -> str:
    if hasattr(error, "from_candidate"):
        return "runtime_error"
    return "missing_entry_point" if isinstance(error, NameError) else "wrong_answer"


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except Exception:  # too many digits, or an object of the program that does not tell its text
        return type(error).__name__


def _modules(tree: ast.Module) -> set[str]:
    """Modules of the standard library that the test code reads attributes of, and uses in no other way."""
    owners = [n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    others = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in owners}
    return ({owner.id for owner in owners} & sys.stdlib_module_names) - others


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
