"""The page for run folders without a configuration, tables or figures."""

from pathlib import Path

from steer.configs.schema import Config
from steer.diagnose.folders import read_runs
from steer.report.collect import Contents, Run, seed_of

# An empty configuration, because the page's template reads one.
NOTHING = {"data": {"source": "benchmarks", "benchmarks": ["none"], "train": None}, "evaluation": {"also": []}}


def contents_of(folders: list[str], out: Path) -> Contents:
    """Return the page's contents for run folders, ours or imported."""
    missing, runs = [], []
    for run in read_runs(folders):
        seeds = [seed_of(seed, run.folders[seed], missing) for seed in sorted(run.folders)]
        runs.append(Run(run.name, run.label, True, seeds))
    config = Config.model_validate({"name": "runs", "seeds": [], **NOTHING})
    return Contents(config, out.parent / ".none", runs, [], [], [], missing)
