"""`steer base-model`: prepare the model that every run starts from.

It starts from `model.path`, dequantises a .gguf file, and fine-tunes on worked solutions if the configuration has a
`cold_start`. Without a path it trains from scratch, as `steer warm-start` does. The result is measured on training
questions; the measurements go to `base_model.json` beside the weights.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import Config
from steer.data.problem import Problem, read_problems
from steer.errors import UserError
from steer.io import atomic_directory, write_json
from steer.models.devices import take_device
from steer.models.gguf import dequantised
from steer.models.load import load_model, load_tokenizer, with_arguments
from steer.train import warm_start
from steer.train.cold_start import fine_tune
from steer.train.starting import measure

# Questions of the measurement, and samples per question.
QUESTIONS, SAMPLES = 32, 8


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--data", required=True, metavar="FILE", help="training problems, data/train.jsonl")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write the model and its tokenizer")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    path, settings = config.model.path, config.model.cold_start
    if path is None:
        return warm_start.run(args)
    torch.set_num_threads(args.threads)
    problems = read_problems(args.data)
    examples = worked_examples(config, args.data, problems) if settings else []
    if config.model.is_gguf:
        model, tokenizer = dequantised(path)
        tokenizer = with_arguments(tokenizer, config.model.chat_template)
    else:
        model = load_model(path, config.model.revision)
        tokenizer = load_tokenizer(path, config.model.revision, config.model.chat_template)
    model = model.to(take_device())
    summary = {"model": path}
    if settings:
        started = time.perf_counter()
        loss = fine_tune(model, tokenizer, examples, settings)
        seconds = round(time.perf_counter() - started, 1)
        summary |= {"examples": len(examples), "steps": settings.steps, "loss": loss, "seconds": seconds}
    if problems and config.training:
        chosen = random.Random("measured").sample(problems, min(QUESTIONS, len(problems)))
        summary |= measure(model.eval(), tokenizer, chosen, SAMPLES, config.training.max_response_tokens, 0)
    with atomic_directory(args.out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_json(folder / "base_model.json", summary)
    print(json.dumps(summary))


def worked_examples(config: Config, source: str, problems: list[Problem]) -> list[Problem]:
    """Read the problems with solutions for the cold start: from `cold_start.data`, else from the training data."""
    file = config.model.cold_start.data
    if file is not None:
        if not Path(file).is_file():
            raise UserError(f"{file}: no such file; correct `model.cold_start.data`")
        source, problems = file, read_problems(file)
    examples = [problem for problem in problems if problem.solution]
    if not examples:
        raise UserError(
            f"{source}: no row has a `solution` to learn from; name a file of such rows in `model.cold_start.data`"
        )
    return examples
