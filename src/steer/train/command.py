"""`steer train`: one run of one method with one seed, into the documented run folder."""

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch

from steer.configs.load import add_config_argument, config_from, nearest
from steer.configs.references import split_reference
from steer.configs.schema import Config
from steer.data.problem import Problem
from steer.engines.limits import check_positions, stop_tokens
from steer.engines.open import check_installed, for_training
from steer.errors import UserError
from steer.io import atomic_write, fingerprint, link_folder, meaning, read_jsonl, write_jsonl
from steer.methods import load_method
from steer.models.devices import take_device
from steer.models.load import check_saveable, empty_model, load_model, load_settings, load_tokenizer
from steer.models.lora import add_lora
from steer.models.provenance import device, versions
from steer.train import parallel
from steer.train.checkpoint import Checkpoints, disk_errors
from steer.train.controls import with_wrong_labels
from steer.train.loop import Trainer
from steer.train.prompts import without_long_prompts
from steer.train.seeds import step_seed
from steer.train.sharding import prepared, replica, save_trained
from steer.train.trackers import TRACKERS, tracked
from steer.verify.responses import Verifier

META = torch.device("meta")
# What a result of training depends on; a checkpoint made by other code is not continued.
SOURCES = ("methods", "models", "engines", "verify", "train")
# Training keys with other values of which a run that stopped may go on: what is kept of it, and on what it computes.
BOOKKEEPING = (
    "processes",
    "collective_minutes",
    "mismatch_limit",
    "checkpoint_every",
    "checkpoint_minutes",
    "checkpoints_kept",
    "checkpoint_metric",
    "final_model",
    *TRACKERS,
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--run", required=True, help="entry of the configuration's `methods`")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="base model: folder or hub id")
    parser.add_argument("--data", required=True, metavar="FILE", help="training problems, data/train.jsonl")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the run folder to write")
    parser.add_argument("--checkpoints", metavar="FOLDER", help="default: <out>.checkpoints")
    parser.add_argument("--verdicts", metavar="FOLDER", help="cache of verdicts on programs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace, verifier: Callable[..., AbstractContextManager[Verifier]] | None = None) -> None:
    """`verifier`: what makes the one that judges; several runs in one process may share theirs."""
    config = config_from(args)
    if args.run not in config.methods:
        raise UserError(f"{args.config}: no run {args.run!r} in `methods`{nearest(args.run, config.methods)}")
    if config.engine == "verl":
        from steer.engines.verl import launch

        return launch.train(args, config)
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    settings = run_settings(config, args.run, args.seed)
    problems = training_data(args, config)
    revision = config.model.revision if args.model == config.model.path else None
    tokenizer = load_tokenizer(args.model, revision, config.model.chat_template)
    training, saved = config.training_for(args.run), config.saved_steps(args.run, args.seed)
    problems = short_prompts(args.data, problems, tokenizer, training.max_prompt_tokens)
    checkpoints = Checkpoints(
        Path(args.checkpoints or f"{out}.checkpoints"),
        _fingerprint({**settings, "saved": saved}, args, revision),
        keep=training.checkpoints_kept,
    )
    entry = config.methods[args.run]
    lengths = training.max_prompt_tokens, training.max_response_tokens
    remedy = "lower training.max_prompt_tokens or training.max_response_tokens"
    settings_of_model, generation = load_settings(args.model, revision)
    check_saveable(generation, args.model)
    check_positions(settings_of_model, *lengths, f"{args.config}: {args.model}", remedy)
    method = load_method(entry.method or args.run, entry.set)
    stop = stop_tokens(generation, tokenizer, config.rollout.stop)
    check_installed(config.rollout)
    if config.model.lora and config.rollout.engine == "vllm" and config.rollout.dtype != "float32":
        raise UserError(
            f"{args.config}: key `rollout.dtype`: {config.rollout.dtype} rounds away what `model.lora` adds; "
            "set float32"
        )
    engine = for_training(config.rollout, args.model, revision, training)
    if training.processes > 1 and not parallel.launched():
        # What is wrong so far has been said, once.
        become_torchrun(training.processes)
    # Of several processes the first alone reads the weights: the host need not hold them more than once.
    first = parallel.is_main()
    model = load_model(args.model, revision) if first else empty_model(settings_of_model, torch.float32, META)
    if config.model.lora:
        model = add_lora(model, config.model.lora, step_seed(args.seed, 0, "lora"))
    model, sharded = prepared(model, training, take_device(leave=config.rollout.devices or ()))
    # W + s·B·A in bf16 is W again where the adapters have moved it by less than W's last place.
    merged = "fp32" if config.model.lora else training.precision
    if sharded and config.rollout.engine == "local":
        engine = partial(replica, merged)
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    trainer = Trainer(
        model=model,
        tokenizer=tokenizer,
        method=method,
        problems=problems,
        training=training,
        reward=config.reward,
        seed=args.seed,
        checkpoints=checkpoints,
        keep_steps=saved,
        engine=engine,
        verifier=verifier or partial(Verifier.of, keep=args.verdicts),
        stop=stop,
        shares=config.data.train_shares,
    )
    kept = checkpoints.folder / "models"
    save = partial(save_trained, model, tokenizer, merged)
    trainer.keep_model = lambda step: save(kept / f"step{step}")
    with checkpoints.alone(), disk_errors(f"{out}: the run", "it goes on from the last checkpoint"):
        with tracked(training, settings, out, checkpoints.fingerprint[:16]) as trainer.on_step:
            metrics = trainer.run()
        seconds = round(time.perf_counter() - clock, 1)
        provenance = {"started": started.isoformat(timespec="seconds"), "seconds": seconds}
        if first:
            # The folder is no longer the finished run that it may have been.
            (out / "metrics.jsonl").unlink(missing_ok=True)
        save(out / "model")
        parallel.stop()
        if not first:
            return
        (out / "models").mkdir(parents=True, exist_ok=True)
        for step in saved:
            link_folder(kept / f"step{step}", out / "models" / f"step{step}")
        atomic_write(out / "config.yaml", _yaml({**settings, "versions": versions(), "device": device(), **provenance}))
        write_jsonl(out / "tokens.jsonl.gz", trainer.token_rows)
        # Last, so that a folder with metrics is a finished run.
        write_jsonl(out / "metrics.jsonl", metrics)
    checkpoints.clear()
    last = {name: metrics[-1][name] for name in ("step", "accuracy", "entropy")}
    print(json.dumps({"run": args.run, "seed": args.seed, **last, "seconds": provenance["seconds"]}))


def training_data(args: argparse.Namespace, config: Config) -> list[Problem]:
    """The training problems, with other problems' answers where the control asks for that."""
    problems = [Problem.from_json(row) for row in read_jsonl(args.data)]
    if not problems:
        raise UserError(f"{args.data}: no training problems; make the data again with a larger `data.train_size`")
    for name in config.data.train_shares or ():
        if all(problem.benchmark != name for problem in problems):
            raise UserError(
                f"{args.data}: no problem of the training set {name!r} is left; take it out of `data.train`"
            )
    return with_wrong_labels(problems, args.seed) if config.reward.kind == "wrong-label" else problems


def short_prompts(source: str, problems: list[Problem], tokenizer, limit: int) -> list[Problem]:
    """The problems without those of over-long prompts, as in the papers; what is dropped is said once."""
    kept = without_long_prompts(tokenizer, problems, limit)
    if not kept:
        said = f"no prompt has at most {limit} tokens; raise training.max_prompt_tokens"
        raise UserError(f"{source}: {said}")
    if len(kept) < len(problems) and parallel.is_main():
        dropped = f"{len(problems) - len(kept)} of {len(problems)} prompts have more than {limit} tokens: dropped"
        print(f"{source}: {dropped}", file=sys.stderr)
    return kept


def become_torchrun(processes: int) -> NoReturn:
    """This process becomes `torchrun`, which starts this command `processes` times on this machine."""
    torchrun = ["-m", "torch.distributed.run", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    command = [sys.executable, *torchrun, f"--nproc-per-node={processes}", "-m", "--", "steer.cli", *sys.argv[1:]]
    os.execv(sys.executable, command)


def run_settings(config: Config, name: str, seed: int) -> dict:
    """The resolved configuration of one run, as its folder keeps it."""
    entry = config.methods[name]
    method = load_method(entry.method or name, entry.set)
    functions = {f.function: meaning(Path(split_reference(f.function)[0])) for f in config.reward.functions}
    return {
        "run": name,
        "method": method.name,
        "label": entry.label or method.label,
        "seed": seed,
        "slots": method.settings,
        "training": config.training_for(name).model_dump(),
        "reward": config.reward.model_dump(exclude={"require"}),  # of the machine, not of the run
        **({"functions_sha256": functions} if functions else {}),
        "rollout": config.rollout.model_dump(),
        **({"shares": config.data.train_shares} if config.data.train_shares else {}),
        "lora": config.model.lora and config.model.lora.model_dump(),
        "chat_template": config.model.chat_template,
    }


def _fingerprint(settings: dict, args: argparse.Namespace, revision: str | None) -> str:
    training = {key: value for key, value in settings["training"].items() if key not in BOOKKEEPING}
    reward = {key: value for key, value in settings["reward"].items() if key != "verifier_workers"}
    # Of a folder its files themselves count (`_inputs`).
    base = {} if Path(args.model).is_dir() else {"base": [args.model, revision]}
    return fingerprint(
        {**settings, **base, "training": training, "reward": reward, "threads": args.threads}, _inputs(args)
    )


def _inputs(args: argparse.Namespace) -> list[Path]:
    package = Path(__file__).parents[1]
    sources = [path for name in SOURCES for path in (package / name).rglob("*.py")]
    # Weights, tokenizer with its chat template, end tokens; not how long it took to make them.
    told = ("warm_start.json", "base_model.json")
    model = [path for path in Path(args.model).glob("*") if path.is_file() and path.name not in told]
    return [*sources, Path(args.data), *model]


def _yaml(value: dict) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
