"""Load YAML as `Config`: inheritance (`extends:`), dotted overrides, one-line errors."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from steer.configs.places import placed
from steer.configs.schema import Config
from steer.configs.text import DuplicateKey, fault, parse
from steer.configs.wording import wrong_value
from steer.errors import UserError

# What pydantic adds to a key for each form that its value may have.
FORM = re.compile(r"(str|int|float|bool|(list|dict|tuple)\[.*)$")
# Sections that a file, or the command line, replaces as a whole.
RUNS = ("methods", "external")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read the mapping in a YAML file; a missing file, a syntax error or another kind of value raises `UserError`."""
    try:
        value = parse(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        folder = Path(path).parent
        near = nearest(Path(path).name, [p.name for p in folder.glob("*.yaml")]) if folder.is_dir() else ""
        raise UserError(f"{path}: no such file{near}") from None
    except DuplicateKey as error:
        raise UserError(f"{path}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {fault(error)}") from None
    if value is None:
        raise UserError(f"{path}: holds no keys; write some, or name another file")
    if not isinstance(value, dict):
        held = "a list" if isinstance(value, list) else "one value"
        raise UserError(f"{path}: expected keys, `name: value`, found {held}; correct the file")
    return value


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest valid name, else the list of valid names."""
    valid = [str(v) for v in valid]
    close = difflib.get_close_matches(str(name), valid, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid: {', '.join(sorted(valid))}" if valid else ""


def merge(base: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """Merge `delta` over `base`: mappings merge key by key, anything else replaces. Does not change its arguments."""
    merged = dict(base)
    for key, value in delta.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def set_dotted(tree: dict[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    """Copy `tree` with the value at `a.b.c` replaced."""
    head, _, rest = dotted.partition(".")
    inner = tree.get(head)
    return {
        **tree,
        head: set_dotted(inner if isinstance(inner, dict) else {}, rest, value) if rest else value,
    }


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys: `{"a": {"b": 1}}` → `{"a.b": 1}`."""
    flat = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and value
        flat |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def read_tree(path: str | Path, _seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a configuration file merged over the files it `extends` (relative to itself).

    Mappings merge with the base's, with two exceptions. `methods: {…}` replaces the base's list of runs and drops its
    measurement. `model.path` drops the base's revision, which is a commit of another model.
    """
    path = Path(path)
    if path.resolve() in _seen:
        raise UserError(f"{path}: `extends` goes in a circle")
    return _with_base(read_yaml(path), path, (*_seen, path.resolve()))


def _with_base(tree: dict[str, Any], path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    file = path.parent / str(parent)
    try:
        base = read_tree(file, seen)
    except UserError as error:
        raise UserError(f"{'' if file.exists() else f'{path}: key `extends`: '}{error}") from None
    for replaced in RUNS:
        if replaced in tree:
            base.pop(replaced, None)
    if "methods" in tree:
        base.pop("measurement", None)
    models = tree.get("model"), base.get("model")
    if all(isinstance(model, dict) for model in models) and "path" in models[0]:
        models[1].pop("revision", None)
    return merge(base, tree)


def load_config(path: str | Path, overrides: dict[str, Any] | None = None) -> Config:
    """Read, merge and check a configuration. `overrides` maps dotted keys to values."""
    tree = read_tree(path)
    if "model.path" in (overrides or {}):
        tree = set_dotted(tree, "model.revision", None)
    if "methods" in (overrides or {}):
        tree.pop("measurement", None)
    for dotted, value in (overrides or {}).items():
        tree = set_dotted(tree, dotted, value)
    return placed(check(tree, str(path)), path)


def check(tree: dict[str, Any], source: str) -> Config:
    """Check a merged tree as `Config`; errors name file, key and the nearest valid key."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        by_key: dict[Any, list[Any]] = {}
        for item in _of_one_form(error.errors()):
            by_key.setdefault(item["loc"] or len(by_key), []).append(item)
        lines = [_describe(items[0]) if len(items) == 1 else _of_forms(items) for items in by_key.values()]
        raise UserError(f"{source}: " + " | ".join(lines)) from None


def _of_one_form(errors: list[Any]) -> list[Any]:
    """Where a key has several forms, keep the errors of the one that the value has: those deepest in it."""
    kept = []
    for item in errors:
        form = next((i for i, part in enumerate(item["loc"]) if FORM.match(str(part))), None)
        others = [e for e in errors if form is not None and e["loc"][:form] == item["loc"][:form]]
        forms = {e["loc"][form] for e in others if len(e["loc"]) > form}
        if len(forms) < 2:
            kept.append(item)
        elif len(item["loc"]) == max(len(e["loc"]) for e in others):
            kept.append({**item, "loc": (*item["loc"][:form], *item["loc"][form + 1 :])})
    return kept


def _of_forms(items: list[Any]) -> str:
    """Describe a value that has none of the forms that its key may have."""
    first, *others = (_describe(item).partition(" (got ") for item in items)
    wanted = dict.fromkeys(other[0].rpartition("expected ")[2] for other in others)
    return f"{first[0]}, or {', or '.join(wanted)} (got {first[2]}"


def _describe(item: dict[str, Any]) -> str:
    place = [str(part) for part in item["loc"]]
    key = ".".join(place)
    if item["type"] == "extra_forbidden":
        model = _model_at(Config, place[:-1])
        return f"unknown key `{key}`" + (nearest(place[-1], model.model_fields) if model else "")
    if item["type"] == "missing":
        return f"key `{key}` is missing; add it"
    return f"key `{key}`: {wrong_value(item)}" if key else wrong_value(item)


def _model_at(model: type[BaseModel], place: list[str]) -> type[BaseModel] | None:
    """The model that checks the section at `place`, through optional and mapping annotations."""
    for index, part in enumerate(place):
        if part not in model.model_fields:
            return None
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        found = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not found:
            return None
        if get_origin(annotation) is dict:
            return _model_at(found[0], place[index + 2 :])
        model = found[0]
    return model


def dump(config: Config) -> str:
    """Write the resolved configuration as YAML, with every default."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def add_config_argument(parser: Any, required: bool = True) -> None:
    """Add the configuration arguments of every command."""
    # Snakemake's name of the option works as well.
    parser.add_argument(
        "--config",
        "--configfile",
        dest="config",
        required=required,
        metavar="FILE",
        help="configuration file (configs/*.yaml)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key: a.b=1, or a section's keys: a='{b: 1}'; values are YAML",
    )


def config_from(args: Any) -> Config:
    """Load the configuration named by `add_config_argument`'s arguments."""
    return load_config(args.config, parse_overrides(args.set))


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """`["a.b=1", "c={d: 2}"]` to `{"a.b": 1, "c.d": 2}`; values are YAML."""
    overrides = {}
    for pair in pairs:
        key, equals, value = str(pair).partition("=")
        if not equals or not key:
            raise UserError(f"--set {pair}: write KEY=VALUE")
        try:
            overrides |= _by_key({key: parse(value)})
        except DuplicateKey as error:
            raise UserError(f"--set {pair}: {error}") from None
        except yaml.YAMLError:
            raise UserError(f"--set {pair}: the value is not valid YAML") from None
    return overrides


def workflow_overrides(config: dict[str, Any]) -> dict[str, Any]:
    """Convert `snakemake --config` to the form that `parse_overrides` returns for `--set`.

    Snakemake has no dotted names, so they are given under `set`: `set=a.b=1`, `set='[a.b=1, c.d=2]'` or
    `set='{a.b: 1}'`. It leaves every value in a mapping or list as text, which is read as YAML here.
    """
    sections = {key: value for key, value in config.items() if key != "set"}
    given = config.get("set") or []
    if isinstance(given, dict):
        return _by_key(_values(sections)) | _by_key(_values(given))
    return _by_key(_values(sections)) | parse_overrides([given] if isinstance(given, str) else given)


def _by_key(tree: dict[str, Any]) -> dict[str, Any]:
    """Sections as dotted keys, which change these alone; a list of runs is a choice, and replaces the one there was."""
    return {key: value for key, value in tree.items() if key in RUNS} | flatten(
        {key: value for key, value in tree.items() if key not in RUNS}
    )


def _values(given: Any) -> Any:
    """The same mappings and lists with each text in them read as YAML; text that is no YAML stays."""
    if isinstance(given, dict):
        return {key: _values(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_values(value) for value in given]
    try:
        return parse(given) if isinstance(given, str) else given
    except yaml.YAMLError:
        return given
