"""Rollouts of one step: prompts, responses and verdicts. Shapes: docs/notation.md."""

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from tqdm import tqdm

from steer.configs.schema import Reward, Training
from steer.data.problem import Problem
from steer.engines.sampling import Completion, Sampling
from steer.methods.rewards import format_rewards, overlong_penalty, random_rewards
from steer.models.forward import Sequences
from steer.models.tokenizer import render_prompt
from steer.verify.responses import Verdict, Verifier
from steer.verify.thought import opened_thought


@dataclass(frozen=True)
class Sampled:
    """S = prompts · rollouts responses, those to one prompt adjacent.

    `truncated` (S,); `engine_logprob`, `engine_entropy` (S, T): values from the rollout engine, 0 outside the mask.
    """

    sequences: Sequences
    truncated: Tensor
    engine_logprob: Tensor
    engine_entropy: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Rollouts(Sampled):
    """Judged responses. `rewards` (S,): NaN if unverifiable. `group` (S,): index of the prompt in the step."""

    problems: list[Problem]
    texts: list[str]
    verdicts: list[Verdict]
    rewards: Tensor
    group: Tensor

    def to(self, device: torch.device) -> "Rollouts":
        names = ("sequences", "rewards", "group", "truncated", "engine_logprob", "engine_entropy")
        values = {name: getattr(self, name) for name in names}
        return replace(self, **{name: value.to(device) for name, value in values.items() if value is not None})

    def without_problems(self) -> "Rollouts":
        """Drop the problems, to send the rollouts to another process, which restores them with `of`."""
        return replace(self, problems=[])

    def of(self, problems: list[Problem]) -> "Rollouts":
        """Restore the problems, one per group."""
        samples = len(self.texts) // max(len(problems), 1)
        return replace(self, problems=[problem for problem in problems for _ in range(samples)])


def sampling_of(training: Training, stop: tuple[int, ...] = (), entropy: bool = False) -> Sampling:
    limits = training.rollouts, training.temperature, training.top_p, training.max_response_tokens
    return Sampling(*limits, stop, entropy)


def assemble(prompts: list[list[int]], completions: list[list[Completion]], pad: int) -> Sampled:
    """Turn grouped completions into tensors."""
    flat = [completion for group in completions for completion in group]
    repeated = [prompt for prompt, group in zip(prompts, completions, strict=True) for _ in group]
    sequences = Sequences.from_lists(repeated, [c.tokens for c in flat], pad)

    def spread(values: list[list[float]]) -> Tensor:
        whole = torch.zeros(sequences.mask.shape)
        whole[sequences.mask] = torch.tensor([value for row in values for value in row])
        return whole

    truncated = torch.tensor([c.finish_reason == "length" for c in flat])
    entropies = [c.entropies for c in flat]
    entropy = None if any(e is None for e in entropies) else spread(entropies)
    return Sampled(sequences, truncated, spread([c.logprobs for c in flat]), entropy)


class Judging:
    """Judge one round's responses as they finish, so that the verifier works while others are sampled.

    Pass `judging.ended` to `Engine.generate`; `result` waits for all. Leaving the context stops all judging.
    """

    def __init__(self, problems: list[Problem], samples: int, tokenizer, verifier: Verifier):
        self.problems = [problem for problem in problems for _ in range(samples)]
        self.tokenizer, self.verifier = tokenizer, verifier
        self.thought = opened_thought(render_prompt(tokenizer, ""))
        self.spent_s = 0.0
        self.asked: list[Future] = []
        # One thread, because the verifier has its own workers.
        self.background = ThreadPoolExecutor(1, thread_name_prefix="judging")

    def __enter__(self) -> "Judging":
        return self

    def __exit__(self, *_: object) -> None:
        self.background.shutdown(cancel_futures=True)

    def ended(self, places: list[int], completions: list[Completion]) -> None:
        self.asked.append(self.background.submit(self._judge, places, completions))

    def _judge(self, places: list[int], completions: list[Completion]) -> list[tuple[int, str, Verdict]]:
        started = time.monotonic()
        texts = [self.tokenizer.decode(c.tokens, skip_special_tokens=True) for c in completions]
        whole = [self.thought + text for text in texts]
        verdicts = self.verifier.verify([self.problems[place] for place in places], whole)
        self.spent_s += time.monotonic() - started
        return list(zip(places, texts, verdicts, strict=True))

    def result(self) -> tuple[list[str], list[Verdict]]:
        """Wait and return text and verdict of every response, in the order of the problems."""
        found = sorted((row for asked in self.asked for row in asked.result()), key=lambda row: row[0])
        assert len(found) == len(self.problems), "the engine told of every response once"
        return [text for _, text, _ in found], [verdict for *_, verdict in found]


def rewards_of(
    problems: list[Problem],
    texts: list[str],
    verdicts: list[Verdict],
    reward: Reward,
    generator: torch.Generator,
) -> Tensor:
    """Compute rewards (S,) without the overlong penalty; NaN if unverifiable, for every kind of reward.

    NaN masks the sample out.
    """
    value = {"correct": reward.correct, "wrong": reward.wrong, "unverifiable": float("nan")}
    scored = reward.kind == "python"
    given = torch.tensor([v.score if scored and v.score is not None else value[v.verdict] for v in verdicts])
    if reward.kind == "random":
        coins = random_rewards(len(texts), reward.correct, reward.wrong, generator)
        given = torch.where(given.isnan(), given, coins)
    elif reward.kind == "format":
        pairs = zip(problems, texts, strict=True)
        fits = torch.cat([format_rewards([t], p.kind, reward.correct, reward.wrong) for p, t in pairs])
        given = torch.where(given.isnan(), given, fits)
    return given


def penalised(rollouts: Rollouts, reward: Reward, limit: int) -> Rollouts:
    """Add the overlong penalty to the rewards, if there is one; `limit`: response tokens.

    This is separate because dynamic sampling selects groups without it: DAPO, arXiv 2503.14476 §3.2, drops prompts
    whose responses are all correct or all wrong, whatever their lengths.
    """
    if reward.overlong_buffer is None:
        return rollouts
    penalty = overlong_penalty(rollouts.sequences.lengths, limit, reward.overlong_buffer)
    return replace(rollouts, rewards=rollouts.rewards + penalty)


def judged(sampled: Sampled, judging: Judging, samples: int, reward: Reward, generator: torch.Generator) -> Rollouts:
    """Wait for all verdicts; return the responses with verdicts and rewards before `penalised`.

    Each prompt has `samples` responses.
    """
    texts, verdicts = judging.result()
    if reward.code_batch_limit_s is not None and judging.spent_s > reward.code_batch_limit_s:
        tqdm.write(
            f"verdicts of one round took {judging.spent_s:.0f} s, more than reward.code_batch_limit_s "
            f"({reward.code_batch_limit_s:g}); more reward.verifier_workers judge more programs at once",
            file=sys.stderr,
        )
    return Rollouts(
        **{field.name: getattr(sampled, field.name) for field in fields(Sampled)},
        problems=judging.problems,
        texts=texts,
        verdicts=verdicts,
        rewards=rewards_of(judging.problems, texts, verdicts, reward, generator),
        group=torch.arange(len(texts)) // samples,
    )
