"""`steer dry`: take two training steps of configurations of any scale on this CPU, without downloads.

The base model is replaced by a randomly initialised one of the same family at reduced width: the same ratio of heads
to key-value heads, the same tying of embeddings, two layers. Prompts come from the synthetic families. Rewards are
random, because a random model has no correct answers and no gradient; the verifiers run nevertheless.
Everything else is the configuration's own: methods with their parameters (except GTPO's filter, which no response of a
random model passes), checkpoints, kept models and model selection. Of several configurations each runs at least
once, and each distinct method once, whatever the model.
"""

import argparse
import contextlib
import io
import json
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from steer import trainers
from steer.analyse import select
from steer.configs.load import check, dump, load_config
from steer.configs.schema import Config
from steer.data.command import evaluation_problems, training_problems
from steer.data.sets import data_set
from steer.errors import UserError
from steer.grade import frontier, validate
from steer.io import atomic_write, read_jsonl, write_jsonl
from steer.methods.load import method_settings
from steer.models.load import load_model, save_model
from steer.models.tokenizer import character_tokenizer
from steer.plan.checks import engine
from steer.plan.facts import Facts, facts_of
from steer.train.settings import run_settings
from steer.verify.responses import Verifier

HEAD_SIZE = 8
POSITIONS = 512
FAMILIES = {"math": ["sums", "fractions"], "code": ["examples", "lists"]}
# Upper limits; lower or absent values of a configuration are unchanged.
LIMITS = {
    "steps": 2,
    "prompts": 4,
    "rollouts": 4,
    "updates": 2,
    "dynamic_sampling": 2,
    "warmup_steps": 1,
    "max_prompt_tokens": 96,
    "max_response_tokens": 8,
    "micro_batch": 4,
    "micro_batch_tokens": 512,
    "processes": 1,
    "checkpoint_every": 1,
    "keep_models_every": 1,
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("configs", nargs="+", metavar="FILE", help="configuration files")
    parser.add_argument("--run", metavar="NAME", help="only this entry of `methods`")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace) -> None:
    started = time.perf_counter()
    logging.disable_progress_bar()
    seen: set[str] = set()
    total = done = 0
    # One verifier for all runs, because its processes take longer to start than two small steps.
    with Verifier() as verifier:
        for file in args.configs:
            config = load_config(file)
            names = [name for name in config.methods if args.run in (None, name)]
            if args.run is not None and not names:
                raise UserError(
                    f"{file}: no run {args.run!r} in `methods`; it has {', '.join(config.methods) or 'none'}"
                )
            total += len(names)
            with tempfile.TemporaryDirectory() as folder:
                project = Project(Path(folder), file, config, args.threads, verifier) if names else None
                for number, name in enumerate(names):
                    essence = project.essence(name)
                    if number == 0 or essence not in seen:
                        seen.add(essence)
                        done += 1
                        print(f"{file}: {name}: {project.train(name)}", flush=True)
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps({"configurations": len(args.configs), "runs": total, "run": done, "seconds": seconds}))


