"""Shared by all rules: the checked configuration, where results go, and which code a result depends on."""

import hashlib
import json
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from steer.configs.evaluation import CHOICE
from steer.configs.references import split_reference
from steer.configs.load import dump, load_config, workflow_overrides
from steer.configs.reward import deciding
from steer.data.known import check_model, check_names, used_sets
from steer.data.sets import data_set, files_of
from steer.errors import UserError
from steer.figures.wanted import about_figures, wanted
from steer.io import atomic_write, check_writable, meaning
from steer.methods.load import SLOTS, method_settings, slot_files

# `steer` is in the environment of this Snakemake, whether activated or not.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]))

# A failed job's error line is in its log: show it under plain `snakemake` too, as the profiles do.
for handler in logger.handlers:
    if hasattr(handler.formatter, "show_failed_logs"):
        handler.formatter.show_failed_logs = True

# The repository, whichever Snakefile is the entry and whatever the working directory.
ROOT = Path(str(workflow.current_basedir)).parents[1]
CONFIG_FILE = os.path.relpath(workflow.configfiles[-1] if workflow.configfiles else ROOT / "configs/tiny.yaml")

try:
    OVERRIDES = workflow_overrides(dict(workflow.config_settings.config or {}))
    CONFIG = load_config(CONFIG_FILE, OVERRIDES)
    check_writable(Path("results", CONFIG.name))
    check_names(CONFIG, CONFIG_FILE)
    check_model(CONFIG, CONFIG_FILE)
    SETTINGS = {name: method_settings(run.method or name, run.set) for name, run in CONFIG.methods.items()}
    COMPARED = CONFIG.measurement.weightings.items() if CONFIG.measurement else []
    WEIGHTINGS = {name: method_settings(run.method or name, run.set)[0] for name, run in COMPARED}
except UserError as error:
    raise WorkflowError(str(error)) from None

METHODS = {name: slots for name, (slots, _) in SETTINGS.items()}
# Labels in tables and figures for runs without a label in the configuration.
LABELS = {name: about.get("label") for name, (_, about) in SETTINGS.items()}
# Caption and heading of each figure in Snakemake's own report.
ABOUT_FIGURES = about_figures()
config["figures"] = {name: about.summary for name, about in ABOUT_FIGURES.items()}
FIGURES = wanted(CONFIG)
RESULTS = f"results/{CONFIG.name}"
BENCHMARKS = CONFIG.data.benchmarks
SECTIONS = CONFIG.model_dump(mode="json")
# Cached, because several rules hash the same file.
MEANING = cache(meaning)
# Keys of `reward` that verdicts depend on.
JUDGED = {
    key: SECTIONS["reward"][key]
    for key in (
        "code_time_limit_s",
        "code_memory_limit_mb",
        "require",
        "correct_from",
        "function_time_limit_s",
        "on_error",
    )
}
# Files with the user's reward functions.
REWARD_FILES = sorted({split_reference(f.function)[0] for f in CONFIG.reward.functions})
# Files with the user's verifiers of data sets.
VERIFIERS = {data_set(name, CONFIG.data).verifier for name in used_sets(CONFIG)} - {""}
VERIFIER_FILES = sorted({split_reference(reference)[0] for reference in VERIFIERS})
# Every (run, seed) with a run folder, and every evaluated one.
TRAINED = [(name, seed) for name in CONFIG.runs for seed in CONFIG.seeds_of(name)]
EVALUATED = CONFIG.evaluated
IMPORTED = CONFIG.imported
# The benchmark that selects the best of a run's kept models; None: the last model is evaluated.
SELECT_BY = CONFIG.evaluation.select_by
# Keys of `model` that determine a base model that is not trained from scratch.
MADE_FROM = ("path", "revision", "cold_start", "chat_template")
# Runs whose kept models are evaluated along training.
ALONG = CONFIG.frontier_runs
# Always an output: Snakemake would have no record of an output declared later, and would then miss changes of a run.
KEPT_MODELS = {"models": directory(f"{RESULTS}/runs/{{run}}/seed{{seed}}/models")}
if CONFIG.evaluation.prune and (SELECT_BY or CONFIG.measurement or ALONG):
    KEPT_MODELS = {name: temp(folder) for name, folder in KEPT_MODELS.items()}
