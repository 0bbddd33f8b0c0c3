"""One step's rollouts: which prompts, what was sampled, how it was judged."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from steer.configs.schema import Reward, Training
from steer.data.problem import Problem
from steer.engines.sampling import Sampling
from steer.models.forward import Sequences
from steer.models.tokenizer import render_prompt
from steer.verify.responses import Verdict, Verifier


@dataclass(frozen=True)
class Rollouts:
    """S = prompts · rollouts responses, the responses to one prompt side by side.

    `rewards` (S,): NaN where the verifier failed. `group` (S,): index of the prompt in the step. `engine_logprob`
    (S, T): what the rollout engine reported.
    """

    problems: list[Problem]
    sequences: Sequences
    texts: list[str]
    verdicts: list[Verdict]
    rewards: Tensor
    group: Tensor
    truncated: Tensor
    engine_logprob: Tensor


def step_seed(seed: int, step: int, purpose: str) -> int:
    """A seed for one purpose in one step. Deriving each from the run's seed leaves no random state to save."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()[:7], "big")


def step_generator(seed: int, step: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(step_seed(seed, step, purpose))


def choose_prompts(problems: list[Problem], training: Training, seed: int, step: int) -> list[Problem]:
    """The step's prompts (`step` from 1): each epoch goes through all problems once in an order of its own."""
    first = (step - 1) * training.prompts
    chosen = []
    for position in range(first, first + training.prompts):
        epoch, index = divmod(position, len(problems))
        if not chosen or index == 0:
            order = torch.randperm(len(problems), generator=step_generator(seed, epoch, "order")).tolist()
        chosen.append(problems[order[index]])
    return chosen


def sampling_of(training: Training) -> Sampling:
    return Sampling(training.rollouts, training.temperature, training.top_p, training.max_response_tokens)


def encode_prompts(tokenizer, problems: list[Problem], limit: int) -> list[list[int]]:
    """Prompts as tokens, the left end cut off where one is longer than `limit`."""
    rendered = [render_prompt(tokenizer, p.prompt) for p in problems]
    return [tokens[-limit:] for tokens in tokenizer(rendered, add_special_tokens=False)["input_ids"]]


def decode(tokenizer, tokens: list[int]) -> str:
    return tokenizer.decode(tokens, skip_special_tokens=True)


def assemble(
    problems: list[Problem], prompts: list[list[int]], completions: list[list], tokenizer
) -> tuple[Sequences, list[str], Tensor, Tensor]:
    """(sequences, texts, truncated (S,), engine log-probs (S, T)) of grouped completions."""
    flat = [completion for group in completions for completion in group]
    repeated = [prompt for prompt, group in zip(prompts, completions, strict=True) for _ in group]
    sequences = Sequences.from_lists(repeated, [c.tokens for c in flat], tokenizer.pad_token_id)
    texts = [decode(tokenizer, c.tokens) for c in flat]
    truncated = torch.tensor([c.finish_reason == "length" for c in flat])
    logprob = torch.zeros(sequences.mask.shape)
    logprob[sequences.mask] = torch.tensor([value for c in flat for value in c.logprobs])
    return sequences, texts, truncated, logprob


def reward_of(verdict: Verdict, reward: Reward) -> float:
    """The reward of a verdict; NaN for `unverifiable`, which is masked out of training."""
    return {"correct": reward.correct, "wrong": reward.wrong, "unverifiable": float("nan")}[verdict.verdict]


def judge(
    problems: list[Problem], rolled: tuple[Sequences, list[str], Tensor, Tensor], verifier: Verifier, reward: Reward
) -> Rollouts:
    """The rollouts with their verdicts and rewards."""
    sequences, texts, truncated, logprob = rolled
    samples = len(texts) // len(problems)
    repeated = [problem for problem in problems for _ in range(samples)]
    verdicts = verifier.verify(repeated, texts)
    return Rollouts(
        problems=repeated,
        sequences=sequences,
        texts=texts,
        verdicts=verdicts,
        rewards=torch.tensor([reward_of(v, reward) for v in verdicts]),
        group=torch.arange(len(problems)).repeat_interleave(samples),
        truncated=truncated,
        engine_logprob=logprob,
    )
