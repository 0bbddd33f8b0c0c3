"""The wheel: the losses with their YAML files, importable where neither Snakemake nor a trainer is installed."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import steer

ROOT = Path(__file__).parents[1]
# As in an environment that holds none of these.
BARE = """
import sys
FORBIDDEN = {"snakemake", "transformers", "datasets", "peft", "seaborn", "pandas", "scipy", "trl", "verl", "tqdm"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
import steer.methods
from pathlib import Path
assert Path(steer.methods.__file__).is_relative_to(sys.argv[1]), steer.methods.__file__
from steer.methods import load_method, method_names
print(*(load_method(name).name for name in method_names()))
from steer.data.sets import known_sets
print(*known_sets())
from steer.verify.math.extract import extract
print(extract("The answer is 5.").answer)
"""


def test_versions_come_from_one_place():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == steer.__version__
    assert "version =" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.")[0]


@pytest.mark.slow
def test_the_wheel_gives_every_method_without_snakemake_or_a_trainer(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    copied = tmp_path / "source"
    for name in ("src/steer", "configs/methods", "configs/datasets"):
        shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.in"):
        (copied / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*build, "--wheel-dir", tmp_path, copied], check=True)
    inside = tmp_path / "inside"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(inside)
    done = subprocess.run(
        [sys.executable, "-c", BARE, inside], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    methods, sets, (answer,) = (line.split() for line in done.stdout.splitlines())
    assert set(methods) == {path.stem for path in (ROOT / "configs/methods").glob("*.yaml")}
    assert set(sets) == {path.stem for path in (ROOT / "configs/datasets").glob("*.yaml")}
    assert answer == "5"  # read with the verifier's tables of phrases
