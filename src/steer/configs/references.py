"""References to a function in a user's Python file: `rewards.py:score`."""

import ast
from pathlib import Path

from steer.errors import UserError


def split_reference(reference: str) -> tuple[str, str]:
    """`rewards.py:score` → (`rewards.py`, `score`); raises `ValueError` for anything else."""
    file, _, name = reference.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise ValueError(f"{reference!r} names no function; write FILE.py:FUNCTION")
    return file, name


def check_reference(reference: str, key: str) -> None:
    """Raise `UserError` if the file is missing, is not Python or does not bind the name. The file is not run."""
    file, name = split_reference(reference)
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except OSError:
        place = "from the working directory or the configuration's folder"
        raise UserError(f"key `{key}`: {file}: no such file; give its path {place}") from None
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"key `{key}`: {file}{place}: not valid Python: {getattr(error, 'msg', error)}") from None
    bound = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    if name not in bound and "*" not in bound:
        there = ", ".join(n.name for n in tree.body if isinstance(n, ast.FunctionDef))
        raise UserError(f"key `{key}`: {file} has no function `{name}`{there and f'; it has {there}'}")
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if defined and not defined[-1].decorator_list and not _takes_two(defined[-1].args):
        given = f"{name}({ast.unparse(defined[-1].args)})"
        raise UserError(f"key `{key}`: {file}: `{given}` cannot be called as `{name}(problem, response)`")


def _takes_two(given: ast.arguments) -> bool:
    """Whether a function with these parameters can be called with two positional arguments."""
    positional = len(given.posonlyargs) + len(given.args)
    required = positional - len(given.defaults)
    return required <= 2 <= (2 if given.vararg else positional) and None not in given.kw_defaults
