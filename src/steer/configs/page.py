"""Write docs/configuration.md from the schema: `python -m steer.configs.page`."""

import json
import re
from pathlib import Path
from typing import Any

from steer.configs.schema import Config

OUTPUT = Path("docs/configuration.md")
HEAD = """# Configuration

A configuration is one YAML file that describes an experiment. This page lists every key. `steer config --config FILE`
checks a configuration and prints it with every default. The page is written by `python -m steer.configs.page` (`make
docs`) from `src/steer/configs`; edit the descriptions there.

- **Inheritance.** `extends: FILE` inherits from another configuration; the path is relative to the file that names it.
  Sections merge key by key, with three exceptions: `methods` and `external` replace the inherited lists; `methods` also
  drops the inherited `measurement`; `model.path` drops the inherited `model.revision`. `name` and `description` are
  inherited, too: give each file its own name, or its results go into the other experiment's folder.
- **One value from the command line.** Every `steer` command that reads a configuration takes `--set a.b=1` and
  `--set a='{b: 1}'`. Snakemake takes `--config a='{b: 1}'`, and dotted names under `set`: `--config set=a.b=1`,
  several as `--config set='[a.b=1, c.d=2]'`. Both merge as `extends` does, and values are YAML. Put the target before
  `--config` and `--configfile`, which take every word after them.
- **Mistakes** (an unknown key, a key given twice, a value of the wrong type) end in one line with file and key.
- Methods have their own files in `configs/methods` ([methods.md](methods.md)), data sets in `configs/datasets`
  ([data.md](data.md)).

**Bold** keys must be given. `null` stands for an absent value.
"""


def render() -> str:
    """Render the page: one table for the top level, then one for each section where it is first used."""
    schema = Config.model_json_schema()
    parts, waiting, done = [HEAD.rstrip()], [("Config", "Top level")], set()
    while waiting:
        name, title = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        section = schema if name == "Config" else schema["$defs"][name]
        parts += ["", f"## {title}", ""]
        if "description" in section:
            parts += [_linked(section["description"]), ""]
        parts += ["| key | value | default | meaning |", "|---|---|---|---|"]
        inner = []
        for key, field in section["properties"].items():
            parts.append(_row(key, field, key in section.get("required", ()), schema))
            place = key if name == "Config" else f"{title.strip('`')}.{key}"
            inner += [(found, f"`{place}{suffix}`") for found, suffix in _sections(field)]
        waiting = [*inner, *waiting]
    return "\n".join(parts) + "\n"


def _row(key: str, field: dict, required: bool, schema: dict) -> str:
    name = f"**`{key}`**" if required else f"`{key}`"
    used = [schema["$defs"][found] for found, _ in _sections(field)]
    meaning = field.get("description") or " ".join(section.get("description", "") for section in used)
    default = "" if required or used or "default" not in field else f"`{_shown(field['default'])}`"
    cells = (name, _kind(field), default, _linked(meaning))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _linked(text: str) -> str:
    """The text on one line, with links to the pages that it names."""
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", " ".join(text.split()))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value else value


def _sections(field: dict) -> list[tuple[str, str]]:
    """Return the sections that a key holds, each with the suffix of their names: an entry's name or number."""
    if "$ref" in field:
        return [(field["$ref"].rsplit("/", 1)[1], "")]
    inner = [("", choice) for choice in field.get("anyOf", ())]
    inner += [(".<n>", field["items"])] if field.get("items") else []
    named = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    inner += [(".<name>", value) for value in named if isinstance(value, dict)]
    return [(name, place + rest) for place, value in inner for name, rest in _sections(value)]


def _kind(field: dict) -> str:
    """What values a key takes, in words."""
    if "anyOf" in field:
        kinds = [_kind(choice) for choice in field["anyOf"]]
        return ", or ".join(dict.fromkeys("null" if kind == "null" else kind for kind in kinds))
    if "$ref" in field:
        return "section"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type")
    if kind == "array":
        if "prefixItems" in field:
            return "list of " + ", ".join(_kind(item) for item in field["prefixItems"])
        return f"list of {_kind(field['items'])}" if field.get("items") else "list"
    if kind == "object":
        inner = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        inner = [value for value in inner if isinstance(value, dict) and value]
        return f"name → {_kind(inner[0])}" if inner else "mapping"
    names = {"string": "text", "integer": "integer", "number": "number", "boolean": "true, false", "null": "null"}
    bounds = [("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤")]
    limits = [f"{sign} {field[bound]}" for bound, sign in bounds if bound in field]
    return " ".join([names.get(kind, "any"), ", ".join(limits)]).strip()


if __name__ == "__main__":
    from steer.io import atomic_write

    atomic_write(OUTPUT, render())
    print(OUTPUT)
