"""Where the files of configs/methods and configs/datasets lie: in a source checkout, or in the package of a wheel."""

from pathlib import Path


def folders(name: str) -> list[Path]:
    """configs/<name> of the working directory, if it has one, and the one that comes with this package.

    A wheel holds the second inside the package, where its build (setup.py) copies it.
    """
    inside, checkout = Path(__file__).parent / name, Path(__file__).parents[3] / "configs" / name
    local, own = Path("configs") / name, inside if inside.is_dir() else checkout
    return [local] if local.is_dir() and local.resolve() == own.resolve() else [f for f in (local, own) if f.is_dir()]


def files(name: str) -> dict[str, Path]:
    """Name → YAML file; the working directory's come before those of this package."""
    found = {path.stem: path for folder in reversed(folders(name)) for path in folder.glob("*.yaml")}
    return dict(sorted(found.items()))
