"""Load rows of a hub data set at a pinned revision with `datasets`; failures give one line."""

from collections.abc import Iterator
from typing import Any

from steer.errors import UserError
from steer.hub import first_line, require

_ELSEWHERE = "get the rows elsewhere (`file` of your own set, `data.data_dir` of a benchmark)"
_OFFLINE_REMEDY = f"{_ELSEWHERE}, or set HF_HUB_OFFLINE=1 to use what the hub's cache holds"
_CACHE_REMEDY = f"the hub's cache does not hold it, and HF_HUB_OFFLINE is set: take that away, or {_ELSEWHERE}"


def hub_rows(
    hub: str,
    split: str,
    revision: str | None = None,
    config: str | None = None,
    data_files: tuple[str, ...] = (),
) -> Iterator[dict[str, Any]]:
    """Load the rows of `hub` in order.

    `data_files`: JSON-lines files to read directly, for data sets with a loading script. Raises `UserError` if the hub
    cannot be reached or has no such data set, revision or split.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    _require(hub, revision)
    try:
        if data_files:
            place = f"hf://datasets/{hub}@{revision}" if revision else f"hf://datasets/{hub}"
            files = [f"{place}/{name}" for name in data_files]
            rows = load_dataset("json", data_files={split: files}, split=split)
        else:
            rows = load_dataset(hub, config, split=split, revision=revision)
    except (DatasetsError, ValueError, OSError) as error:
        pinned = f", revision {revision}" if revision else ""
        remedy = _CACHE_REMEDY if "OfflineMode" in str(error) else _ELSEWHERE
        raise UserError(f"{hub} ({config or split}{pinned}): {first_line(error)}; {remedy}") from None
    yield from rows


def _require(hub: str, revision: str | None) -> None:
    """Fail within seconds where `load_dataset` would retry for minutes, and name the wrong part of the address."""
    from huggingface_hub import is_offline_mode

    # The user wants only the cache; load_dataset says what is missing there.
    if not is_offline_mode():
        require("dataset", hub, revision, remedy=_OFFLINE_REMEDY)
