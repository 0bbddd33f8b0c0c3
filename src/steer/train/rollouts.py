"""One step's rollouts: which prompts, what was sampled, how it was judged."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from steer.configs.schema import Reward, Training
from steer.data.problem import Problem
from steer.engines.sampling import Sampling
from steer.methods.rewards import format_rewards, overlong_penalty, random_rewards
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

    def to(self, device: torch.device) -> "Rollouts":
        names = ("sequences", "rewards", "group", "truncated", "engine_logprob")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def step_seed(seed: int, step: int, purpose: str) -> int:
    """A seed for one purpose in one step. Deriving each from the run's seed leaves no random state to save."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()[:7], "big")


def step_generator(seed: int, step: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(step_seed(seed, step, purpose))


def choose_prompts(
    problems: list[Problem], training: Training, seed: int, step: int, attempt: int = 0
) -> list[Problem]:
    """The step's prompts (`step` from 1): each epoch goes through all problems once in an order of its own.

    A further `attempt` of dynamic sampling goes through them in another order.
    """
    first = (step - 1) * training.prompts
    purpose = f"order/{attempt}" if attempt else "order"
    chosen = []
    for position in range(first, first + training.prompts):
        epoch, index = divmod(position, len(problems))
        if not chosen or index == 0:
            order = torch.randperm(len(problems), generator=step_generator(seed, epoch, purpose)).tolist()
        chosen.append(problems[order[index]])
    return chosen


def sampling_of(training: Training, stop: tuple[int, ...] = ()) -> Sampling:
    return Sampling(training.rollouts, training.temperature, training.top_p, training.max_response_tokens, stop)


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


def rewards_of(
    problems: list[Problem],
    texts: list[str],
    verdicts: list[Verdict],
    lengths: Tensor,
    reward: Reward,
    limit: int,
    generator: torch.Generator,
) -> Tensor:
    """(S,) rewards; NaN where the verifier failed, whatever the kind of reward: that sample is masked out.

    `limit`: the response limit in tokens, which the over-long penalty counts back from.
    """
    value = {"correct": reward.correct, "wrong": reward.wrong, "unverifiable": float("nan")}
    given = torch.tensor([value[v.verdict] for v in verdicts])
    if reward.kind == "random":
        coins = random_rewards(len(texts), reward.correct, reward.wrong, generator)
        given = torch.where(given.isnan(), given, coins)
    elif reward.kind == "format":
        pairs = zip(problems, texts, strict=True)
        fits = torch.cat([format_rewards([t], p.kind, reward.correct, reward.wrong) for p, t in pairs])
        given = torch.where(given.isnan(), given, fits)
    if reward.overlong_buffer is not None:
        given = given + overlong_penalty(lengths, limit, reward.overlong_buffer)
    return given


def judge(
    problems: list[Problem],
    rolled: tuple[Sequences, list[str], Tensor, Tensor],
    verifier: Verifier,
    reward: Reward,
    limit: int,
    generator: torch.Generator,
    meanwhile: Callable[[], None] | None = None,
) -> Rollouts:
    """The rollouts with their verdicts and rewards. `meanwhile` is called while the verifier works."""
    sequences, texts, truncated, logprob = rolled
    samples = len(texts) // len(problems)
    repeated = [problem for problem in problems for _ in range(samples)]
    with ThreadPoolExecutor(1) as background:
        judging = background.submit(verifier.verify, repeated, texts)
        if meanwhile is not None:
            meanwhile()
        verdicts = judging.result()
    return Rollouts(
        problems=repeated,
        sequences=sequences,
        texts=texts,
        verdicts=verdicts,
        rewards=rewards_of(repeated, texts, verdicts, sequences.lengths, reward, limit, generator),
        group=torch.arange(len(problems)).repeat_interleave(samples),
        truncated=truncated,
        engine_logprob=logprob,
    )
