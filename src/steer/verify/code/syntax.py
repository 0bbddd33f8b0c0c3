"""Parse Python text within bounds: where it stops being Python, what a module defines and uses.

Text is parsed, never compiled: the compiler duplicates `finally` blocks, so that nested ones take minutes. The cost of
one response is limited in tokens, which is the same on every machine.
"""

import ast
import builtins
import re
import symtable
import sys
import warnings
from collections.abc import Iterator

MOST_TOKENS = 30_000  # of all texts parsed for one response; about 100 KiB of a program
_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_BUILTIN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class Syntax:
    """A parser with a cache that stops at its token allowance."""

    def __init__(self, tokens: int = MOST_TOKENS) -> None:
        self.left = tokens
        self.seen: dict[str, ast.Module | int] = {}

    def parse(self, text: str) -> ast.Module | int:
        """Return the tree of `text`, or the line (from 1) where it stops being Python; 1 beyond the allowance."""
        if text not in self.seen and self.left > 0:
            self.left -= sum(1 for _ in _TOKEN.finditer(text))
            self.seen[text] = _parse(text) if self.left > 0 else 1
        return self.seen.get(text, 1)

    def valid(self, text: str) -> bool:
        return isinstance(self.parse(text), ast.Module)

    def body(self, text: str) -> list[ast.stmt]:
        tree = self.parse(text)
        return tree.body if isinstance(tree, ast.Module) else []


def _parse(text: str) -> ast.Module | int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, "<response>")
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return 1
    astray = [n.lineno for n in own_scope(tree) if isinstance(n, ast.Return | ast.Yield | ast.YieldFrom | ast.Await)]
    return min(astray) if astray else tree  # these parse anywhere, but belong in a function


def own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below `node` in the same scope: functions themselves, but not their bodies."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        each = todo.pop()
        yield each
        if not isinstance(each, _FUNCTION | ast.Lambda):
            todo += ast.iter_child_nodes(each)


def binds(node: ast.stmt) -> set[str]:
    """Return names that a statement of a module binds."""
    if isinstance(node, _FUNCTION | ast.ClassDef):
        return {node.name}
    inside = [node, *own_scope(node)]
    loops = {id(name) for each in inside if isinstance(each, ast.comprehension) for name in ast.walk(each.target)}
    names = set()
    for each in inside:
        if isinstance(each, _FUNCTION | ast.ClassDef):
            names.add(each.name)
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and id(each) not in loops:
            names.add(each.id)
        elif isinstance(each, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in each.names}
    return names


def changes(node: ast.stmt, harmless: str = "") -> set[str]:
    """Names whose objects a statement may change in place: `xs[0] = 1`, `xs.append(1)`, `sys.setrecursionlimit(9)`.

    Calls of the method `harmless` do not count.
    """
    found = set()
    for each in own_scope(node):
        if isinstance(each, ast.Call | ast.Attribute | ast.Subscript):
            target = each.func if isinstance(each, ast.Call) else each
            stored = isinstance(each, ast.Call) or isinstance(each.ctx, ast.Store | ast.Del)
            if stored and isinstance(target, ast.Attribute | ast.Subscript):
                if harmless and isinstance(each, ast.Call) and getattr(target, "attr", "") == harmless:
                    continue
                while isinstance(target, ast.Attribute | ast.Subscript):
                    target = target.value
                found |= {target.id} if isinstance(target, ast.Name) else set()
    return found


def uses(text: str) -> set[str]:
    """Names that the functions of a module, or its statements, read from the module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = symtable.symtable(text, "<response>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found, todo = set(), [table]
    while todo:
        scope = todo.pop()
        todo += scope.get_children()
        top = scope is table
        found |= {s.get_name() for s in scope.get_symbols() if s.is_referenced() and (top or s.is_global())}
        found |= {s.get_name() for s in scope.get_symbols() if s.is_declared_global()}  # `count += 1` is no reference
    return found


def uses_at_once(node: ast.stmt) -> set[str]:
    """Names read when a function or class is defined: its decorators, defaults, annotations, bases and class body."""
    parts: list[ast.AST] = [*node.decorator_list]
    if isinstance(node, ast.ClassDef):
        parts += [*node.bases, *(keyword.value for keyword in node.keywords)]
        inner = [uses_at_once(n) if isinstance(n, _FUNCTION | ast.ClassDef) else _names(n) for n in node.body]
        return set().union(*inner) - set().union(*map(binds, node.body)) | set().union(*map(_names, parts))
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    parts += [*arguments.defaults, *filter(None, arguments.kw_defaults), *filter(None, [node.returns])]
    parts += [each.annotation for each in every if each and each.annotation]
    return set().union(*map(_names, parts))


def _names(node: ast.AST) -> set[str]:
    inside = [node, *own_scope(node)]
    bound = {n.id for n in inside if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - bound


def outside_library(node: ast.AST) -> bool:
    """Check whether a statement imports from outside the standard library."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return False
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return not all(each.partition(".")[0] in sys.stdlib_module_names for each in names)


def known(name: str) -> bool:
    return name in _BUILTIN


def last_function(text: str) -> str:
    """Return the name of the last function that begins at a line's start, also in unparsable text; else ""."""
    names = re.findall(r"^(?:async[ \t]+)?def[ \t]+(\w+)", text, re.M)
    return names[-1] if names else ""
