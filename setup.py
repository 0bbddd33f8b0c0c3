"""The build of a wheel: pyproject.toml says all else. It copies the YAML files that the package reads into it."""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class WithConfigurations(build_py):
    """configs/methods and configs/datasets stay where users edit them; a wheel holds them as steer/configs/<folder>."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name in ("methods", "datasets"):
                target = Path(self.build_lib, "steer", "configs", name)
                copytree(Path("configs", name), target, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithConfigurations})
