"""Analyse test code without a program: its tree, its names, and the function it tests."""

import ast
import builtins
import math
import sys
from dataclasses import dataclass
from types import CodeType
from typing import Any

from steer.verify.code.remote import BadTest

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
# Types that tests use without their import, which the program may have.
_TYPES = {name: "collections" for name in ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple")}
_TYPES |= {"Decimal": "decimal", "Fraction": "fractions"}
_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class TestCode:
    """Test code ready to run.

    `entry_point` is the function under test: the one that is given, or the built-in name that alone is tested
    (`assert max([1, 2]) == 2`). `check` is still to be called where `call_check`. `free` are names that the code reads
    and binds nowhere: the program may lend them, but for those in `own`, modules of the judge (name in the code →
    module), functions of `math` and types such as `Counter`: a `math.isclose` or `sys.getsizeof` (MBPP 596) of the
    program's making would say that every answer is right. `lent` are those that a right program has to define.
    """

    code: CodeType
    entry_point: str | None
    call_check: bool
    free: frozenset[str]
    own: dict[str, str]
    lent: frozenset[str]


def compiled(tests: dict) -> TestCode:
    """Raises `BadTest` where the code is not Python."""
    code = tests["code"]
    for flaw, mended in MENDED.items():
        code = code.replace(flaw, mended)
    try:
        tree = ast.parse(f"{tests.get('prompt') or ''}\n{code}")
        free = _free_names(tree)
        entry_point = tests.get("entry_point") or _builtin_tested(tree, free)
        tree.body = [node for node in tree.body if not (isinstance(node, _DEFINED) and node.name == entry_point)]
        free = _free_names(tree)
        runnable = compile(tree, "<tests>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadTest(f"bad input: tests.code is not Python ({error})") from None
    has_check = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
    call_check = has_check and not _calls_check(tree) and entry_point is not None
    own = _modules(tree, free)
    if entry_point:
        own |= {name: f"math:{name}" for name in free if hasattr(math, name)}
        own |= {name: f"{_TYPES[name]}:{name}" for name in free & _TYPES.keys()}
    names = free - own.keys() - {entry_point, "candidate"}
    called = names & _called(tree)
    if call_check:  # the program is handed over, so other names are the test's own
        called = frozenset()
    elif not called and not entry_point:
        called = names
    return TestCode(runnable, entry_point, call_check, free, own, called)


def run(test: TestCode, names: dict[str, Any], candidate: Any) -> None:
    """Run the test with the globals `names`. It may leave early with exit status 0, as a script may."""
    try:
        exec(test.code, names)
        if test.call_check:
            names["check"](candidate)
    except SystemExit as end:
        if (end.code is not None and (type(end.code) is not int or end.code)) or hasattr(end, "from_candidate"):
            raise


def _calls_check(tree: ast.Module) -> bool:
    calls = (node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    return any(getattr(call.func, "id", "") == "check" for call in calls)


def _builtin_tested(tree: ast.Module, free: frozenset[str]) -> str | None:
    """Return the only built-in name whose results are tested, if the assertions use no name of a program."""
    if free:
        return None
    found = set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.Assert):
            subject = node.test.left if isinstance(node.test, ast.Compare) else node.test
            calls = [c for c in ast.walk(subject) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)]
            inner = [c for c in calls if not any(other in ast.walk(c) for other in calls if other is not c)]
            found |= {c.func.id for c in inner if hasattr(builtins, c.func.id)}
    return found.pop() if len(found) == 1 else None


def _outside_functions(node: ast.AST) -> list[ast.AST]:
    inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, _DEFINED | ast.Lambda)]
    return [*inner, *(each for child in inner for each in _outside_functions(child))]


def _called(tree: ast.Module) -> frozenset[str]:
    """Names that are called, or whose attributes are."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            while isinstance(function, ast.Attribute):
                function = function.value
            found |= {function.id} if isinstance(function, ast.Name) else set()
    return frozenset(found)


def _modules(tree: ast.Module, free: frozenset[str]) -> dict[str, str]:
    """Names of modules that the test code reads attributes of, and uses in no other way."""
    owners = [n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    others = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in owners}
    known = {name: name for name in sys.stdlib_module_names} | {"np": "numpy", "numpy": "numpy"}
    return {o.id: known[o.id] for o in owners if o.id in free and o.id in known and o.id not in others}


def _free_names(tree: ast.Module) -> frozenset[str]:
    """Return the names that the code reads and never binds, except built-in ones."""
    read, bound = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, _DEFINED):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, ast.MatchAs | ast.MatchStar) and node.name
        ):
            bound.add(node.name)
    return frozenset(name for name in read - bound if not hasattr(builtins, name))
