"""Write docs/methods.md from the configurations: `python -m steer.methods.catalogue`.

The factors that a method depends on are found by experiment: change one factor in a batch and check whether the results
of the method's slots change. Slots equal to GRPO's are skipped.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steer.io import atomic_write
from steer.methods.load import SLOTS, load_method, method_names, method_settings, slot_functions, written
from steer.methods.method import Method
from steer.methods.tokens import Context, Tokens

OUTPUT = Path("docs/methods.md")
FACTORS = ("clip", "advantage", "token probability", "conditional entropy")
HEAD = """# Methods

This page lists every method with its paper, equation and source. A method is a choice in each of five slots,
`advantage → shaping → clip → weight → penalty`, and a reduction:

    loss = Σ m·(-λ·u + penalty) · share        share = 1/N with the reduction `token_mean`

where m is 1 on the tokens trained on, λ the weight, u the clipped surrogate, and N the number of these tokens.
[notation.md](notation.md) defines the other symbols. The page is written by `python -m steer.methods.catalogue` (`make
docs`) from `configs/methods/*.yaml` and the functions of the slots; edit those instead.

## Methods and their sources

The last column shows the values that a method's file sets; the last table of this page has the functions' defaults.
"""
FACTOR_HEAD = """
## The factors each method depends on

A method depends on the clip or the advantage if its function in that slot is not GRPO's. It depends on a factor if
changing the factor in a batch changes the result of its shaping, weight or penalty; this was tested for every method.
"""
FUNCTION_HEAD = """
## Functions of the slots
"""


def render() -> str:
    """Render the page."""
    names = ["grpo", *(name for name in method_names() if name != "grpo")]
    lines = [HEAD.rstrip(), "", "| method | configuration | paper | equation | slots |", "|---|---|---|---|---|"]
    for name in names:
        _, about = method_settings(name)
        config = f"[`{name}`](../configs/methods/{name}.yaml)"
        label, paper, equation = about.get("label", name), about.get("paper", "–"), about.get("equation", "–")
        lines.append(f"| {label} | {config} | {paper} | {equation} | {_choices(name)} |")
    lines += [FACTOR_HEAD.rstrip(), "", "| method | " + " | ".join(FACTORS) + " |", "|---" * 5 + "|"]
    for name in names:
        touched = factors(name)
        lines.append(
            " | ".join([f"| {load_method(name).label}", *("✓" if f in touched else "" for f in FACTORS)]) + " |"
        )
    lines += [FUNCTION_HEAD.rstrip(), "", "| slot | function | what it does | defaults |", "|---|---|---|---|"]
    for slot in SLOTS:
        for name, function in slot_functions(slot).items():
            what = inspect.getdoc(function).splitlines()[0].replace("|", "\\|")
            lines.append(f"| {slot} | {_link(slot, name)} | {what} | {_defaults(function)} |")
    return "\n".join(lines) + "\n"


def _choices(name: str) -> str:
    """Format the slots of the method's file and the files it extends, each function linked to its source."""
    parts = []
    for slot, choice in written(name).items():
        parameters = ", ".join(f"{key} {_shown(value)}" for key, value in choice.items() if key != "name")
        parts.append(f"{slot}: {_link(slot, choice['name'])}" + (f" ({parameters})" if parameters else ""))
    return " · ".join(parts)


def _link(slot: str, name: str) -> str:
    function = slot_functions(slot)[name]
    root = Path(__file__).parents[3]
    path = Path(inspect.getsourcefile(function)).relative_to(root).as_posix()
    return f"[`{name}`](../{path}#L{inspect.getsourcelines(function)[1]})"


def _defaults(function: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(
        f"{p.name} {'(required)' if p.default is p.empty else _shown(p.default)}"
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    )


def _shown(value: Any) -> str:
    """Format a value as in YAML, numbers with four digits."""
    return "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def factors(name: str, overrides: dict[str, Any] | None = None) -> set[str]:
    """Find the `FACTORS` that the method, with dotted overrides, depends on."""
    method, grpo = load_method(name, overrides), load_method("grpo")
    differs = {slot for slot in SLOTS if method.settings[slot] != grpo.settings[slot]}
    touched = {"clip"} & differs
    touched |= {"advantage"} if {"advantage", "shaping"} & differs else set()
    _open_gates(method)
    base = _batch(seed=0)
    for factor, changed in _changes(base):
        if any(not torch.equal(a, b) for a, b in zip(_results(method, base), _results(method, changed), strict=True)):
            touched.add(factor)
    return touched


def _results(method: Method, tokens: Tokens) -> list[Tensor]:
    """Compute the change of A by shaping, the weight, and the penalty's scale and value."""
    contexts = {slot: Context(memory=method.memory.get(slot, {})) for slot in ("shaping", "weight", "penalty")}
    penalty = method.penalty(tokens, contexts["penalty"])
    results = [
        method.shaping(tokens, contexts["shaping"]) - tokens.advantage,
        method.weight(tokens, contexts["weight"]),
    ]
    if penalty is not None:
        results += [penalty.scale, torch.where(penalty.scale == 0, 0.0, penalty.quantity(tokens))]
    return results


def _open_gates(method: Method) -> None:
    """Let stateful functions see a rising stage and then a plateau of low entropy, so that all of them act."""
    for step in range(60):
        share = min(step / 30, 1)
        entropies = dict.fromkeys(("entropy", "clamped_entropy", "peak_entropy"), 1 - 0.99 * share)
        method.after_step({**entropies, "accuracy": 0.2 + 0.4 * share})


def _batch(seed: int) -> Tokens:
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    shape = (64, 32)
    old = -normal(*shape).abs() - 0.05
    entropy = 0.1 * normal(*shape).abs()
    return Tokens(
        logprob=old + 0.2 * normal(*shape),
        old_logprob=old,
        entropy=entropy,
        old_entropy=entropy,
        advantage=3 * normal(64, 1).expand(shape),
        mask=torch.ones(shape, dtype=torch.bool),
        group=torch.arange(64) // 8,
        reduction=0.1 * normal(*shape),
        teacher_logprob=old + 0.3 * normal(*shape),
        proxy_logprob=old + 0.3,
        base_logprob=old + 0.2 * normal(*shape),
        nucleus_entropy=0.5 * entropy,
        clamped_entropy=0.9 * entropy,
        token=torch.randint(2, shape, generator=draw),
        unclipped=torch.ones(shape, dtype=torch.bool),
    )


def _changes(base: Tokens) -> Iterator[tuple[str, Tokens]]:
    """Yield the batch with one factor changed."""
    other = _batch(seed=1)
    yield "clip", base.with_(unclipped=other.logprob > -0.5)
    yield "advantage", base.with_(advantage=other.advantage)
    probabilities = ("logprob", "old_logprob", "teacher_logprob", "proxy_logprob", "base_logprob")
    yield "token probability", base.with_(**{field: getattr(other, field) for field in probabilities})
    entropies = ("entropy", "old_entropy", "reduction", "nucleus_entropy", "clamped_entropy")
    yield "conditional entropy", base.with_(**{field: 9 * getattr(other, field) for field in entropies})


if __name__ == "__main__":
    atomic_write(OUTPUT, render())
    print(OUTPUT)
