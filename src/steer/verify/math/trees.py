r"""Expression trees, and what occurs in them.

A tree is made of tuples whose first member names the node:
    ("num", Fraction)  ("sym", name)  ("const", "pi" | "e" | "i" | "inf")
    ("add" | "mul" | "div" | "pow", left, right)  ("neg" | "fact", node)
    ("call", function, *arguments)  ("apply", name, *arguments)  ("matrix", (row, ...))
    ("sum" | "prod", variable, first, last, body)
`apply` is an unknown function such as f(x); each distinct argument has its own value.
"""

Node = tuple


def symbols(node: Node) -> set[str]:
    """Names of the free symbols of a tree."""
    if node[0] == "sym":
        return {node[1]}
    if node[0] == "matrix":
        return {name for row in node[1] for entry in row for name in symbols(entry)}
    found = {name for part in node[1:] if isinstance(part, tuple) for name in symbols(part)}
    return found - {node[1]} if node[0] in ("sum", "prod") else found


def functions(node: Node) -> set[str]:
    """Names of the functions and operations that occur in a tree."""
    if node[0] == "matrix":
        return {name for row in node[1] for entry in row for name in functions(entry)}
    own = {node[1]} if node[0] in ("call", "const") else {node[0]}
    return own.union(*(functions(part) for part in node[1:] if isinstance(part, tuple)))


def applied(node: Node) -> set[str]:
    """Names of the unknown functions of a tree."""
    if node[0] == "matrix":
        return {name for row in node[1] for entry in row for name in applied(entry)}
    own = {node[1]} if node[0] == "apply" else set()
    return own.union(*(applied(part) for part in node[1:] if isinstance(part, tuple) and part))


def substituted(node: Node, old: Node, new: Node) -> Node:
    """The tree with one subtree in place of another."""
    if node == old:
        return new
    return tuple(substituted(part, old, new) if isinstance(part, tuple) else part for part in node)