class Project:
    """One configuration, reduced, with its model and problems in a folder."""

    def __init__(self, folder: Path, file: str, config: Config, threads: int, verifier: Verifier):
        self.verifier = verifier
        self.folder, self.file, self.threads = folder, folder / "config.yaml", str(threads)
        facts = facts_of(config)
        if said := engine(config, facts):
            raise UserError(f"{file}: {said[0]}")
        self.shape = shape(facts)
        self.config = reduced(config, str(folder / "model"), file)
        self.chosen = self.followed = False
        atomic_write(self.file, dump(self.config))
        random_model(self.shape, folder / "model")
        families = self.config.data.benchmarks
        evaluation = {name: evaluation_problems(self.config, name) for name in families}
        for name, problems in evaluation.items():
            write_jsonl(folder / f"{name}.jsonl", (p.to_json() for p in problems))
        training, _ = training_problems(self.config, [p for problems in evaluation.values() for p in problems])
        write_jsonl(folder / "train.jsonl", (p.to_json() for p in training))

    def essence(self, name: str) -> str:
        """Return everything that a two-step run depends on, except the model."""
        settings = run_settings(self.config, name, 0)
        for told in ("run", "label", "method"):
            del settings[told]
        data = self.config.data.benchmarks, self.config.evaluation.select_by
        return json.dumps([data, settings], sort_keys=True)

    def train(self, name: str) -> str:
        """Train two steps and reload the last model. One run also evaluates and selects kept models."""
        started, out = time.perf_counter(), self.folder / "runs" / name
        common = ["--config", str(self.file), "--threads", self.threads]
        data = str(self.folder / "train.jsonl")
        base = self.config.model.path
        given = _parsed(
            trainers, *common, "--run", name, "--seed", "0", "--model", base, "--data", data, "--out", str(out)
        )
        with _silent():
            trainers.run(given, lambda *_, **__: contextlib.nullcontext(self.verifier))
        metrics = read_jsonl(out / "metrics.jsonl")[-1]
        load_model(str(out / "model"))
        norm = metrics["gradient_norm"]
        if norm is None or not 0 < norm < math.inf:
            raise FloatingPointError(f"{name}: the gradient's norm is {norm} in the second step")
        if self.config.evaluation.select_by and not self.chosen:
            self._choose(out, common)
            self.chosen = True
        if name in self.config.frontier_runs and not self.followed:
            places = ["--models", str(out / "models"), "--data", str(self.folder)]
            given = [*common, "--run", name, "--base", base, *places]
            _call(frontier, *given, "--out", str(out / "frontier.jsonl.gz"))
            self.followed = True
        seconds = time.perf_counter() - started
        return f"{metrics['step']} steps, entropy {metrics['entropy']:.2f}, gradient {norm:.1e}, {seconds:.1f} s"

    def _choose(self, out: Path, common: list[str]) -> None:
        problems = str(self.folder / f"{self.config.evaluation.select_by}.jsonl")
        models, validations = str(out / "models"), out / "validations"
        _call(validate, *common, "--models", models, "--data", problems, "--out", str(validations))
        given = ["--models", models, "--verdicts", *map(str, sorted(validations.iterdir()))]
        _call(select, *given, "--out", str(out / "best"), "--summary", str(out / "selection.json"))
        load_model(str(out / "best"))


def _call(command: ModuleType, *arguments: str) -> None:
    """Run a command like its command line, without its output."""
    with _silent():
        command.run(_parsed(command, *arguments))


def _parsed(command: ModuleType, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def shape(facts: Facts) -> dict[str, Any]:
    """Return the reduced model's transformers configuration."""
    common = math.gcd(facts.heads, facts.kv_heads)
    heads = facts.heads // common
    return {
        "model_type": facts.family,
        "hidden_size": heads * HEAD_SIZE,
        "intermediate_size": 2 * heads * HEAD_SIZE,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "num_key_value_heads": facts.kv_heads // common,
        "head_dim": HEAD_SIZE,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": facts.tied,
    }


def random_model(shape: dict[str, Any], folder: Path) -> None:
    """Save a model of that shape with random weights and its tokenizer in transformers' format."""
    tokenizer = character_tokenizer()
    special = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape, **special, vocab_size=len(tokenizer)))
    save_model(model, tokenizer, folder)


def reduced(config: Config, model: str, source: str) -> Config:
    """Reduce the configuration to the size of a dry run, with the model in that folder."""
    tree = config.model_dump(mode="json")
    kinds = {data_set(name, config.data).kind for name in config.data.train_sets if name != "synthetic"}
    families = FAMILIES["code" if kinds == {"code"} else "math"]
    tree["data"] = {"benchmarks": families, "train_size": 32, "rows": 3}
    tree["model"] |= {"path": model, "revision": None}
    tree["training"] = _limited(tree["training"])
    for name, entry in tree["methods"].items():
        entry["training"] = _limited(entry["training"])
        slots, _ = method_settings(entry["method"] or name, entry["set"])
        if slots["shaping"]["name"] == "gtpo":
            # A random model's entropy is near that of a uniform distribution: all its responses would be filtered out.
            entry["set"]["shaping.threshold"] = 100.0
    tree["reward"] |= {"kind": "random", "functions": [], "verifier_workers": 1, "code_time_limit_s": 2.0}
    chosen = families[0] if config.evaluation.select_by else None
    tree["evaluation"] |= {"samples": {"default": 2}, "batch": 16, "max_response_tokens": 8, "select_by": chosen}
    if tree["evaluation"]["frontier"]:
        tree["evaluation"]["frontier"] |= {"questions": 4, "samples": 2}
    tree["rollout"] |= {"engine": "local", "placement": "colocated", "tensor_parallel": 1, "devices": None, "stop": []}
    tree["hardware"]["gpus"] = 0
    return check(tree, source)


def _limited(training: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in training.items() if key in LIMITS and value is not None}
    return {**training, **{key: min(value, LIMITS[key]) for key, value in kept.items()}}
