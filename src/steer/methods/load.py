"""Load configs/methods/<name>.yaml as a `Method`. The signature of a slot function is the schema of its parameters.

A function's attribute `ordered` names pairs of parameters of which the first must be smaller.
"""

import importlib
import inspect
import pkgutil
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from steer.configs.load import nearest, read_yaml
from steer.configs.shipped import files, folders
from steer.configs.wording import wrong_value
from steer.errors import UserError
from steer.methods import advantage, clip, penalty, reduction, shaping, weight
from steer.methods.method import Method

SLOTS = {
    "advantage": advantage,
    "shaping": shaping,
    "clip": clip,
    "weight": weight,
    "penalty": penalty,
    "reduction": reduction,
}
DEFAULTS = {
    "advantage": "grpo",
    "shaping": "none",
    "clip": "ppo",
    "weight": "none",
    "penalty": "none",
    "reduction": "token_mean",
}
ABOUT = {"label", "paper", "equation", "description", "checked", "extends"}


def method_names() -> list[str]:
    """The methods of configs/methods in the working directory and of those that come with this package."""
    return list(files("methods"))


def load_method(name: str, overrides: dict[str, Any] | None = None) -> Method:
    """Load the method of configs/methods/<name>.yaml, with dotted overrides such as `{"weight.minimum": 0.5}`.

    Raises `UserError` for a method, slot function or parameter that does not exist, or a value out of range; the
    message names the method, the slot and the value.
    """
    name = name.replace("-", "_")
    settings, about = method_settings(name, overrides)
    bound = {slot: _bind(slot, dict(settings[slot])) for slot in SLOTS}
    return Method(name=name, label=about.get("label", name), settings=settings, **bound)


def method_settings(name: str, overrides: dict[str, Any] | None = None) -> tuple[dict, dict]:
    """Return (slot → {name, parameters} with every default, label and other texts of the file)."""
    tree = _read(name)
    about = {key: tree.pop(key) for key in list(tree) if key in ABOUT}
    # Choose functions before setting parameters, whatever the order of the overrides.
    for dotted, value in sorted((overrides or {}).items(), key=lambda item: "." in item[0].removesuffix(".name")):
        slot, _, parameter = dotted.partition(".")
        if slot not in SLOTS:
            raise UserError(f"method {name}: unknown slot `{slot}` in `{dotted}`{nearest(slot, SLOTS)}")
        tree[slot] = _over(tree[slot], value if not parameter else {parameter: value})
    return {slot: _validated(name, slot, dict(tree[slot])) for slot in SLOTS}, about


def _read(name: str, below: tuple[str, ...] = ()) -> dict[str, Any]:
    """Merge the file's slots over those of the file it extends or the defaults; return them and its texts."""
    known = files("methods")
    if name not in known:
        missing = folders("methods")[0] / f"{name}.yaml"
        raise UserError(f"method {name!r} does not exist: no {missing}{nearest(name, known)}")
    path = known[name]
    if name in below:
        raise UserError(f"{path}: `extends` goes in a circle: {' → '.join((*below, name))}")
    tree = read_yaml(path)
    for key in tree:
        if key not in SLOTS and key not in ABOUT:
            raise UserError(f"method {name}: unknown slot `{key}`{nearest(key, [*SLOTS, *ABOUT])}")
        if key in ABOUT and not isinstance(tree[key], str):
            raise UserError(f"method {name}: `{key}` must be text (got {tree[key]!r})")
    base = _read(tree["extends"], (*below, name)) if "extends" in tree else {}
    about = {key: value for key, value in tree.items() if key in ABOUT}
    return about | {slot: _over(base.get(slot, {"name": DEFAULTS[slot]}), tree.get(slot, {})) for slot in SLOTS}


def written(name: str) -> dict[str, dict[str, Any]]:
    """Return slot → {name, parameters} as set in the file and those it extends, without functions' defaults.

    Omits slots with a default function and no parameters.
    """
    tree = _read(name)
    return {slot: tree[slot] for slot in SLOTS if tree[slot] != {"name": DEFAULTS[slot]} or slot == "advantage"}


