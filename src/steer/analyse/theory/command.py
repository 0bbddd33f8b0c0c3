"""`steer measure`: measure the entropy change of single updates at stages of a run, per token."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import Config, Training
from steer.configs.wording import wrong_value
from steer.data.problem import Problem, read_problems
from steer.errors import UserError
from steer.io import write_json


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="base model: folder or hub id")
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder of `measurement.run`")
    parser.add_argument("--data", required=True, metavar="FILE", help="training problems, data/train.jsonl")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="<name>.csv.gz; the updates' details go to <name>.json"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    if config.measurement is None:
        raise UserError(f"{args.config}: no `measurement`; add one with `run` and `steps` (docs/theory.md)")
    if not args.out.endswith(".csv.gz"):
        raise UserError(f"--out {args.out}: the name must end in .csv.gz")
    problems = read_problems(args.data)
    if not problems:
        raise UserError(f"{args.data}: no training problems; make the data again with a larger `data.train_size`")

    import pandas as pd
    import torch

    from steer.analyse.render import write_frame
    from steer.models.devices import take_device
    from steer.verify.responses import Verifier

    torch.set_num_threads(args.threads)
    started = time.perf_counter()
    frames, facts = [], {}
    reward = config.reward
    device = take_device()
    with Verifier.of(reward, reward.verifier_workers, training=True) as verifier:
        for step in config.measured_steps():
            columns, about = _measure_step(config, args, problems, step, device, verifier)
            frames.append(pd.DataFrame({"step": step, **columns}))
            facts[str(step)] = about
    write_json(
        args.out.removesuffix(".csv.gz") + ".json",
        {
            "run": config.measurement.run,
            "seed": config.seeds[0],
            "parameters": next(iter(facts.values()))["parameters"],
            "steps": facts,
        },
    )
    # Written last, so that a table of tokens always has its details.
    write_frame(pd.concat(frames, ignore_index=True), Path(args.out))
    tokens = {step: len(frame) for step, frame in zip(facts, frames, strict=True)}
    print(json.dumps({"tokens": tokens, "seconds": round(time.perf_counter() - started, 1)}))


def _measure_step(
    config: Config, args: argparse.Namespace, problems: list[Problem], step: int, device: Any, verifier: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    from steer.analyse.theory.measure import Measurer, measure
    from steer.analyse.theory.weigh import weigh
    from steer.engines.limits import stop_tokens
    from steer.models.load import load_model, load_tokenizer

    chosen = config.measurement
    folder = model_folder(config, args.model, Path(args.run), step)
    training = config.training_for(chosen.run).model_copy(update={"prompts": chosen.prompts, "updates": 1})
    compared = _compared(config, args.config, step, training)
    method, _ = compared[chosen.run]
    known = [config.model, *chosen.models.values()]
    revision = next((model.revision for model in known if model.path == folder), None)
    model = load_model(folder, revision).to(device)
    tokenizer = load_tokenizer(folder, revision, config.model.chat_template)
    measurer = Measurer(
        model=model,
        tokenizer=tokenizer,
        method=method,
        problems=problems,
        training=training,
        reward=config.reward,
        seed=config.seeds[0],
        stop=stop_tokens(model.generation_config, tokenizer, config.rollout.stop),
        shares=config.data.train_shares,
    )
    columns, facts = measure(measurer, step, chosen.updates, chosen.warm, chosen.own_tokens, verifier)
    about = {"parameters": sum(p.numel() for p in model.parameters()), "updates": facts}
    if chosen.weightings:
        about["weightings"] = weigh(measurer, step, chosen.updates, chosen.batches, compared, verifier)
    return columns, about


# Keys of `training` that a weighting may change: those that one update's gradient depends on.
OF_THE_GRADIENT = {"micro_batch", "micro_batch_tokens", "gradient_clip", "precision", "head", "shared_prompts"}


def _compared(config: Config, path: str, step: int, training: Training) -> dict[str, tuple[Any, Training]]:
    """Name → (method, training) of the measured run and of each weighting; they differ in the method, and in what of
    `training` an entry changes. All make one update on the whole batch."""
    from steer.methods import load_method

    chosen, found = config.measurement, {}
    for name, entry in {chosen.run: config.methods[chosen.run], **chosen.weightings}.items():
        place = "measurement.run" if name == chosen.run else f"measurement.weightings.{name}"
        method = load_method(entry.method or name, entry.set)
        if method.needs & {"teacher_logprob", "proxy_logprob", "base_logprob"}:
            raise UserError(f"{path}: {place}: method {method.name} needs {', '.join(method.needs)}, which "
                            "is not measured; name another method")  # fmt: skip
        method.progress = step / config.training_for(chosen.run).steps
        changes = {} if name == chosen.run else entry.training
        if other := sorted(set(changes) - OF_THE_GRADIENT):
            raise UserError(f"{path}: {place}.training: `{other[0]}` changes no gradient of one update; take it out")
        try:
            own = Training.model_validate({**training.model_dump(), **changes, "updates": 1})
        except ValidationError as error:
            raise UserError(f"{path}: {place}.training: {wrong_value(error.errors()[0])}") from None
        found[name] = method, own
    return found


def model_folder(config: Config, base: str, run: Path, step: int) -> str:
    """Return the folder of the model after `step`: the base model, the run's last one, or a kept one."""
    if step == 0:
        return base
    last = config.training_for(config.measurement.run).steps
    folder = run / "model" if step == last else run / "models" / f"step{step}"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such model; train the run with this configuration, or correct --run")
    return str(folder)
