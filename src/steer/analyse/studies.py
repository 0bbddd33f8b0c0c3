"""Find the papers' smaller studies among the runs of a configuration by the settings of their methods.

For example, two runs that differ from STEER only in `weight.minimum` form a sweep over λ_min, whatever their names. A
configuration therefore does not list its tables, and no table is made for missing runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steer.configs.schema import Config
from steer.methods.load import method_names, method_settings

EXTREME = {"low": 0.9, "high": 2.0}  # clips at least this wide are the stress test
MAPPINGS = {
    "clip_higher": "none",
    "steer": "exponential",
    "steer_linear": "linear",
    "steer_binary": "binary",
    "steer_signed": "signed",
}
ALGORITHMS = {"rloo": ("RLOO", False), "rloo_steer": ("RLOO", True), "opo": ("OPO", False), "opo_steer": ("OPO", True)}


@dataclass(frozen=True)
class Member:
    """A run of a study: its values, and the run it is compared with."""

    run: str
    values: dict[str, Any] = field(default_factory=dict)
    against: str | None = None
    paper: str | None = None  # its row in the paper's table


@dataclass(frozen=True)
class Study:
    """A study. `name` is the table's file and begins with its id; `headers` are display names of the members' values.

    `members` is empty if the configuration has too few runs of this kind. `wide`: one column per benchmark.
    """

    name: str
    figure: str
    title: str
    members: Callable[["Runs", Config], list[Member]]
    headers: dict[str, str] = field(default_factory=dict)
    setting: str | None = None  # in the paper's reported values
    wide: bool = False


Runs = dict[str, tuple[str, dict[str, Any]]]


def settings_of(config: Config) -> Runs:
    """Map each run to (its method, the slots with every value), without methods whose file no longer exists."""
    known = set(method_names())
    return {
        name: (run.method or name, method_settings(run.method or name, run.set)[0])
        for name, run in config.methods.items()
        if (run.method or name) in known
    }


def _like(runs: Runs, method: str, free: str | None = None) -> dict[str, Any]:
    """Map runs whose slots equal those of `method` except for one value `free` (`clip.high`) to that value."""
    wanted = method_settings(method)[0]
    slot, _, parameter = (free or ".").partition(".")
    found = {}
    for name, (_, settings) in runs.items():
        values = {key: dict(choice) for key, choice in settings.items()}
        value = values.get(slot, {}).get(parameter)
        if value is not None:
            values[slot][parameter] = wanted[slot].get(parameter)
        if values == wanted:
            found[name] = value
    return found


def _first(found: dict[str, Any]) -> str | None:
    return next(iter(found), None)


def _extreme_clipping(runs: Runs, config: Config) -> list[Member]:
    rows = {
        "extreme_clipping": "GRPO",
        "extreme_clipping_steer": "STEER",
        "entropy_advantage": "Entropy-aware advantage",
    }
    rows |= {"entropy_regularisation": "Entropy loss", "clip_cov": "Clip-Cov"}
    wide = {
        name: (method, settings["clip"])
        for name, (method, settings) in runs.items()
        if all((settings["clip"].get(end) or 0) >= least for end, least in EXTREME.items())
    }
    plain = _first(_like(runs, "extreme_clipping"))
    members = [
        Member(
            name,
            {"clip_low": clip["low"], "clip_high": clip["high"]},
            None if name == plain else plain,
            rows.get(method),
        )
        for name, (method, clip) in wide.items()
    ]
    return members if len(members) > 1 else []


def _clip_range(runs: Runs, config: Config) -> list[Member]:
    plain, steered = (_like(runs, method, "clip.high") for method in ("clip_higher", "steer"))
    at = {value: name for name, value in plain.items()}
    members = [Member(name, {"clip_high": value, "steer": False}) for name, value in plain.items()]
    members += [Member(name, {"clip_high": value, "steer": True}, at.get(value)) for name, value in steered.items()]
    return members if len({member.values["clip_high"] for member in members}) > 1 else []


def _mapping(runs: Runs, config: Config) -> list[Member]:
    found = {method: _first(_like(runs, method)) for method in MAPPINGS}
    plain = found["clip_higher"]
    members = [
        Member(run, {"mapping": MAPPINGS[method]}, None if run == plain else plain)
        for method, run in found.items()
        if run is not None
    ]
    return members if len([member for member in members if member.run != plain]) > 1 else []


def _lambda_min(runs: Runs, config: Config) -> list[Member]:
    plain, steered = _first(_like(runs, "clip_higher")), _like(runs, "steer", "weight.minimum")
    if len(set(steered.values())) < 2:
        return []
    members = [Member(plain, {"weight_minimum": 1.0})] if plain else []
    order = sorted(steered, key=lambda name: -steered[name])
    return members + [Member(name, {"weight_minimum": steered[name]}, plain) for name in order]


def _algorithms(runs: Runs, config: Config) -> list[Member]:
    found = {method: _first(_like(runs, method)) for method in ALGORITHMS}
    members = []
    for method, (algorithm, steered) in ALGORITHMS.items():
        plain = found[method.removesuffix("_steer")]
        if found[method] and plain and found[f"{method.removesuffix('_steer')}_steer"]:
            row = algorithm + (" + STEER" if steered else "")
            values = {"algorithm": algorithm, "steer": steered}
            members.append(Member(found[method], values, plain if steered else None, row))
    return members


def _dial(runs: Runs, config: Config) -> list[Member]:
    plain = _first(_like(runs, "clip_higher"))
    signed, held = _like(runs, "steer_signed", "weight.minimum"), _like(runs, "steer_target", "weight.target")
    if len(signed) + len(held) < 2:
        return []
    members = [Member(plain, {"kind": "none", "weight_minimum": None, "target": None})] if plain else []
    for name, value in signed.items():
        members.append(Member(name, {"kind": "signed", "weight_minimum": value, "target": None}, plain))
    least = {name: settings["weight"].get("minimum") for name, (_, settings) in runs.items()}
    for name, value in held.items():
        members.append(Member(name, {"kind": "target", "weight_minimum": least[name], "target": value}, plain))
    return members


def _controls(runs: Runs, config: Config) -> list[Member]:
    if config.reward.kind == "verified" or not config.methods:
        return []
    beside = [Member("base")] if "base" in config.evaluation.also else []
    return beside + [Member(name, against="base" if beside else None) for name in config.methods]


WITH = {"steer": "STEER"}
STUDIES = (
    Study(
        "T6_extreme_clipping",
        "F8_extreme_clipping",
        "Extreme clipping",
        _extreme_clipping,
        {"clip_low": "ε_low", "clip_high": "ε_high"},
        setting="extreme clipping",
        wide=True,
    ),
    Study("T10_clip_range", "T10_clip_range", "Upper bound of the clip", _clip_range, {"clip_high": "ε_high", **WITH}),
    Study("T11_mapping", "T11_mapping", "From the estimate to the weight", _mapping, {"mapping": "mapping"}),
    Study("F18_F19_lambda_min", "F18_F19_lambda_min", "Least weight", _lambda_min, {"weight_minimum": "λ_min"}),
    Study(
        "F22_algorithms",
        "F22_algorithms",
        "RLOO and OPO with and without STEER",
        _algorithms,
        {"algorithm": "algorithm", **WITH},
        setting="other algorithms",
        wide=True,
    ),
    Study(
        "E_dial",
        "E_dial",
        "Setting the entropy",
        _dial,
        {"kind": "weights", "weight_minimum": "λ_min", "target": "target, nats"},
    ),
    Study("E_controls", "E_controls", "Control", _controls),
)


def studies(config: Config) -> list[tuple[Study, list[Member]]]:
    """List the studies that the configuration has runs for."""
    runs = settings_of(config)
    found = [(study, study.members(runs, config)) for study in STUDIES]
    return [(study, members) for study, members in found if members]
