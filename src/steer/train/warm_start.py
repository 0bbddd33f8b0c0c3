"""`steer warm-start`: train a small base model from scratch on noisy worked solutions of the synthetic families.

The model should leave room to improve and to lose entropy: sampled accuracy well below 1 and entropy well above 0. Both
are measured on training questions and written to `warm_start.json` in the model's folder.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import WarmStart
from steer.data.tasks import make_problems, training_families
from steer.data.tasks.noise import noisy_solution
from steer.errors import UserError
from steer.io import atomic_directory, write_json
from steer.models.devices import take_device
from steer.models.forward import Sequences
from steer.models.load import new_model
from steer.models.statistics import shared_statistics
from steer.models.tokenizer import character_tokenizer
from steer.train.starting import course, encode, measure, tail_mean


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write the model and its tokenizer")
    parser.add_argument(
        "--threads", type=int, default=2, metavar="N", help="processes that share each batch (default 2)"
    )


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    if config.data.train != "synthetic":
        raise UserError(f"{args.config}: a warm start needs `data.train: synthetic`; else name a model in `model.path`")
    torch.set_num_threads(1)
    families = training_families(config.data.benchmarks)
    tokenizer, settings = character_tokenizer(), config.model.warm_start
    model = new_model(settings.architecture, tokenizer, settings.seed).to(take_device())
    started = time.perf_counter()
    loss = train(model, tokenizer, families, settings, args.threads)
    seconds = time.perf_counter() - started
    summary = {"steps": settings.steps, "loss": loss, "seconds": round(seconds, 1)}
    length = config.training.max_response_tokens if config.training else config.evaluation.max_response_tokens
    problems = [p for name in families for p in islice(make_problems(name, "train", settings.seed + 1), 32)]
    summary |= measure(model, tokenizer, problems, 4, length, settings.seed)
    with atomic_directory(args.out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_json(folder / "warm_start.json", summary)
    print(json.dumps(summary))


def train(model, tokenizer, families: list[str], settings: WarmStart, shares: int) -> float:
    """Train by maximum likelihood on noisy solutions; return the mean loss of the last tenth of the steps.

    Each of `shares` processes takes a share of the batch, because splitting matrix products this small gains little;
    another process prepares the next batch.
    """
    divided = Shares(model, shares)
    batches = _batches(tokenizer, families, settings)
    upcoming = _forked(lambda _: plain(next(batches)), divided.connections)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, course(settings.steps))
    losses = []
    upcoming.send(None)
    for _ in tqdm(range(settings.steps), desc="warm start", mininterval=2):
        batch = upcoming.recv()
        upcoming.send(None)
        losses.append(divided.set_gradients(batch))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
    return tail_mean(losses)


def _batches(tokenizer, families: list[str], settings: WarmStart) -> Iterator[Sequences]:
    """Yield batches, determined by the seed."""
    rng = random.Random(f"warm-start/{settings.seed}")
    streams = {name: make_problems(name, "train", settings.seed) for name in families}
    while True:
        problems = [next(streams[rng.choice(families)]) for _ in range(settings.batch)]
        solutions = [noisy_solution(p, rng, noise=settings.noise, direct=settings.direct) for p in problems]
        yield encode(tokenizer, problems, solutions)


Plain = tuple[np.ndarray, ...]  # a batch as sent between processes


def plain(sequences: Sequences) -> Plain:
    return tuple(part.numpy() for part in (sequences.tokens, sequences.prompt_lengths, sequences.lengths))


class Shares:
    """Gradients of batches in shares, each computed by a separate process, the first by this one.

    The processes share the memory of parameters and gradients. A model on a GPU computes its shares in turn.
    """

    def __init__(self, model, count: int):
        self.model, self.count = model, count
        self.parameters = list(model.parameters())
        self.connections: list[Connection] = []
        self.gradients: list[list[Tensor]] = []
        if model.device.type == "cpu":
            model.share_memory()
            for number in range(1, count):
                gradients = [torch.empty_like(parameter).share_memory_() for parameter in self.parameters]

                def answer(batch: Plain, number=number, gradients=gradients) -> float:
                    found, loss = self._share(batch, number)
                    for kept, gradient in zip(gradients, found, strict=True):
                        kept.copy_(gradient)
                    return loss

                self.gradients.append(gradients)
                self.connections.append(_forked(answer, self.connections))

    def set_gradients(self, batch: Plain) -> float:
        """Set the parameters' gradient of the mean token loss; return the loss."""
        for connection in self.connections:
            connection.send(batch)
        here = range(1 if self.connections else self.count)
        gradients, losses = zip(*(self._share(batch, number) for number in here), strict=True)
        losses += tuple(connection.recv() for connection in self.connections)
        for parameter, *parts in zip(self.parameters, *gradients, *self.gradients, strict=True):
            parameter.grad = torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]
        return torch.tensor(losses).sum().item()

    def _share(self, batch: Plain, number: int) -> tuple[tuple[Tensor, ...], float]:
        """Gradient and loss of every `count`-th sequence, so that lengths mix; zeros if no sequence is left."""
        sequences = Sequences(*map(torch.from_numpy, batch)).to(self.model.device)
        total = sequences.lengths.sum()
        index = sequences.by_length(len(sequences.lengths))[0][number :: self.count]
        if not len(index):
            return tuple(map(torch.zeros_like, self.parameters)), 0.0
        part = sequences.rows(index)
        loss = -shared_statistics(self.model, part, temperature=1.0).logprob[part.mask].sum() / total
        return torch.autograd.grad(loss, self.parameters), loss.item()


def _forked(answer: Callable[[Any], Any], others: list[Connection]) -> Connection:
    """Start a process that sends back `answer` of whatever it receives and ends with this one; return the connection.

    `others`: connections to earlier processes, which it must not keep open.
    """
    context = get_context("fork")
    ours, theirs = context.Pipe()

    def serve() -> None:
        for connection in (ours, *others):
            connection.close()
        torch.set_num_threads(1)
        with suppress(EOFError, ConnectionError, KeyboardInterrupt):
            while True:
                theirs.send(answer(theirs.recv()))

    context.Process(target=serve, daemon=True).start()
    theirs.close()
    return ours
