"""Find the files that a configuration names: from the working directory, else beside the configuration."""

import glob
from pathlib import Path

from steer.configs.dataset import DataSet
from steer.configs.references import split_reference
from steer.configs.schema import Config


def placed(config: Config, path: str | Path) -> Config:
    """Return the configuration, read from `path`, with the places of its data, models and functions."""
    reward, data, model = config.reward, config.data, config.model
    cold = model.cold_start
    if cold is not None:
        cold = cold.model_copy(update={"data": cold.data and beside(path, cold.data)})
    functions = tuple(f.model_copy(update={"function": _function(path, f.function)}) for f in reward.functions)
    sets = {name: _set(path, spec) for name, spec in data.sets.items()}
    folder = data.data_dir and beside(path, data.data_dir)
    changed = {
        "reward": reward.model_copy(update={"functions": functions}),
        "data": data.model_copy(update={"sets": sets, "data_dir": folder}),
        "model": model.model_copy(update={"path": model.path and beside(path, model.path), "cold_start": cold}),
    }
    return config.model_copy(update=changed)


def _set(config: str | Path, spec: DataSet) -> DataSet:
    """Return the data set with the places of its files."""
    return spec.model_copy(
        update={
            "file": spec.file and beside(config, spec.file),
            "verifier": spec.verifier and _function(config, spec.verifier),
        }
    )


def _function(config: str | Path, reference: str) -> str:
    file, name = split_reference(reference)
    return f"{beside(config, file)}:{name}"


def beside(config: str | Path, file: str) -> str:
    """Locate a file, folder or glob named in a configuration.

    If it is neither in the working directory nor beside the configuration, the name is returned unchanged.
    """
    other = str(Path(config).parent / file)
    return other if not _is_there(file) and _is_there(other) else file


def _is_there(file: str) -> bool:
    return Path(file).exists() or bool(glob.glob(file, recursive=True))
