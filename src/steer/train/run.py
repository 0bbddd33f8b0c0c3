"""One run of one method with one seed by our own trainer, into the documented run folder.

`train` is the whole of it, step by step; `steer.trainers` is the command that calls it.
"""

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
from typing import Any, NoReturn

import torch
import yaml

from steer.configs.schema import Config
from steer.engines.limits import check_carried, check_positions, stop_tokens
from steer.engines.open import check_installed, for_training
from steer.errors import UserError
from steer.io import atomic_write, link_folder, write_jsonl
from steer.methods import load_method
from steer.models.devices import take_device
from steer.models.load import check_dense, check_saveable, empty_model, load_model, load_settings, load_tokenizer
from steer.models.lora import add_lora
from steer.models.provenance import device, versions
from steer.train import parallel
from steer.train.checkpoint import Checkpoints, disk_errors
from steer.train.loop import Trainer
from steer.train.problems import short_prompts, training_data
from steer.train.room import check_disk, try_saving
from steer.train.seeds import step_seed
from steer.train.settings import run_fingerprint, run_settings
from steer.train.sharding import prepared, replica, save_trained
from steer.train.trackers import tracked
from steer.verify.responses import Verifier

META = torch.device("meta")


def train(
    args: argparse.Namespace,
    config: Config,
    verifier: Callable[..., AbstractContextManager[Verifier]] | None = None,
) -> None:
    """Train, and write the run folder. `verifier` makes the one that judges; several runs in one process may share
    theirs."""
    torch.set_num_threads(args.threads)
    entry, training = config.methods[args.run], config.training_for(args.run)
    settings = run_settings(config, args.run, args.seed)
    problems = training_data(args, config)
    revision = config.model.revision if args.model == config.model.path else None
    tokenizer = load_tokenizer(args.model, revision, config.model.chat_template)
    shared = config.data.train_shares or ()
    problems = short_prompts(args.data, problems, tokenizer, training.max_prompt_tokens, shared)
    saved = config.saved_steps(args.run, args.seed)
    stop = checked_model(args, config, revision, tokenizer)
    checkpoints = Checkpoints(
        Path(args.checkpoints or f"{args.out}.checkpoints"),
        run_fingerprint({**settings, "saved": saved, "stop": stop}, args, revision),
        keep=training.checkpoints_kept,
    )
    method = load_method(entry.method or args.run, entry.set)
    engine = checked_engine(args, config, revision)
    if training.processes > 1 and not parallel.launched():
        # Errors up to here have been reported, once.
        become_torchrun(training.processes)
    with parallel.ends_with_the_others(training.collective_minutes):
        model, copied = loaded_model(args, config, revision)
        # In bf16, W + s·B·A is W again if the adapters have changed it by less than its last place.
        precision = "fp32" if config.model.lora else training.precision
        if copied and config.rollout.engine == "local":
            engine = partial(replica, precision)
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
        train_and_save(args, trainer, settings, partial(save_trained, model, tokenizer, precision))


def checked_model(args: argparse.Namespace, config: Config, revision: str | None, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a response; `UserError` if the model cannot be saved or has too few positions."""
    settings, generation = load_settings(args.model, revision)
    check_dense(settings, args.model)
    check_saveable(generation, args.model)
    training = config.training_for(args.run)
    lengths = training.max_prompt_tokens, training.max_response_tokens
    remedy = "lower training.max_prompt_tokens or training.max_response_tokens"
    check_positions(settings, *lengths, f"{args.config}: {args.model}", remedy)
    return stop_tokens(generation, tokenizer, config.rollout.stop)


def checked_engine(args: argparse.Namespace, config: Config, revision: str | None) -> Callable[[Any, Any], Any]:
    """Return what makes the rollout engine.

    `UserError` if it cannot serve the model, is not installed or would round away the adapters.
    """
    check_carried(load_settings(args.model, revision)[0], config.rollout, args.model)
    check_installed(config.rollout)
    if config.model.lora and config.rollout.engine == "vllm" and config.rollout.dtype != "float32":
        raise UserError(
            f"{args.config}: key `rollout.dtype`: {config.rollout.dtype} rounds away what `model.lora` adds; "
            "set float32"
        )
    return for_training(config.rollout, args.model, revision, config.training_for(args.run))


def loaded_model(args: argparse.Namespace, config: Config, revision: str | None) -> tuple[Any, bool]:
    """Return the model on its device, with adapters if the configuration has them, and whether rollouts need a copy."""
    # Only the first process reads the weights, so that the host holds them once.
    if parallel.is_main():
        model = load_model(args.model, revision)
    else:
        model = empty_model(load_settings(args.model, revision)[0], torch.float32, META)
    if config.model.lora:
        model = add_lora(model, config.model.lora, step_seed(args.seed, 0, "lora"))
    return prepared(model, config.training_for(args.run), take_device(leave=config.rollout.devices or ()))


def train_and_save(args: argparse.Namespace, trainer: Trainer, settings: dict, save: Callable[[Path], None]) -> None:
    """Train to the end, save the models, write the run folder, and delete the checkpoints."""
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    out, checkpoints, first = Path(args.out), trainer.checkpoints, parallel.is_main()
    kept = checkpoints.folder / "models"
    trainer.keep_model = lambda step: save(kept / f"step{step}")
    with checkpoints.alone(), disk_errors(f"{out}: the run", "it goes on from the last checkpoint"):
        # On every process: they look for a checkpoint together.
        check_disk(out, trainer)
        try_saving(out, trainer, save)
        with tracked(trainer.training, settings, out, checkpoints.fingerprint[:16]) as trainer.on_step:
            metrics = trainer.run()
        seconds = round(time.perf_counter() - clock, 1)
        if first:
            # The folder is no longer the finished run that it may have been.
            (out / "metrics.jsonl").unlink(missing_ok=True)
        save(out / "model")
        parallel.stop()
        if not first:
            return
        (out / "models").mkdir(parents=True, exist_ok=True)
        for step in trainer.keep_steps:
            link_folder(kept / f"step{step}", out / "models" / f"step{step}")
        provenance = {"started": started.isoformat(timespec="seconds"), "seconds": seconds}
        record = {**settings, "versions": versions(), "device": device(), **provenance}
        atomic_write(out / "config.yaml", yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
        write_jsonl(out / "tokens.jsonl.gz", trainer.token_rows)
        # Last, so that a folder with metrics is a finished run.
        write_jsonl(out / "metrics.jsonl", metrics)
    checkpoints.clear()
    last = {name: metrics[-1][name] for name in ("step", "accuracy", "entropy")}
    print(json.dumps({"run": args.run, "seed": args.seed, **last, "seconds": seconds}))


def become_torchrun(processes: int) -> NoReturn:
    """Replace this process by `torchrun`, which starts this command `processes` times on this machine."""
    command = [sys.executable, "-m", "steer.train.launch", str(processes), *sys.argv[1:]]
    os.execv(sys.executable, command)
