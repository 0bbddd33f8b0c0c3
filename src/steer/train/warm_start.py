"""`steer warm-start`: a small base model, trained from scratch on noisy worked solutions of the synthetic families.

What it should leave is something to explore and something to lose: sampled accuracy well below 1 and entropy well
above 0. It measures both on training questions and writes them to `warm_start.json` in the model's folder.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor
from tqdm import tqdm

from steer.configs.load import add_config_argument, config_from
from steer.configs.schema import WarmStart
from steer.data.problem import Problem
from steer.data.tasks import make_problems
from steer.data.tasks.noise import noisy_solution
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.errors import UserError
from steer.io import atomic_directory, write_json
from steer.models.devices import take_device
from steer.models.forward import Sequences, response_statistics
from steer.models.load import new_model
from steer.models.statistics import shared_statistics
from steer.models.tokenizer import character_tokenizer, render_prompt
from steer.verify.responses import Verifier


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the model and its tokenizer go")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="shares of each batch at once (default 2)")


def run(args: argparse.Namespace) -> None:
    config = config_from(args)
    if config.data.train != "synthetic":
        raise UserError(f"{args.config}: a warm start needs `data.train: synthetic`; else name a model in `model.path`")
    torch.set_num_threads(1)
    families = synthetic_families(config.data.benchmarks)
    tokenizer, settings = character_tokenizer(), config.model.warm_start
    model = new_model(settings.architecture, tokenizer, settings.seed).to(take_device())
    started = time.perf_counter()
    loss = train(model, tokenizer, families, settings, args.threads)
    seconds = time.perf_counter() - started
    summary = {"steps": settings.steps, "loss": loss, "seconds": round(seconds, 1)}
    length = config.training.max_response_tokens if config.training else config.evaluation.max_response_tokens
    summary |= measure(model, tokenizer, families, length, settings.seed)
    with atomic_directory(args.out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_json(folder / "warm_start.json", summary)
    print(json.dumps(summary))


def synthetic_families(benchmarks: list[str]) -> list[str]:
    """The families to learn: those evaluated, or all of them when the evaluation is on real benchmarks."""
    from steer.data.tasks import FAMILIES

    return [name for name in benchmarks if name in FAMILIES] or list(FAMILIES)


def train(model, tokenizer, families: list[str], settings: WarmStart, threads: int) -> float:
    """Maximum likelihood on noisy solutions; returns the mean loss of the last tenth of the steps.

    Each of `threads` takes a share of the batch: products this small gain little from being split themselves.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    warm = max(1, settings.steps // 20)

    def scale(step: int) -> float:
        return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / settings.steps)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, scale)
    batches, losses = _batches(tokenizer, families, settings), []
    # One thread more makes the next batch in the meantime.
    with ThreadPoolExecutor(threads + 1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        upcoming = pool.submit(next, batches)
        for _ in tqdm(range(settings.steps), desc="warm start", mininterval=2):
            sequences = upcoming.result().to(model.device)
            upcoming = pool.submit(next, batches)
            losses.append(set_gradients(model, sequences, threads, pool))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
    tail = losses[-max(1, len(losses) // 10) :]
    return round(sum(tail) / len(tail), 4)


def _batches(tokenizer, families: list[str], settings: WarmStart) -> Iterator[Sequences]:
    """One batch after another, the same for the same seed."""
    rng = random.Random(f"warm-start/{settings.seed}")
    streams = {name: make_problems(name, "train", settings.seed) for name in families}
    while True:
        problems = [next(streams[rng.choice(families)]) for _ in range(settings.batch)]
        solutions = [noisy_solution(p, rng, noise=settings.noise, direct=settings.direct) for p in problems]
        yield encode(tokenizer, problems, solutions)


def set_gradients(model, sequences: Sequences, shares: int, pool: Executor) -> float:
    """Give the parameters the gradient of the mean token loss; returns the loss."""
    parameters, total = list(model.parameters()), sequences.lengths.sum()
    in_order = sequences.by_length(len(sequences.lengths))[0]

    def share(index: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        part = sequences.rows(index)
        loss = -shared_statistics(model, part, temperature=1.0).logprob[part.mask].sum() / total
        return torch.autograd.grad(loss, parameters), loss.detach()

    # Every share has short and long sequences alike.
    rows = [in_order[i::shares] for i in range(min(shares, len(in_order)))]
    gradients, losses = zip(*pool.map(share, rows), strict=True)
    for parameter, *parts in zip(parameters, *gradients, strict=True):
        parameter.grad = torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]
    return torch.stack(losses).sum().item()


def encode(tokenizer, problems: list[Problem], solutions: list[str]) -> Sequences:
    """Prompts as the chat template renders them, solutions with an end-of-sequence token."""
    texts = [*(render_prompt(tokenizer, p.prompt) for p in problems), *solutions]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    prompts, responses = ids[: len(problems)], [[*row, tokenizer.eos_token_id] for row in ids[len(problems) :]]
    return Sequences.from_lists(prompts, responses, tokenizer.pad_token_id)


def measure(model, tokenizer, families: list[str], max_tokens: int, seed: int) -> dict:
    """Sampled accuracy, pass@4 and mean token entropy on training questions, over all families and for each."""
    problems = [p for name in families for p in islice(make_problems(name, "train", seed + 1), 32)]
    prompts = [tokenizer.encode(render_prompt(tokenizer, p.prompt), add_special_tokens=False) for p in problems]
    generator = torch.Generator().manual_seed(seed)
    engine = LocalEngine(model, tokenizer)
    completions = engine.generate(prompts, Sampling(samples=4, max_tokens=max_tokens), generator)
    flat = [(i, completion) for i, group in enumerate(completions) for completion in group]
    with Verifier() as verifier:
        texts = [tokenizer.decode(c.tokens, skip_special_tokens=True) for _, c in flat]
        verdicts = verifier.verify([problems[i] for i, _ in flat], texts)
    responses = [c.tokens for _, c in flat]
    sequences = Sequences.from_lists([prompts[i] for i, _ in flat], responses, tokenizer.pad_token_id).to(model.device)
    with torch.no_grad():
        entropy = response_statistics(model, sequences, temperature=1.0).entropy[sequences.mask].mean().item()
    correct = torch.tensor([v.verdict == "correct" for v in verdicts]).view(len(problems), 4).double()
    by_family = correct.mean(1).view(len(families), -1).mean(1).tolist()
    return {
        "accuracy": round(correct.mean().item(), 4),
        "pass@4": round(correct.amax(1).mean().item(), 4),
        "entropy": round(entropy, 4),
        "accuracy_by_family": {name: round(a, 3) for name, a in zip(families, by_family, strict=True)},
    }