def _over(base: dict[str, Any], choice: Any) -> dict[str, Any]:
    """Merge a slot's choice over another: parameters merge, but a different function starts from its own defaults."""
    choice = choice if isinstance(choice, dict) else {"name": choice}
    other = choice.get("name", base["name"]) != base["name"]
    return dict(choice) if other else {**base, **choice}


def _validated(method: str, slot: str, choice: dict[str, Any]) -> dict[str, Any]:
    function_name = choice.pop("name")
    functions = slot_functions(slot)
    if not isinstance(function_name, str) or function_name not in functions:
        raise UserError(
            f"method {method}, slot {slot}: no function `{function_name}`{nearest(function_name, functions)}"
        )
    schema = _schema(functions[function_name])
    try:
        values = schema.model_validate(choice).model_dump()
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            form = f"; to choose that function write `{slot}: {{name: {key}, …}}`"
            problem = f"unknown parameter{form if key in functions else nearest(key, schema.model_fields)}"
        else:
            problem = wrong_value(item)
        raise UserError(f"method {method}, slot {slot}: `{slot}.{key}`: {problem}") from None
    for low, high in getattr(functions[function_name], "ordered", ()):
        if values[low] >= values[high]:
            raise UserError(
                f"method {method}, slot {slot}: `{slot}.{low}` must be less than `{slot}.{high}` "
                f"(got {values[low]} and {values[high]})"
            )
    return {"name": function_name, **values}


def _bind(slot: str, choice: dict[str, Any]) -> Any:
    function = slot_functions(slot)[choice.pop("name")]
    return partial(function, **choice) if choice else function


@cache
def slot_functions(slot: str) -> dict[str, Any]:
    """Find the slot's functions: public, defined in its module or package, with the slot's first argument.

    A new file in the package is found without being registered.
    """
    first = {"advantage": "rewards", "reduction": "valid"}.get(slot, "tokens")
    found: dict[str, Any] = {}
    for module in _slot_modules(slot):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            named = next(iter(inspect.signature(function).parameters), None)
            if function.__module__ != module.__name__ or name.startswith("_") or named != first:
                continue
            if name in found:
                raise UserError(f"{module.__file__}: `{name}` stands in {inspect.getfile(found[name])} too; rename one")
            found[name] = function
    return found


def _slot_modules(slot: str) -> list[ModuleType]:
    module = SLOTS[slot]
    inside = pkgutil.iter_modules(getattr(module, "__path__", []), f"{module.__name__}.")
    return [module, *(importlib.import_module(found.name) for found in inside)]


def slot_files(slot: str, chosen: str | None = None) -> set[Path]:
    """List source files that define functions of the slot; with `chosen`, the file that defines that function and those
    of the slot whose functions it imports."""
    functions = list(slot_functions(slot).values())
    if chosen is not None:
        function = slot_functions(slot)[chosen]
        named = filter(inspect.isfunction, vars(inspect.getmodule(function)).values())
        functions = [function, *(used for used in named if used.__module__.startswith(SLOTS[slot].__name__))]
    return {Path(inspect.getfile(function)) for function in functions}


@cache
def _schema(function: Any) -> Any:
    """Build a pydantic model of the function's keyword-only parameters. Annotations may be strings."""
    fields, none = {}, inspect.Parameter.empty
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        where = f"{inspect.getfile(function)}: `{function.__name__}`: parameter `{parameter.name}`"
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.annotation is none:
                raise UserError(f"{where} has no type; write `{parameter.name}: float`, say")
            if parameter.name == "name":
                raise UserError(f"{where}: in a method's file `name` is the function's; call it otherwise")
            fields[parameter.name] = (parameter.annotation, ... if parameter.default is none else parameter.default)
        elif parameter.default is not none:
            raise UserError(f"{where} is not keyword-only; put `*` before it")
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
