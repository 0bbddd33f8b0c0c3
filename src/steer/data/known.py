"""Check before anything runs that the data sets, files and functions named in a configuration exist."""

from pathlib import Path

from steer.configs.load import nearest
from steer.configs.references import check_reference
from steer.configs.schema import Config
from steer.data.benchmarks.templates import template_of
from steer.data.gym import check_ranges
from steer.data.parsers import PARSERS
from steer.data.sets import data_set, files_of, known_sets
from steer.data.tasks import FAMILIES
from steer.errors import UserError
from steer.hub import is_hub_id


def check_names(config: Config, file: str) -> None:
    """Raise `UserError` for an unknown data set, a missing file of one, or a missing function.

    `evaluation.samples` may name any set, because configurations inherit it; an unknown name would silently fall back
    to `default`.
    """
    data = config.data
    synthetic = data.source == "synthetic"
    other, source = (known_sets(), "benchmarks") if synthetic else (FAMILIES, "synthetic")
    known = [*data.sets, *(FAMILIES if synthetic else known_sets())]
    for name in data.benchmarks:
        if name not in known:
            kind = "synthetic family" if synthetic else "benchmark"
            advice = f"; write `data.source: {source}` for it" if name in other else nearest(name, known)
            raise UserError(f"{file}: key `data.benchmarks`: no {kind} {name!r}{advice}")
    trained = [*data.sets, *known_sets(), "synthetic"]
    for name in data.train_sets:
        if name not in trained:
            raise UserError(f"{file}: key `data.train`: no training set {name!r}{nearest(name, trained)}")
    every = ["default", *data.sets, *FAMILIES, *known_sets()]
    for name in config.evaluation.samples:
        if name not in every:
            raise UserError(f"{file}: key `evaluation.samples`: no benchmark {name!r}{nearest(name, every)}")
    if data.data_dir is not None and not Path(data.data_dir).is_dir():
        raise UserError(f"{file}: key `data.data_dir`: {data.data_dir}: no such folder; correct the path")
    for name in used_sets(config):
        spec = data_set(name, data)
        if spec.file is not None and not files_of(spec, None):
            raise UserError(f"{file}: key `data.sets.{name}.file`: no file matches {spec.file}; correct the path")
        if spec.verifier:
            _check_function(spec.verifier, f"data.sets.{name}.verifier", file)
        if spec.parser and spec.parser not in PARSERS:
            near = nearest(spec.parser, PARSERS)
            raise UserError(f"{file}: key `data.sets.{name}.parser`: no reader {spec.parser!r}{near}")
    used = {name: data_set(name, data) for name in used_sets(config)}
    if data.window is not None and all(spec.parser != "livecodebench" for spec in used.values()):
        raise UserError(f"{file}: key `data.window`: no benchmark here has dates; take it out")
    evaluated = {name: spec for name, spec in used.items() if name in data.benchmarks}
    trained = {name: spec for name, spec in used.items() if name in data.train_sets}
    try:
        for name, spec in used.items():
            template_of(name, spec, data.template)
        check_ranges(trained, evaluated)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    for function in config.reward.functions:
        _check_function(function.function, "reward.functions", file)


def check_model(config: Config, file: str) -> None:
    """Raise `UserError` for a model folder that is not there, and for a warm start beside own training data. Hub ids,
    .gguf files (a target fetches ours) and served models pass."""
    path, cold = config.model.path, config.model.cold_start
    if cold is not None and cold.data is not None and not Path(cold.data).is_file():
        raise UserError(f"{file}: key `model.cold_start.data`: {cold.data}: no such file; correct the path")
    used = bool(config.methods) or "base" in config.evaluation.also
    if path is None and used and config.data.train != "synthetic":
        about = "the model that the workflow makes from scratch (no `model.path`) learns synthetic tasks only"
        raise UserError(f"{file}: key `data.train`: {about}; name a model in `model.path`, or set `train: synthetic`")
    elsewhere = path is None or config.model.is_gguf or config.rollout.engine == "openai"
    if not (elsewhere or is_hub_id(path) or Path(path).is_dir()):
        hub = "" if "/" in path else ", or write a hub id as owner/name"
        raise UserError(f"{file}: key `model.path`: {path}: no such model folder; correct the path{hub}")


def used_sets(config: Config) -> list[str]:
    """List the data sets that are evaluated or trained on, without synthetic families."""
    data = config.data
    sets = {*data.sets, *known_sets()} if data.source == "benchmarks" else set(data.sets)
    trained = [name for name in data.train_sets if name != "synthetic"]
    return list(dict.fromkeys([*(name for name in data.benchmarks if name in sets), *trained]))


def _check_function(reference: str, key: str, file: str) -> None:
    try:
        check_reference(reference, key)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
