"""Read values of a run's config.yaml that were not checked: of another trainer's log, or edited by hand."""

from typing import Any


def section(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the mapping under `name`; empty if there is none."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def count(settings: dict[str, Any], name: str) -> int:
    """Return a whole number above 0; 0 for anything else."""
    value = settings.get(name)
    return value if type(value) is int and 0 < value < 10**15 else 0
