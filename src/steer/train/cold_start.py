"""Cold start: a short fine-tuning of a pretrained model on worked solutions, which teaches the answer format."""

import random
from collections.abc import Iterator

import torch
from tqdm import tqdm

from steer.configs.model import ColdStart
from steer.data.problem import Problem
from steer.models.statistics import shared_statistics
from steer.train.starting import course, encode, tail_mean


def fine_tune(model, tokenizer, problems: list[Problem], settings: ColdStart) -> float:
    """Fine-tune in place by maximum likelihood on the solutions; return the mean loss of the last tenth of steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, course(settings.steps))
    batches, losses = _batches(problems, settings), []
    for _ in tqdm(range(settings.steps), desc="cold start", mininterval=2):
        chosen = next(batches)
        sequences = encode(tokenizer, chosen, [p.solution for p in chosen]).to(model.device)
        found = shared_statistics(model, sequences, temperature=1.0)
        loss = -found.logprob[sequences.mask].mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return tail_mean(losses)


def _batches(problems: list[Problem], settings: ColdStart) -> Iterator[list[Problem]]:
    """Yield batches; each epoch has its own order, determined by the seed."""
    rng, left = random.Random(f"cold-start/{settings.seed}"), []
    while True:
        while len(left) < settings.batch:
            left += rng.sample(problems, len(problems))
        yield left[: settings.batch]
        left = left[settings.batch :]
