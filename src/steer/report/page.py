"""Build the page: a template, one style sheet, one script, and packed data. The page fetches nothing."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from steer.report import curves, generations, tokens
from steer.report.chunks import inline, pack
from steer.report.collect import Contents
from steer.report.colours import dashes, run_styles
from steer.report.estimates import comparison
from steer.report.figures import embed
from steer.report.health import acted, warnings
from steer.report.provenance import glossary, provenance
from steer.report.scoreboard import scoreboard
from steer.report.sections import arrange

PAGE_LIMIT = 3_000_000
FIGURES_SHARE, TOKENS_SHARE, GENERATIONS_SHARE, RESERVE = 1_200_000, 250_000, 1_200_000, 150_000
# The order in which the script's files are joined.
SCRIPTS = ("dom", "data", "scale", "thin", "chart", "curves", "estimates", "generations", "tokens", "page")


def render(contents: Contents) -> str:
    """Render the HTML document in valid UTF-8, below `PAGE_LIMIT` bytes unless curves and tables alone exceed it."""
    names = curves.metric_names(contents.runs)
    axes, chunks = curves.axis_chunks(contents.runs)
    chunks |= curves.metric_chunks(contents.runs, names)
    contents.missing.extend(curves.not_finite(contents.runs))
    images, width = embed(contents.figures, FIGURES_SHARE, contents.missing)
    view = tokens.token_view(contents, TOKENS_SHARE)
    estimates = comparison(contents.root / "tables", contents.missing)
    chunks |= {"estimates": pack(estimates)} if estimates else {}
    used = RESERVE + sum(len(i.uri) for i in images.values()) + sum(map(len, [*chunks.values(), *view.chunks.values()]))
    selection = generations.select(contents, max(0, min(GENERATIONS_SHARE, PAGE_LIMIT - used)))
    chunks |= {f"tokens-{key}": text for key, text in view.chunks.items()}
    chunks |= {f"generations-{name}": text for name, text in selection.chunks.items()}
    style, script = _joined(contents)
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            config=contents.config,
            synthetic=contents.config.data.source == "synthetic",
            sections=arrange(contents.tables, contents.figures),
            board=scoreboard(contents),
            estimates=bool(estimates),
            images=images,
            figure_width=width,
            answered=_answered(contents),
            run_index={run.name: index for index, run in enumerate(contents.runs)},
            metrics=names,
            selection=selection,
            tokens=view,
            acted=acted(contents.runs),
            health=warnings(contents.runs),
            provenance=provenance(contents),
            glossary=glossary(),
            missing=contents.missing,
            data=contents.data,
            chunks={name: Markup(chunk) for name, chunk in chunks.items()},
            index=Markup(inline(_index(contents, names, axes, selection, view))),
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _index(contents: Contents, names: list[str], axes: list[dict], selection: Any, view: Any) -> dict[str, Any]:
    """Data that the script needs at start; `answers` says whether a run has responses in the page."""
    answered, dash = _answered(contents), dashes([run.name for run in contents.runs])
    runs = [
        {
            "name": run.name,
            "label": run.label,
            "dash": dash[run.name],
            "seeds": [seed.seed for seed in run.seeds if seed.steps],
            "answers": run.name in answered,
        }
        for run in contents.runs
    ]
    definitions = {name: text for group, text in glossary() for name in group}
    return {
        "runs": runs,
        "metrics": [{"name": name, "text": _definition(definitions, name)} for name in names],
        "axes": axes,
        "benchmarks": list(selection.chunks),
        "tokens": list(view.chunks),
    }


def _answered(contents: Contents) -> set[str]:
    return {run.name for run in contents.runs if (contents.root / "generations" / run.name).is_dir()}


def _definition(definitions: dict[str, str], name: str) -> str:
    """`accuracy/<family>` defines every `accuracy/…`."""
    family = next((d for d in definitions if "<" in d and name.startswith(d.partition("<")[0])), "")
    return definitions.get(name) or definitions.get(family, "")


def _environment() -> Environment:
    loader = PackageLoader("steer.report", "page")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _joined(contents: Contents) -> tuple[str, str]:
    """Join the style sheet with the runs' colours, and the script files."""
    folder = files("steer.report").joinpath("page")
    parts = [folder.joinpath(f"js/{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();"
    sheet = folder.joinpath("page.css").read_text(encoding="utf-8")
    return f"{sheet}\n{run_styles([run.name for run in contents.runs])}\n", script


def _hash(text: str) -> str:
    """Hash by which a Content-Security-Policy allows an inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
