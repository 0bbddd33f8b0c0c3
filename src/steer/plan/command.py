"""`steer plan`: estimate jobs, GPU-hours, memory and disk of a configuration before anything runs.

Exits with status 2 and one line if the configuration cannot work on the machine it describes.
"""

import argparse
import json
import shlex
from dataclasses import asdict, fields
from typing import Any

from steer.configs.load import load_config, parse_overrides
from steer.configs.schema import Config
from steer.errors import UserError
from steer.plan import cost, cpu, cpu_rates, explain, step
from steer.plan.assumed import Assumptions
from steer.plan.checks import problems
from steer.plan.cost import GB
from steer.plan.facts import Facts, facts_of
from steer.plan.jobs import jobs
from steer.plan.passes import needs_of
from steer.plan.rates import GPUS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--configfile",
        "--config",
        dest="config",
        required=True,
        metavar="FILE",
        help="configuration file (configs/*.yaml)",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one dotted key")
    parser.add_argument("--run", metavar="NAME", help="show this run's step, and with `engine: verl` its command")
    parser.add_argument("--gpu", choices=GPUS, help="plan for GPUs of this type, whatever type `hardware` says")
    parser.add_argument("--explain", action="store_true", help="print the parts of a training step")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON, sizes in 10^9 bytes")
    for field in fields(Assumptions):
        option = "--" + field.name.replace("_", "-")
        said = f"{field.metadata['meaning']} (default {field.default})"
        parser.add_argument(option, type=type(field.default), default=field.default, metavar="N", help=said)


def run(args: argparse.Namespace) -> None:
    changes = parse_overrides(args.set)
    if args.gpu:
        gpu = GPUS[args.gpu]
        changes |= {"hardware.tflops": gpu.bf16 / 1e12, "hardware.memory_gb": gpu.memory_gb}
    config = load_config(args.config, changes)
    if args.gpu and not config.hardware.gpus:
        raise UserError(
            f"{args.config}: key `hardware.gpus` is 0, so jobs run on the CPU and --gpu {args.gpu} has no effect; add "
            "--set hardware.gpus=NUMBER"
        )
    assumed = Assumptions(**{field.name: getattr(args, field.name) for field in fields(Assumptions)})
    facts = facts_of(config)
    named = explain.run_named(config, args.config, args.run) if config.methods else None
    # Before rates are measured, which takes half a minute for a model of 7 billion parameters.
    for name in config.methods:
        needs_of(config, name)
    found = problems(config, facts, assumed)
    plan = made(config, facts, assumed, named, measure=not found)
    if config.engine == "verl" and config.methods:
        plan["verl_command"] = verl_command(config, args.config, args.run)
    print(json.dumps(plan, indent=2) if args.json else described(config, plan, args.explain))
    if found:
        raise UserError(f"{args.config}: " + " | ".join(found))


def made(
    config: Config, facts: Facts, assumed: Assumptions, run: str | None = None, measure: bool = True
) -> dict[str, Any]:
    """Compute the plan; GPU-hours and GPU memory are None for jobs on the CPU, `cpu` is None otherwise.

    `run`: the run whose training step is shown. `measure`: whether this CPU's rates may be measured.
    """
    counts = jobs(config)
    space = cost.disk(config, facts)
    plan = {
        "model": config.model.path,
        "parameters": facts.parameters,
        "jobs": counts,
        "total_jobs": sum(counts.values()),
        "gpu_hours": None,
        "memory_gb": None,
        "cpu": None,
        "disk_gb": {field.name: round(getattr(space, field.name) / GB, 3) for field in fields(space)},
        "assumed": asdict(assumed),
    }
    if config.hardware.gpus:
        plan["gpu_hours"] = {name: round(hours, 2) for name, hours in gpu_hours(config, facts, assumed).items()}
        plan["memory_gb"] = largest_memory(config, facts, assumed)
        if run is not None:
            plan["step"] = explain.step_of(config, run, facts, assumed)
    elif config.engine == "steer" and measure:
        rates = cpu.rates_of(config, facts, assumed)
        plan["cpu"] = on_this_cpu(config, facts, assumed, rates)
        if run is not None:
            plan["step"] = explain.on_cpu(run, cpu.step_of(config, run, facts, assumed, rates))
    return plan


def on_this_cpu(config: Config, facts: Facts, assumed: Assumptions, rates: cpu_rates.Rates) -> dict[str, Any]:
    """Estimate minutes by rule and the largest training job's memory, from rates measured now."""
    threads = config.threads.train
    needs = [
        cpu.memory(config, config.training_for(run), facts, assumed, needs_of(config, run).base)
        for run in config.methods
    ]
    most = max(needs, key=lambda need: need.peak, default=None)
    memory = most and {name: round(size / GB, 2) for name, size in {**asdict(most), "peak": most.peak}.items()}
    spent = {name: round(value, 2) for name, value in cpu.minutes(config, facts, assumed, rates).items()}
    return {"threads": threads, "gflops": round(rates.forward / 1e9, 1), "minutes": spent, "memory_gb": memory}


def verl_command(config: Config, source: str, run: str | None) -> list[str]:
    """Return verl's command of the first or the named run. `UserError` if verl does not support a run."""
    from steer.engines.verl.overrides import planned_command

    commands = {name: planned_command(config, source, name, config.seeds[0]) for name in config.methods}
    return commands[explain.run_named(config, source, run)]


