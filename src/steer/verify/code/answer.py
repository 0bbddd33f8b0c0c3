"""Select the statements of a program that form the answer: the requested function and what it needs.

Models test their function below it, ask for input, or continue with another problem; base models repeat the prompt.
Statements that the function does not need are removed if they could fail or replace it: assertions, calls, loops,
unused names. Definitions stay, because tests may use them. So do calls that fill or change what the function reads.
"""

import ast

from steer.verify.code.syntax import Syntax, binds, changes, known, outside_library, uses, uses_at_once

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DEFINED = _FUNCTION | ast.ClassDef
IMPORT = ast.Import | ast.ImportFrom
# Calls and attributes that configure the interpreter or a module are always kept.
_SETTINGS = {"setrecursionlimit", "set_int_max_str_digits", "seed", "filterwarnings", "simplefilter", "stack_size"}
_SETTINGS |= {"prec"}  # of `decimal.getcontext()`
_OF_PROGRAM = {"input", "open", ".stdin", ".argv", "exit", "quit", ".exit"}  # what reads its input or ends it
MOST_FUNCTIONS = 20  # that one statement may call, looked through for what they change


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
    return any(name in binds(node) and whole(node) and not outside_library(node) for node in statements)


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
    method = entry_point.removesuffix("()").rpartition(".")[2]
    changed = _changed(statements, name, method if method != name else "")
    reached = _reached(name, statements, changed, program.split("\n"))
    kept, bound = [], set()
    for node in statements:
        if _stays(node, reached, bound, changed[id(node)]):
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


def _reached(name: str, statements: list[ast.stmt], changed: dict[int, set[str]], lines: list[str]) -> set[str]:
    """Find the names that `name` needs, directly or indirectly: those its statements read and bind."""
    makers: dict[str, list[ast.stmt]] = {}
    for node in statements:
        for each in binds(node) | changed[id(node)]:
            makers.setdefault(each, []).append(node)
    reached, todo = {name}, [name]
    while todo:
        for node in makers.pop(todo.pop(), ()):
            new = (uses(_source(lines, node)) | binds(node)) - reached
            reached |= new
            todo += new
    return reached


def _changed(statements: list[ast.stmt], name: str, method: str) -> dict[int, set[str]]:
    """Find what each statement changes, by its id, except modules: `sys.stdin.read()` changes nothing.

    Definitions, assertions and what is printed change nothing, nor does a call of the `method` under test.
    """
    modules = set().union(*(binds(node) for node in statements if isinstance(node, IMPORT)))
    functions = {node.name: node for node in statements if isinstance(node, _FUNCTION)}
    tests = {name, f".{method}", *_OF_PROGRAM}
    found = {}
    for node in statements:
        still = isinstance(node, DEFINED | IMPORT | ast.Assert) or _called(node) == "print"
        found[id(node)] = set() if still else (changes(node, method) | _by_calls(node, functions, tests)) - modules
    return found


def _by_calls(node: ast.stmt, functions: dict[str, ast.stmt], tests: set[str]) -> set[str]:
    """Find what a statement may change by calls: `heapify(xs)`, or `fill()` where that function changes `xs`.

    Nothing if it, or a function that it calls, is a test: it asserts, or uses one of the names `tests`.
    """
    found, seen, todo = set(), set(), [node]
    while todo and len(seen) < MOST_FUNCTIONS:
        each = todo.pop()
        inside = list(ast.walk(each))
        names = {part.id for part in inside if isinstance(part, ast.Name)}
        attributes = {f".{part.attr}" for part in inside if isinstance(part, ast.Attribute)}
        if (names | attributes) & tests or any(isinstance(part, ast.Assert) for part in inside):
            return set()
        if each is node:
            calls = [part.value for part in inside if _called(part) not in ("", "print")]
            handed = (part for call in calls for value in [*call.args, *call.keywords] for part in ast.walk(value))
            found |= {part.id for part in handed if isinstance(part, ast.Name)}
        else:
            found |= changes(each) | {word for part in inside if isinstance(part, ast.Global) for word in part.names}
        new = functions.keys() & names - seen
        seen |= new
        todo += [functions[word] for word in new]
    return found


def _called(node: ast.AST) -> str:
    """Return the name of the function or method that a statement calls, if it is but a call."""
    function = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return getattr(function, "id", "") or getattr(function, "attr", "")


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


def _stays(node: ast.stmt, reached: set[str], bound: set[str], changed: set[str]) -> bool:
    if isinstance(node, ast.Assert) or (binds(node) <= bound and outside_library(node)):
        return False
    if (binds(node) | changed) & reached:
        return True
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        return True
    if isinstance(node, IMPORT):
        return not outside_library(node)
    if isinstance(node, DEFINED):
        return all(each in bound or known(each) for each in uses_at_once(node))
    set_here = node.targets if isinstance(node, ast.Assign) else [node.value.func] if _called(node) else []
    return any(isinstance(each, ast.Attribute) and each.attr in _SETTINGS for each in set_here)


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
