"""What a slot function reads of the current policy's statistics, which decides what an update must pass through the
model. A function of the slots `shaping`, `weight` and `penalty` says it by its attribute `reads`:

- `nothing`: no statistic of the current policy. What it reads is known before the update.
- `advantage`: those of tokens whose shaped advantage A′ is not 0, alone. Where A′ is 0 does not depend on them, and a
  penalty is 0 there.
- `everything`: what a function does that says nothing.

The attribute is one of these words, or a function of the slot function's parameters that gives one.
"""

from functools import partial
from typing import Any, Literal, get_args

Reads = Literal["nothing", "advantage", "everything"]


def reads(function: Any) -> Reads:
    """What a slot function, its parameters bound, reads of the current policy."""
    bound = isinstance(function, partial)
    said = getattr(function.func if bound else function, "reads", "everything")
    if callable(said):
        said = said(**(function.keywords if bound else {}))
    if said not in get_args(Reads):
        raise ValueError(f"slot function {function}: `reads` is {said!r}; valid are {', '.join(get_args(Reads))}")
    return said


def most(functions: list[Any]) -> Reads:
    """What the functions read together."""
    return max(map(reads, functions), key=get_args(Reads).index)
