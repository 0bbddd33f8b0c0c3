"""`steer train` with `engine: verl`: check everything, write verl's data, run verl, and collect the results.

The run folder has the same format as our own trainer's, without the token view.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from steer.configs.schema import Config
from steer.data.problem import Problem
from steer.engines.verl import VERSION
from steer.engines.verl.carried import carried_method
from steer.engines.verl.files import write_parquet
from steer.engines.verl.overrides import command, model_of, paths_in, verl_settings
from steer.engines.verl.settings import METRICS_FILE
from steer.errors import UserError
from steer.hub import model_file, whole_model
from steer.io import atomic_directory, atomic_write, fingerprint, read_jsonl, write_jsonl
from steer.models.load import load_tokenizer
from steer.models.provenance import device, versions
from steer.models.tokenizer import render_prompt
from steer.train.problems import training_data
from steer.train.settings import run_settings
from steer.verify.thought import opened_thought

# Created by `make verl-setup`.
ENVIRONMENTS = (Path(".venv-verl"), Path(__file__).parents[4] / ".venv-verl")


def verl_python() -> str:
    """Find the Python that has verl: `STEER_VERL_PYTHON`, this one, or the checkout's `.venv-verl`."""
    named = os.environ.get("STEER_VERL_PYTHON")
    if named:
        return named
    try:
        version("verl")
        return sys.executable
    except PackageNotFoundError:
        pass
    for folder in ENVIRONMENTS:
        python = folder.absolute() / "bin" / "python"
        if python.is_file():
            return str(python)
    raise UserError(
        f"`engine: verl` needs verl {VERSION}, which is not installed; run `make verl-setup`, or set STEER_VERL_PYTHON"
        " to a Python that has it"
    )


def train(args: argparse.Namespace, config: Config) -> None:
    """Train one method with one seed, with the same arguments as our own trainer."""
    method = carried_method(config, args.config, args.run)
    if config.data.train_shares is not None:
        raise UserError(f"{args.config}: key `data.train`: shares of sets need `engine: steer`; give a list with verl")
    python = verl_python()
    problems = training_data(args, config)
    # Results do not depend on where Ray runs.
    settings = run_settings(config, args.run, args.seed) | {"verl": config.verl.model_dump(exclude={"ray_address"})}
    revision = config.model.revision if args.model == config.model.path else None
    if not Path(args.model).is_dir():
        settings["base"] = [args.model, revision]
    mark = fingerprint(settings, [Path(args.data), *Path(args.model).glob("*.safetensors")])[:12]
    out, folder = Path(args.out), Path(args.checkpoints or f"{args.out}.checkpoints").absolute()
    # Each configuration has its own folder, because verl resumes from anything in the given folder.
    pinned = revision is not None and not Path(args.model).is_dir()
    model = str(model_file(args.model, "config.json", revision).parent) if pinned else model_of(args.model)
    paths = paths_in(folder, model, f"verl-{mark}")
    line = command(python, verl_settings(config, args.run, args.seed, method, paths, len(problems)))
    check(python, line[3:], config.verl.ray_address)
    if pinned:
        whole_model(args.model, revision)
    thought = opened_thought(render_prompt(load_tokenizer(model, arguments=config.model.chat_template), ""))
    write_parquet(Path(paths.train), problems, "train", thought)
    write_parquet(Path(paths.validation), evaluation_problems(Path(args.data), config), "validation", thought)
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    status = subprocess.run(line, check=False).returncode
    if status != 0:
        raise UserError(
            f"verl ended with status {status}; its last words are above. Started again, the run goes on from its last"
            f" checkpoint in {paths.checkpoints}"
        )
    seconds = round(time.perf_counter() - clock, 1)
    steps = config.training_for(args.run).steps
    metrics = metrics_of(Path(paths.checkpoints) / METRICS_FILE, steps)
    merge(python, paths.checkpoints, steps, out / "model")
    (out / "models").mkdir(parents=True, exist_ok=True)
    for step in config.saved_steps(args.run, args.seed):
        merge(python, paths.checkpoints, step, out / "models" / f"step{step}")
    provenance = {"started": started.isoformat(timespec="seconds"), "seconds": seconds, "command": line}
    record = {**settings, "versions": {**versions(), "verl": VERSION}, "device": device(), **provenance}
    atomic_write(out / "config.yaml", yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
    write_jsonl(out / "tokens.jsonl.gz", [])
    write_jsonl(out / "metrics.jsonl", metrics)
    shutil.rmtree(folder, ignore_errors=True)
    last = {name: metrics[-1][name] for name in ("step", "accuracy", "entropy")}
    print(json.dumps({"run": args.run, "seed": args.seed, **last, "seconds": seconds}))


def check(python: str, overrides: list[str], address: str | None) -> None:
    """Run `steer.engines.verl.check` in verl's own Python; raise its finding as a `UserError`."""
    request = json.dumps({"overrides": overrides, "address": address})
    try:
        result = subprocess.run(
            [python, "-m", "steer.engines.verl.check"], input=request, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UserError(f"{python}: cannot be run ({error.strerror}); correct STEER_VERL_PYTHON") from None
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
        raise UserError(last)


def evaluation_problems(data: Path, config: Config) -> list[Problem]:
    """Find the evaluation problems next to the training data, for verl's validation set."""
    files = [data.parent / f"{name}.jsonl" for name in config.data.benchmarks]
    return [Problem.from_json(row) for file in files if file.is_file() for row in read_jsonl(file)]


def metrics_of(file: Path, steps: int) -> list[dict]:
    """Read our metrics of steps 1 … `steps`. For a step that a resumed run repeated, the last line counts."""
    rows = {row["step"]: row for row in read_jsonl(file)}
    missing = [step for step in range(1, steps + 1) if step not in rows]
    if missing:
        raise UserError(f"{file}: verl ended without the metrics of step {missing[0]}; delete the folder and run again")
    # Not measured by verl but used by the tables: null, as docs/metrics.md says.
    return [{"seconds_verify": None, **rows[step]} for step in range(1, steps + 1)]


def merge(python: str, checkpoints: str, step: int, target: Path) -> None:
    """Merge verl's sharded checkpoint of a step into one Hugging Face folder with verl's merger."""
    shards = Path(checkpoints) / f"global_step_{step}" / "actor"
    with atomic_directory(target) as folder:
        arguments = ["--backend", "fsdp", "--local_dir", str(shards), "--target_dir", str(folder)]
        line = [python, "-m", "verl.model_merger", "merge", *arguments]
        result = subprocess.run(line, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            tail = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{shards}: verl's model merger failed: {tail}; the run's folder is {checkpoints}")