def gpu_hours(config: Config, facts: Facts, assumed: Assumptions) -> dict[str, float]:
    """Map each rule to GPU-hours over all its jobs."""
    hours: dict[str, float] = {}
    for run in config.methods:
        training, own = config.training_for(run), step.reckoned(config, run, facts, assumed)[config.engine == "verl"]
        gpus = own.gpus if config.engine == "verl" else config.gpus_of(run)
        seconds = training.steps * own.training
        hours["train"] = hours.get("train", 0.0) + len(config.seeds) * gpus * seconds / 3600
    counts = jobs(config)
    asked = {"validate": [config.evaluation.select_by], "generate": config.data.benchmarks}
    for rule, benchmarks in asked.items():
        number = counts.get(rule, 0) - (rule == "generate" and "oracle" in config.evaluation.also)
        if number:
            evaluation = config.evaluation if rule == "generate" else config.evaluation.for_selection()
            asking = config.model_copy(update={"evaluation": evaluation})
            models = number
            if rule == "validate":  # one job for all kept models of a run
                models = sum(len(config.kept_steps(name)) for name in config.methods) * len(config.seeds)
            seconds = models * step.evaluation_seconds(asking, benchmarks, facts, assumed)
            seconds += number * step.start_seconds(config)
            hours[rule] = config.rollout.tensor_parallel * seconds / 3600
    if along := config.evaluation.frontier:
        models = cost.frontier_models(config)
        seconds = models * step.sampling_seconds(config, along.questions, along.samples, facts, assumed)
        seconds += counts["frontier"] * step.start_seconds(config)
        hours["frontier"] = config.rollout.tensor_parallel * seconds / 3600
    return hours


def largest_memory(config: Config, facts: Facts, assumed: Assumptions) -> dict[str, float] | None:
    """Return the memory of the run that needs most of a device, by part, with both peaks."""
    needs = [
        cost.memory(config, config.training_for(run), facts, assumed, needs_of(config, run).base)
        for run in config.methods
    ]
    if not needs:
        return None
    most = max(needs, key=lambda need: max(need.updates, need.rollouts))
    parts = {**asdict(most), "updates": most.updates, "rollouts": most.rollouts}
    return {name: round(size / GB, 2) for name, size in parts.items()}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def described(config: Config, plan: dict[str, Any], explained: bool = False) -> str:
    """Format the plan for people; `explained`: with the parts of a training step."""
    name, gpus = plan["model"] or "a model from scratch", config.hardware.gpus
    runs = f"{_count(len(config.runs), 'run')} x {_count(len(config.seeds), 'seed')}"
    lines = [f"{config.name}: {runs} of {name}, {size(plan['parameters'])}"]
    here, hours = plan["cpu"], plan["gpu_hours"] or {}
    times = {name: minutes for name, minutes in here["minutes"].items() if name != "run"} if here else hours
    lines += ["", f"{'rule':12s}{'jobs':>8s}{'minutes' if here else 'GPU-hours':>12s}"]
    for rule, count in plan["jobs"].items():
        lines.append(f"{rule:12s}{count:8,d}{format(times[rule], ',.1f') if rule in times else '':>12s}")
    total = format(sum(times.values()), ",.1f") if times else ""
    lines.append(f"{'total':12s}{plan['total_jobs']:8,d}{total:>12s}")
    if hours:
        wall = sum(hours.values()) / gpus
        time = f"{wall / 24:,.1f} days" if wall >= 48 else f"{wall:,.2g} hours"
        where = f"{_count(gpus, 'GPU')} of {config.hardware.tflops:g} TFLOP/s"
        lines += ["", f"at least {time} on {where}, all of them busy"]
    if "step" in plan:
        lines += [explain.in_short(plan["step"], config.engine)]
        if config.engine == "verl" and config.verl.nodes > 1:
            lines += [f"`verl.nodes` is {config.verl.nodes}: links between machines are slower than the plan counts"]
    need = plan["memory_gb"]
    if need:
        parts = ", ".join(f"{part} {need[part]:.1f}" for part in ("weights", "gradients", "optimizer", "gathered"))
        parts += f", activations {need['activations']:.1f}, head {need['head']:.1f}, other {need['overhead']:.1f}"
        parts += f", base model {need['base']:.1f}" if need["base"] else ""
        room = config.hardware.memory_gb
        lines += [f"memory of a GPU in updates: {need['updates']:.1f} GB of {room:g} ({parts})"]
        lines += [f"memory of a GPU in rollouts: {need['rollouts']:.1f} GB of {room:g} (engine {need['engine']:.1f})"]
        lines += [f"memory of the machine of a training job: {need['host']:.0f} GB while the base model is read"]
    if here:
        threads = _count(here["threads"], "thread")
        lines += ["", f"on this machine's CPU, {threads} a job, {here['gflops']:,.0f} GFLOP/s measured:"]
        if "run" in here["minutes"]:
            lines += [f"at least {here['minutes']['run']:,.1f} minutes a run on cores that do nothing else"]
            lines += [f"at most {here['memory_gb']['peak']:.1f} GB of memory for a training job"]
    space = plan["disk_gb"]
    lines.append(
        f"disk: {space['models']:,.1f} GB of models, {space['checkpoints']:,.1f} GB of checkpoints while training, "
        f"{space['download']:,.1f} GB downloaded"
    )
    if explained and "step" in plan:
        lines.append(explain.table(plan["step"]))
        lines.append("")
    lines.append("assumed: " + ", ".join(f"{name} {value:g}" for name, value in plan["assumed"].items()))
    if "verl_command" in plan:
        command = plan["verl_command"]
        lines += ["", " \\\n  ".join([shlex.join(command[:3]), *map(shlex.quote, command[3:])])]
    return "\n".join(lines)


def size(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} billion parameters" if parameters >= 1e8 else f"{parameters / 1e6:.2f} million"
