"""What a slot function reads of the current policy, which decides what an update must pass through the model.

A function of the slots `shaping`, `clip`, `weight` and `penalty` declares it in its attribute `reads`:

- `nothing`: no statistic of the current policy; all its inputs are known before the update.
- `advantage`: only statistics of tokens whose shaped advantage A′ is not 0. Where A′ is 0 does not depend on them, and
  the penalty is 0 there.
- `everything`: the default without the attribute.

The attribute is one of these words, or a function that returns one from the slot function's parameters.
"""

from functools import partial
from typing import Any, Literal, get_args

Reads = Literal["nothing", "advantage", "everything"]


def reads(function: Any) -> Reads:
    """Return what a slot function with bound parameters reads of the current policy."""
    bound = isinstance(function, partial)
    said = getattr(function.func if bound else function, "reads", "everything")
    if callable(said):
        said = said(**(function.keywords if bound else {}))
    if said not in get_args(Reads):
        raise ValueError(f"slot function {function}: `reads` is {said!r}; valid are {', '.join(get_args(Reads))}")
    return said


def most(functions: list[Any]) -> Reads:
    """Return what the functions together read."""
    return max(map(reads, functions), key=get_args(Reads).index)
