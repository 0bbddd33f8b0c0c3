"""Select the statements of a program that form the answer: the requested function and what it needs.

Models test their function below it, ask for input, or continue with another problem; base models repeat the prompt.
Statements that the function does not need are removed if they could fail or replace it: assertions, calls, loops,
unused names. Definitions stay, because tests may use them.
"""

import ast
import sys

from steer.verify.code.syntax import Syntax, binds, changes, known, uses, uses_at_once

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DEFINED = _FUNCTION | ast.ClassDef
IMPORT = ast.Import | ast.ImportFrom
# Calls that configure the interpreter are always kept.
_SETTINGS = {"setrecursionlimit", "set_int_max_str_digits", "seed", "filterwarnings", "simplefilter", "stack_size"}


def root(entry_point: str | None, statements: list[ast.stmt]) -> str:
    """Return the module-level name through which `entry_point` is reached: its own, its class, or `Solution`."""
    if not entry_point:
        return ""
    entry_point = entry_point.replace("()", "")
    owner, _, name = entry_point.rpartition(".")
    if owner:
        return owner.partition(".")[0]
    if any(name in binds(node) for node in statements):
        return name
    classes = [node for node in statements if isinstance(node, ast.ClassDef) and node.name == "Solution"]
    return "Solution" if any(name in binds(inner) for node in classes for inner in node.body) else name


def whole(node: ast.stmt) -> bool:
    """Check that a definition has a body: a statement other than text, `pass`, `...` or raising NotImplementedError."""
    if not isinstance(node, DEFINED):
        return True
    if isinstance(node, ast.ClassDef):
        return any(whole(inner) if isinstance(inner, DEFINED) else not _empty(inner) for inner in node.body)
    return not all(map(_empty, node.body))


def _empty(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    if isinstance(node, ast.Raise):
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return getattr(kind, "id", "") == "NotImplementedError"
    if isinstance(node, ast.Return):
        return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is ...)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _returns(node: ast.stmt) -> bool:
    return any(isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) for each in ast.walk(node))


def defines_whole(statements: list[ast.stmt], entry_point: str) -> bool:
    name = root(entry_point, statements)
    return any(name in binds(node) and whole(node) and not _unknown(node) for node in statements)


def answer(program: str, entry_point: str | None, syntax: Syntax, first: bool = False) -> str:
    """Remove the statements of `program` that are not part of the answer.

    Of several definitions of the function the last complete one counts, as in Python; with `first` the first one, for a
    text that continues a prompt.
    """
    statements = syntax.body(program)
    name = root(entry_point, statements)
    if not any(name in binds(node) for node in statements):
        return program
    replaced = _replaced(statements, name, first)
    statements = [node for node in statements if id(node) not in replaced]
    if first:
        statements = _unspoiled(statements, name)
    modules = set().union(*(binds(node) for node in statements if isinstance(node, IMPORT)))
    reached = _reached(name, statements, modules, program.split("\n"))
    kept, bound = [], set()
    for node in statements:
        if _stays(node, reached, bound, modules):
            kept.append(node)
            bound |= binds(node)
    return _without(program, syntax.body(program), kept)


def _unspoiled(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """Leave out what a continuation binds below the function `name` to a name in use: `sum = 3`, `class Counter: …`.

    A definition may have the name of a builtin, as a helper of the function.
    """
    kept, bound = [], set()
    for node in statements:
        again = binds(node) & bound or (not isinstance(node, DEFINED) and any(map(known, binds(node))))
        if name in bound and again:
            continue
        kept.append(node)
        bound |= binds(node)
    return kept


def _reached(name: str, statements: list[ast.stmt], modules: set[str], lines: list[str]) -> set[str]:
    """Find the names that `name` needs, directly or indirectly: those its statements read and bind."""
    makers: dict[str, list[ast.stmt]] = {}
    for node in statements:
        for each in binds(node) | _changed(node, modules):
            makers.setdefault(each, []).append(node)
    reached, todo = {name}, [name]
    while todo:
        for node in makers.pop(todo.pop(), ()):
            new = (uses(_source(lines, node)) | binds(node)) - reached
            reached |= new
            todo += new
    return reached


def _changed(node: ast.stmt, modules: set[str]) -> set[str]:
    """Find what a statement other than a definition changes, except modules: `sys.stdin.read()` changes nothing."""
    return set() if isinstance(node, DEFINED | ast.Assert) else changes(node) - modules


def _replaced(statements: list[ast.stmt], name: str, first: bool) -> set[int]:
    """Find definitions of a name that a later one replaces."""
    found: dict[str, list[ast.stmt]] = {}
    for node in statements:
        if isinstance(node, DEFINED) and not node.decorator_list:
            found.setdefault(node.name, []).append(node)
    dropped = set()
    for each, nodes in found.items():
        if len(nodes) > 1 and (first or each == name):
            complete = [node for node in nodes if whole(node)] or nodes
            good = [node for node in complete if _returns(node)] or complete
            chosen = complete[0] if first and each == name else good[0] if first else good[-1]
            dropped |= {id(node) for node in nodes if node is not chosen}
    return dropped


def _stays(node: ast.stmt, reached: set[str], bound: set[str], modules: set[str]) -> bool:
    if isinstance(node, ast.Assert) or (binds(node) <= bound and _unknown(node)):
        return False
    if binds(node) & reached or _changed(node, modules) & reached:
        return True
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        return True
    if isinstance(node, IMPORT):
        return not _unknown(node)
    if isinstance(node, DEFINED):
        return all(each in bound or known(each) for each in uses_at_once(node))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Attribute) and node.value.func.attr in _SETTINGS
    return False


def _unknown(node: ast.stmt) -> bool:
    """Check whether a statement imports from outside the standard library."""
    if not isinstance(node, IMPORT):
        return False
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return not all(each.partition(".")[0] in sys.stdlib_module_names for each in names)


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])


def _source(lines: list[str], node: ast.stmt) -> str:
    """Return a statement's text; other statements may share its lines. Columns are counted in bytes."""
    first = _first_line(node)
    found = [line.encode() for line in lines[first - 1 : node.end_lineno]]
    found[-1] = found[-1][: node.end_col_offset]
    found[0] = found[0][node.col_offset if first == node.lineno else 0 :]
    return b"\n".join(found).decode()


def _without(program: str, statements: list[ast.stmt], kept: list[ast.stmt]) -> str:
    """Return the program's lines without those of removed statements."""
    if len(kept) == len(statements):
        return program
    lines = program.split("\n")
    stay = {id(node) for node in kept}
    gone = {n for node in statements if id(node) not in stay for n in range(_first_line(node), node.end_lineno + 1)}
    shared = {n for node in kept for n in range(_first_line(node), node.end_lineno + 1)} & gone
    if shared:  # several statements on a line
        return "".join(f"{_source(lines, node)}\n" for node in kept)
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in gone).rstrip() + "\n"
