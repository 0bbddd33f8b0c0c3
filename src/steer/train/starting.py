"""Shared by warm start and cold start: encoding of solutions, learning-rate schedule, measurement of the result."""

import math
from collections.abc import Callable

import torch
from transformers import PreTrainedTokenizerBase

from steer.data.problem import Problem
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.models.forward import Sequences
from steer.models.tokenizer import render_prompt
from steer.verify.responses import Verifier

# Responses sampled at once, limited by the memory for their keys and values.
_BATCH = 512


def encode(tokenizer: PreTrainedTokenizerBase, problems: list[Problem], solutions: list[str]) -> Sequences:
    """Encode prompts with the chat template and solutions with an end-of-sequence token."""
    texts = [*(render_prompt(tokenizer, p.prompt, p.system) for p in problems), *solutions]
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    prompts, responses = ids[: len(problems)], [[*row, tokenizer.eos_token_id] for row in ids[len(problems) :]]
    return Sequences.from_lists(prompts, responses, tokenizer.pad_token_id)


def course(steps: int) -> Callable[[int], float]:
    """Learning-rate factor at a step from 0: rises over a twentieth of the steps, then half a cosine to 0."""
    warm = max(1, steps // 20)
    return lambda step: min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / steps)))


def tail_mean(losses: list[float]) -> float:
    """The mean of the last tenth."""
    tail = losses[-max(1, len(losses) // 10) :]
    return round(sum(tail) / len(tail), 4)


def measure(model, tokenizer, problems: list[Problem], samples: int, max_tokens: int, seed: int) -> dict:
    """Measure sampling at temperature 1.

    Returns accuracy (also by family), share of questions with a correct sample, share of mixed groups (some but not all
    samples correct), share cut off at `max_tokens`, mean token entropy in nats.
    """
    generator, engine = torch.Generator().manual_seed(seed), LocalEngine(model, tokenizer)
    sampling = Sampling(samples=samples, max_tokens=max_tokens, entropy=True)
    correct, cut, entropies = [], 0, []
    size = max(1, _BATCH // samples)
    with Verifier() as verifier:
        for start in range(0, len(problems), size):
            chunk = problems[start : start + size]
            prompts = [
                tokenizer.encode(render_prompt(tokenizer, p.prompt, p.system), add_special_tokens=False) for p in chunk
            ]
            groups = engine.generate(prompts, sampling, generator)
            flat = [(p, completion) for p, group in zip(chunk, groups, strict=True) for completion in group]
            texts = [tokenizer.decode(c.tokens, skip_special_tokens=True) for _, c in flat]
            correct += [v.verdict == "correct" for v in verifier.verify([p for p, _ in flat], texts)]
            cut += sum(c.finish_reason == "length" for _, c in flat)
            entropies += [value for _, c in flat for value in c.entropies]
    right = torch.tensor(correct).view(len(problems), samples).double()
    share = right.mean(1)
    families: dict[str, list[float]] = {p.benchmark: [] for p in problems}
    for problem, value in zip(problems, share.tolist(), strict=True):
        families[problem.benchmark].append(value)
    return {
        "accuracy": round(share.mean().item(), 4),
        f"pass@{samples}": round(right.amax(1).mean().item(), 4),
        "mixed": round(((share > 0) & (share < 1)).double().mean().item(), 4),
        "truncated": round(cut / len(correct), 4),
        "entropy": round(sum(entropies) / len(entropies), 4),
        "tokens": round(len(entropies) / len(correct), 1),
        "accuracy_by_family": {name: round(sum(values) / len(values), 3) for name, values in families.items()},
    }
