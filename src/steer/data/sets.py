"""Look up data sets by name: the configuration's own, else a file of configs/datasets."""

import glob
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from steer.configs.dataset import DataSet
from steer.configs.load import nearest, read_yaml
from steer.configs.schema import Data
from steer.configs.shipped import files
from steer.configs.wording import wrong_value
from steer.data.parsers import PARSERS
from steer.data.rows import read_rows
from steer.errors import UserError

UNKNOWN = 1000


@cache
def known_sets() -> dict[str, DataSet]:
    """Read the data sets of configs/datasets, by file name."""
    return {name: _read(path) for name, path in files("datasets").items()}


def _read(path: Path) -> DataSet:
    try:
        found = DataSet.model_validate(read_yaml(path))
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(map(str, item["loc"]))
        raise UserError(f"{path}: key `{key}`: {wrong_value(item)}") from None
    if found.parser is not None and found.parser not in PARSERS:
        raise UserError(f"{path}: key `parser`: no reader {found.parser!r}{nearest(found.parser, PARSERS)}")
    return found


def data_set(name: str, data: Data | None = None) -> DataSet:
    """Return the set of that name; `UserError` with the nearest name if there is none."""
    own = data.sets if data is not None else {}
    if name in own:
        return own[name]
    if name in known_sets():
        return known_sets()[name]
    raise UserError(f"no data set {name!r}{nearest(name, [*own, *known_sets()])}")


def title_of(name: str, data: Data) -> str:
    """What tables call the benchmark: the title of its data set, else its name."""
    spec = data.sets.get(name) or known_sets().get(name)
    return spec.title if spec is not None and spec.title else name


def files_of(spec: DataSet, data_dir: str | Path | None) -> list[Path]:
    """List the files of the set, sorted; none if it comes from the hub."""
    if spec.file is not None and Path(spec.file).exists():
        return [Path(spec.file)]  # its name may hold the brackets of a pattern
    if spec.file is not None:
        return sorted(Path(found) for found in glob.glob(spec.file, recursive=True))
    if spec.local is not None and data_dir is not None:
        return [Path(data_dir) / spec.local]
    return []


def rows_of(spec: DataSet) -> int:
    """Return its number of rows, as declared or counted in its files; `UNKNOWN` for a hub set without one."""
    if spec.rows is not None or spec.reasoning_gym is not None:
        return spec.rows or spec.size
    return sum(len(read_rows(path)) for path in files_of(spec, None)) or UNKNOWN
