"""The parts of one training step as a table and as JSON, ours beside verl's: `steer plan --explain`."""

from dataclasses import replace
from typing import Any

from steer.configs.schema import Config
from steer.errors import UserError
from steer.plan.assumed import Assumptions
from steer.plan.facts import Facts
from steer.plan.rates import EFFICIENCIES, FIXED, gpu_of
from steer.plan.step import PHASES, Step, reckoned
from steer.plan.work import Part

SCALES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# What verl does differently, and where that is published.
DIFFERENCES = (
    "verl passes each response with its own prompt (DataProto of verl's actor; ours passes a prompt once per group)",
    "verl keeps whole logits in bf16 and computes no block again (its actor); ours computes fp32 logits in blocks",
    "verl passes every group through the update; ours leaves out what cannot change the gradient (--idle; under "
    "dynamic sampling only where its rounds do not fill the batch)",
    "verl alone has no statistics before an update (with `engine: verl` our methods add that pass), and takes no "
    "checksum of the weights",
    "verl's step has no teacher's pass and no second pass over the vocabulary, whatever the method",
)


def step_of(config: Config, run: str, facts: Facts, assumed: Assumptions) -> dict[str, Any]:
    """Return one run's step: seconds, phases and parts of our trainer and of verl, and the ratio of the two.

    `ours_over_verl_all_groups`: the ratio if groups without spread enter our update, too.
    """
    own, other = reckoned(config, run, facts, assumed)
    everything = reckoned(config, run, facts, replace(assumed, idle=0.0))[0]
    return {
        "run": run,
        "gpu": gpu_of(config.hardware).name,
        "gpus": own.gpus,
        "ours": _told(own),
        "verl": _told(other),
        "ours_over_verl": round(own.seconds / other.seconds, 3),
        "ours_over_verl_all_groups": round(everything.seconds / other.seconds, 3),
    }


def _told(step: Step) -> dict[str, Any]:
    phases = {name: round(seconds, 2) for name, seconds in step.phases().items()}
    told = {"seconds": round(step.seconds, 2), "gpus": step.gpus, "phases": phases}
    return {**told, "parts": [_part(part) for part in step.parts]}


def _part(part: Part) -> dict[str, Any]:
    rate = {"amount": float(f"{part.amount:.4g}"), "unit": part.unit, "rate": float(f"{part.rate:.4g}")}
    told = {"phase": part.phase, "what": part.what, **rate, "efficiency": round(part.share, 3)}
    return {**told, "seconds": round(part.seconds, 3)}


def on_cpu(run: str, step: Step) -> dict[str, Any]:
    """Return one run's step on this machine's CPU."""
    return {"run": run, "gpu": None, "gpus": 0, "ours": _told(step)}


def in_short(step: dict[str, Any], engine: str) -> str:
    """Summarise the step in two lines (one without a GPU)."""
    name = "verl" if engine == "verl" else "ours"
    own = step[name]
    parts = ", ".join(f"{phase} {seconds / own['seconds']:.0%}" for phase, seconds in own["phases"].items())
    if step["gpu"] is None:
        return f"a training step of {step['run']}: {own['seconds']:,.2f} s ({parts})"
    return (
        f"a training step of {step['run']} on {own['gpus']} {step['gpu']}: {own['seconds']:,.1f} s ({parts})\n"
        f"verl by the same model: {step['verl']['seconds']:,.1f} s; ours over verl {step['ours_over_verl']:.2f}, and "
        f"{step['ours_over_verl_all_groups']:.2f} with every group in the update"
    )


def table(step: dict[str, Any]) -> str:
    """Format all parts: seconds and share of the step, what was counted, the rate and the share of it that is reached;
    below, the sources of these shares."""
    lines = []
    for name in ("ours", "verl"):
        told = step.get(name)
        if told is None:
            continue
        where = f" on each of {told['gpus']} {step['gpu']}" if step["gpu"] else ", rates measured on this CPU"
        lines += ["", f"{name}, {told['seconds']:,.2f} s{where}"]
        rate = "peak rate" if step["gpu"] else "rate"
        heads = (("seconds", 9), ("share", 7), ("counted", 12), (rate, 13), ("reached", 9))
        lines += [f"{'phase and part':66s}" + "".join(f"{head:>{width}s}" for head, width in heads)]
        for phase in PHASES:
            if phase in told["phases"]:
                seconds = told["phases"][phase]
                lines.append(f"{phase:66s}{seconds:9.2f}{seconds / told['seconds']:7.1%}")
                parts = [part for part in told["parts"] if part["phase"] == phase and part["amount"]]
                lines += [_line(part, told["seconds"]) for part in parts]
    if step["gpu"] is None:
        return "\n".join(lines)
    lines += ["", "what verl does otherwise:", *(f"  {text}" for text in DIFFERENCES)]
    lines += ["", "shares of a rate and fixed times, with their sources:"]
    for what, efficiency in EFFICIENCIES.items():
        others = "".join(f", {name} {share:g}" for name, share in efficiency.by_type)
        lines.append(f"  {what} {efficiency.share:g}{others}: {efficiency.source}")
    lines += [f"  {what} {fixed.seconds:g} s: {fixed.source}" for what, fixed in FIXED.items()]
    return "\n".join(lines)


def _line(part: dict[str, Any], total: float) -> str:
    seconds, unit = part["seconds"], part["unit"]
    start = f"  {part['what']:64s}{seconds:9.2f}{seconds / total:7.1%}"
    if unit == "times":
        counted = "" if part["rate"] == 1 else f"{part['amount']:,.0f}"
        return f"{start}{counted:>12s}"
    counted, rate = scaled(part["amount"], unit), scaled(part["rate"], unit + "/s")
    return f"{start}{counted:>12s}{rate:>13s}{part['efficiency']:9.2f}"


def scaled(amount: float, unit: str) -> str:
    """Format with three digits and a prefix: 1.23 PFLOP."""
    for scale, prefix in SCALES:
        if amount >= scale:
            return f"{amount / scale:.3g} {prefix}{unit}"
    return f"{amount:.3g} {unit}"


def run_named(config: Config, source: str, run: str | None) -> str:
    """Return the named run, or the first. `UserError` if it does not exist."""
    from steer.configs.load import nearest

    if run is not None and run not in config.methods:
        raise UserError(f"{source}: no run {run!r} in `methods`{nearest(run, config.methods)}")
    return run or next(iter(config.methods))