# Evaluation settings of kept models: another number of samples on another benchmark reruns none of them.
ASKED = CONFIG.evaluation.for_selection().model_dump(mode="json") if SELECT_BY else {}
SELECTION = {key: value for key, value in ASKED.items() if key not in set(CHOICE) - {"select_by"}}
# Settings of the evaluation along training.
FRONTIER = {key: value for key, value in SECTIONS["evaluation"].items() if key not in (*CHOICE, "samples", "top_p")}
FRONTIER |= CONFIG.evaluation.frontier.model_dump(include={"questions", "samples"}) if ALONG else {}
# GPUs per sampling job.
SAMPLING_GPUS = CONFIG.rollout.tensor_parallel if CONFIG.hardware.gpus and CONFIG.rollout.engine != "openai" else 0
# With `engine: verl` training depends on verl's section too (not on where Ray runs), and has verl's environment.
VERL = CONFIG.engine == "verl"
VERL_SECTIONS = {"verl": {k: v for k, v in SECTIONS["verl"].items() if k != "ray_address"}} if VERL else {}
TRAIN_ENVIRONMENT = f"../../environment{'-verl' if VERL else ''}.yml"


wildcard_constraints:
    run="|".join(map(re.escape, [*CONFIG.runs, *CONFIG.evaluation.also])) or "none",
    seed="[0-9][0-9]*",
    step="[0-9][0-9]*",
    figure="|".join(map(re.escape, FIGURES)),


def code(*stages):
    """List the source files of some stages: a changed loss retrains, a changed plot only redraws."""
    places = [ROOT / "src/steer" / stage for stage in stages]
    # Relative to the working directory, so that it is equal in every checkout.
    files = (path for place in places for path in [place, *place.rglob("*")] if path.is_file())
    # Results of our own trainer do not depend on verl's adapter.
    files = (path for path in files if VERL or "engines/verl" not in path.as_posix())
    return sorted(os.path.relpath(path) for path in files if path.suffix not in (".pyc", ".md"))


@cache
def content(files):
    """Hash the names and contents of source files without comments and docstrings.

    Rules with a job for every run take this hash as a parameter. As inputs, a hundred files for each of a thousand jobs
    would take most of Snakemake's planning time.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.encode() + MEANING(Path(path)).encode())
    return digest.hexdigest()


def code_version(*stages, starting=()):
    """Hash the code of some stages, and the modules `starting` of training, as one value."""
    places = [ROOT / "src/steer/train" / f"{name}.py" for name in starting]
    return content((*code(*stages), *map(os.path.relpath, places)))


@cache
def code_of_method(used):
    """Hash the code that a run depends on; of the methods' slots only the files in `used`, whose functions it calls."""
    slots = {path.resolve() for slot in SLOTS for path in slot_files(slot)}
    methods = [path for path in code("methods") if Path(path).resolve() not in slots - used]
    return content((*code("models", "engines", "verify", "train"), *methods))


def run_code(wildcards):
    """The version of the code that a run depends on."""
    chosen = METHODS[wildcards.run].items()
    return code_of_method(
        frozenset(path.resolve() for slot, choice in chosen for path in slot_files(slot, choice["name"]))
    )


def files_of_data(wildcards):
    """List the files on this machine that benchmarks and training rows are read from."""
    sets = [data_set(name, CONFIG.data) for name in used_sets(CONFIG)]
    return sorted({str(path) for spec in sets for path in files_of(spec, CONFIG.data.data_dir) if path.is_file()})


def of_runs(pattern, pairs):
    """`pattern` under results, for every (run, seed) of `pairs`."""
    return [f"{RESULTS}/{pattern.format(run=run, seed=seed)}" for run, seed in pairs]


