"""`steer generate`: sample responses of one model, or of the oracle, to every benchmark of the configuration."""

import argparse
import functools
import json
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path

from steer.configs.evaluation import CHOICE
from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import Config
from steer.data.problem import Problem, read_problems
from steer.engines.turns import Turns
from steer.errors import UserError
from steer.io import write_jsonl


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="FOLDER", help="model folder or hub id")
    what.add_argument("--oracle", action="store_true", help="answer with the reference solutions")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder of <benchmark>.jsonl files")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--cache", metavar="FOLDER", help="cache of responses")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    problems, out, counts = benchmark_problems(config, args.data), Path(args.out), {}
    with nullcontext(_oracle) if args.oracle else model_answers(args, config, problems) as answer:
        for name, chosen in problems.items():
            rows = answer(name, chosen)
            write_jsonl(out / f"{name}.jsonl.gz", rows)
            counts[name] = sum(len(row["responses"]) for row in rows)
    print(json.dumps({"model": "oracle" if args.oracle else args.model, "responses": counts}))


def benchmark_problems(config: Config, data: str) -> dict[str, list[Problem]]:
    """Read the problems of each benchmark from the folder `data`; `UserError` for a file without any."""
    problems = {}
    for name in config.data.benchmarks:
        path = Path(data) / f"{name}.jsonl"
        problems[name] = read_problems(path)
        if not problems[name]:
            raise UserError(f"{path}: no problems; make the data again")
    return problems


def _oracle(name: str, problems: list[Problem]) -> list[dict]:
    from steer.generate.sample import oracle_rows

    return oracle_rows(problems)


@contextmanager
def served_answers(args: argparse.Namespace, config: Config):
    """As `model_answers`, for a model behind a server."""
    from steer.generate import cache
    from steer.generate.served import Server

    folder = Path(args.cache) if args.cache else None
    asked = config.rollout.model_dump(include={"engine", "url", "stop"})
    settings = config.evaluation.model_dump(include={"temperature", "top_p", "max_response_tokens", "seed"}) | asked
    with Server(config, args.model) as server:

        def rows(name: str, chosen: list[Problem]) -> list[dict]:
            sampling = {**settings, "samples": config.evaluation.samples_for(name), "benchmark": name}
            sampling["chat_template"] = config.model.chat_template
            key = cache.key(cache.model_hash(args.model, None), chosen, sampling)
            kept = cache.load(folder, key)
            if kept is None:
                kept = server.rows(chosen, name)
                cache.store(folder, key, kept)
            return kept

        yield rows


@contextmanager
def model_answers(
    args: argparse.Namespace, config: Config, problems: dict[str, list[Problem]], turns: Turns | None = None
):
    """Return a function that answers with the model in `args`; its engine starts at the first cache miss.

    `turns`: an engine shared with other models, which stays open. Reads model, config (the file, for messages), cache
    and threads from `args`.
    """
    if config.rollout.engine == "openai":
        with served_answers(args, config) as rows:
            yield rows
        return
    # torch and transformers are loaded only to run a model.
    import torch

    from steer.engines.limits import stop_tokens
    from steer.engines.open import serving
    from steer.generate import cache
    from steer.generate.sample import encode, model_rows
    from steer.models.load import load_settings, load_tokenizer

    torch.set_num_threads(args.threads)
    revision = config.model.revision if args.model == config.model.path else None
    tokenizer = load_tokenizer(args.model, revision, config.model.chat_template)
    architecture, generation = load_settings(args.model, revision)
    evaluation = config.evaluation
    positions = architecture.max_position_embeddings
    room = positions - evaluation.max_response_tokens
    if room <= 0:
        raise UserError(
            f"{args.config}: evaluation.max_response_tokens is {evaluation.max_response_tokens}, but {args.model} "
            f"has {positions} positions; lower it"
        )
    stop = stop_tokens(generation, tokenizer, config.rollout.stop)
    samples = {name: evaluation.samples_for(name) for name in problems}
    folder = Path(args.cache) if args.cache else None
    model = cache.model_hash(args.model, revision) if folder else ""

    with ExitStack() as stack:

        @functools.cache
        def engine():
            longest = max(len(prompt) for chosen in problems.values() for prompt in encode(tokenizer, chosen, room)[1])
            most = max(samples.values())
            made = (turns or serving)(
                config.rollout,
                args.model,
                revision,
                tokenizer,
                samples=most,
                batch=max(evaluation.batch, most),
                tokens=longest + evaluation.max_response_tokens,
                temperature=evaluation.temperature,
            )
            return made if turns else stack.enter_context(closing(made))

        def rows(name: str, chosen: list[Problem]) -> list[dict]:
            # The batch size is part of the key, because random numbers are drawn per batch.
            settings = evaluation.model_dump(exclude={"samples", *CHOICE})
            settings |= {
                "samples": samples[name],
                "benchmark": name,
                "stop": stop,
                "rollout": config.rollout.model_dump(),
                "chat_template": config.model.chat_template,
                # Rounding depends on how sums are split.
                "threads": args.threads,
            }
            key = cache.key(model, chosen, settings)
            kept = cache.load(folder, key)
            if kept is None:
                kept = model_rows(engine(), chosen, name, evaluation, args.model, room, stop)
                cache.store(folder, key, kept)
            return [{**row, "model": args.model} for row in kept]

        yield rows