def base_model(wildcards):
    """The folder of the base model, made here or given; nothing if the model comes from the hub."""
    if CONFIG.model.made:
        return [f"{RESULTS}/base_model"]
    return [CONFIG.model.path] if Path(CONFIG.model.path).is_dir() else []


def files_of_model(model):
    """The files on this machine that a base model is made from. A missing one is reported by the job, not by the plan."""
    path, examples = Path(model.path or ""), model.cold_start and model.cold_start.data
    given = [path, Path(examples or "")]
    if model.path and path.is_dir():
        given += sorted(path.glob("*.safetensors"))
    return [str(file) for file in given if file.is_file()]


def evaluated_model(wildcards):
    """What `steer generate` needs of the run: its model folder, the base model, or nothing for the oracle."""
    if wildcards.run == "oracle":
        return []
    if wildcards.run == "base":
        return base_model(wildcards)
    kind = "best" if SELECT_BY and wildcards.run in CONFIG.methods else "model"
    return [f"{RESULTS}/runs/{wildcards.run}/seed{wildcards.seed}/{kind}"]


def log_of_run(wildcards):
    """The log from which an imported run's folder is made."""
    return CONFIG.external[wildcards.run].logs[int(wildcards.seed)]


def model_argument(wildcards, input):
    """`--model FOLDER` or `--oracle`."""
    if wildcards.run == "oracle":
        return "--oracle"
    return f"--model {shlex.quote(input.model[0] if input.model else CONFIG.model.path)}"


def run_sections(wildcards):
    """The part of the configuration that a run's result depends on: a change elsewhere does not retrain."""
    training = CONFIG.training_for(wildcards.run).model_dump()
    # What is kept of a run in progress; the choice of the best affects the model only if configured.
    kept = ["checkpoints_kept", "checkpoint_minutes", "collective_minutes", "mismatch_limit"]
    if training["final_model"] == "last":
        kept += ["checkpoint_every", "checkpoint_metric"]
    return {
        "method": METHODS[wildcards.run],
        "training": {key: value for key, value in training.items() if key not in kept},
        "reward": deciding(SECTIONS["reward"]),
        "functions": content(tuple(sorted({*REWARD_FILES, *VERIFIER_FILES}))),
        "shares": CONFIG.data.train_shares,
        "rollout": SECTIONS["rollout"],
        "model": {key: SECTIONS["model"][key] for key in ("path", "revision", "lora", "chat_template")},
        "threads": CONFIG.threads.train,
        "saved": CONFIG.saved_steps(wildcards.run, int(wildcards.seed)),
        **VERL_SECTIONS,
    }


def gpus_of_run(wildcards):
    return CONFIG.gpus_of(wildcards.run)


def measure_code(wildcards):
    """The version of the code a measurement depends on: what its run depends on, and its own."""
    own = run_code(SimpleNamespace(run=CONFIG.measurement.run))
    compared = [code_version("methods"), WEIGHTINGS] if WEIGHTINGS else []
    return [own, code_version("analyse/theory"), *compared]


def measured_path(wildcards):
    """Path of a measured base model that is not made here, else None."""
    model = CONFIG.model if wildcards.model == "main" else CONFIG.measurement.models[wildcards.model]
    return None if model.made else model.path


def measured_base(wildcards):
    """The folder of a measured model that is made here; nothing if it comes from elsewhere."""
    place = "base_model" if wildcards.model == "main" else f"measured/{wildcards.model}/base_model"
    return [] if measured_path(wildcards) else [f"{RESULTS}/{place}"]


def measured_run(wildcards):
    """The last model and the kept ones of the run whose update is measured."""
    run, seed = CONFIG.measurement.run, CONFIG.seeds[0]
    place = f"runs/{run}" if wildcards.model == "main" else f"measured/{wildcards.model}/{run}"
    return [f"{RESULTS}/{place}/seed{seed}/{name}" for name in ("model", "models")]


def folder_of_data(wildcards, input):
    """The folder of the benchmarks' files."""
    return Path(input.data[0]).parent
