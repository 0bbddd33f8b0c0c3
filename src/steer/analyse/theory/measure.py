"""Make one update on fixed contexts: entropy of every response token before and after it, and the estimates.

The contexts are a batch of the model's own rollouts. The update uses the trainer's code, on the whole batch at once and
on-policy (importance ratio 1, nothing clipped). docs/theory.md describes the columns; docs/notation.md the symbols.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steer.configs.schema import Reward, Training
from steer.data.problem import Problem
from steer.engines.local import LocalEngine
from steer.methods import Method, Tokens, estimators
from steer.methods.method import Prepared
from steer.models.forward import Sequences, response_statistics
from steer.models.head import TokenStatistics
from steer.train.prompts import choose_prompts, encode_prompts
from steer.train.rollouts import Judging, Rollouts, assemble, judged, penalised, sampling_of
from steer.train.scoring import scored
from steer.train.seeds import step_generator
from steer.train.update import Batch, run_updates
from steer.verify.responses import Verifier

NEEDS = frozenset({"reduction"})
PILOT = 1e-3  # length of SGD's first trial step, as a share of the parameters' norm
# SGD's step should change the entropy by this share of AdamW's change: small enough to be first order.
SMALL = 0.1
NEAR = 0.1  # accepted relative deviation
LOGITS_AT_ONCE = 4  # sequences whose logits are held at once


@dataclass
class Measurer:
    """Measure one model; every call leaves `model` unchanged.

    `training` is the run's, with `prompts` set to the wanted number of prompts and one update on all of them.
    """

    model: Any
    tokenizer: Any
    method: Method
    problems: list[Problem]
    training: Training
    reward: Reward
    seed: int
    stop: tuple[int, ...] = ()
    shares: Mapping[str, float] | None = None

    def contexts(self, step: int, verifier: Verifier) -> tuple[Rollouts, Batch]:
        """Sample rollouts on the prompts of that step (from 1), judge them and compute advantages."""
        training = self.training
        chosen = choose_prompts(self.problems, training, self.seed, step, shares=self.shares)
        prompts = encode_prompts(self.tokenizer, chosen, training.max_prompt_tokens)
        generator = step_generator(self.seed, step, "measured rollout")
        sampling, samples = sampling_of(training, self.stop), training.rollouts
        with Judging(chosen, samples, self.tokenizer, verifier) as judging:
            engine = LocalEngine(self.model, self.tokenizer)
            completions = engine.generate(prompts, sampling, generator, judging.ended)
            sampled = assemble(prompts, completions, self.tokenizer.pad_token_id)
            generator = step_generator(self.seed, step, "measured reward")
            rollouts = judged(sampled, judging, samples, self.reward, generator)
        rollouts = penalised(rollouts, self.reward, training.max_response_tokens).to(self.model.device)
        if rollouts.rewards.isnan().all():
            raise ValueError(f"prompts of step {step}: no response could be judged, so there is no update to measure")
        advantage = self.method.advantages(rollouts.rewards, rollouts.group, rollouts.sequences.lengths)
        old = self.statistics(rollouts.sequences)
        return rollouts, Batch(rollouts.sequences, old, advantage, rollouts.group, ~rollouts.rewards.isnan())

    def change(self, batch: Batch, optimizer: torch.optim.Optimizer) -> tuple[Tensor, float]:
        """Return (entropy change (S, T) by one update of `optimizer`, norm of the gradient)."""
        with self.restored():
            norm = self._update(batch, optimizer)
            return self.statistics(batch.sequences).entropy - batch.old.entropy, norm

    def adamw(self, rate: float, batches: list[Batch]) -> torch.optim.Optimizer:
        """Return training's AdamW with moments from updates at rate 0 on `batches`; without any it is fresh."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.0, weight_decay=self.training.weight_decay)
        for batch in batches:
            self._update(batch, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return optimizer

    def sgd(self, rate: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), lr=rate)

    def sgd_rate(self, batch: Batch, wanted: float) -> float:
        """Find the learning rate at which SGD's step changes the entropy by `wanted` (root mean square over tokens)."""
        _, norm = self.change(batch, self.sgd(0.0))
        length = math.sqrt(sum(float((p.detach() ** 2).sum()) for p in self.model.parameters()))
        if norm == 0:
            return 0.0
        rate = PILOT * length / min(norm, self.training.gradient_clip)
        for _ in range(4):
            found = rms(self.change(batch, self.sgd(rate))[0], batch.valid)
            if abs(found - wanted) <= NEAR * wanted or found == 0:
                break
            # The effect of too long a step is not proportional to it: change by a factor of ten at most.
            rate *= min(max(wanted / found, 0.1), 10.0)
        return rate

    def small_rate(self, batch: Batch) -> float:
        """Find the rate at which SGD's step changes the entropy by `SMALL` times as much as a first step of AdamW."""
        change, _ = self.change(batch, self.adamw(self.training.lr, []))
        return self.sgd_rate(batch, SMALL * rms(change, batch.valid))

    def own_change(self, batch: Batch, prepared: Prepared, rate: float, chosen: Tensor) -> Tensor:
        """First-order effect (K,) of token t's own part of SGD's step on H_t, for the tokens `chosen` (K, 2).

        rate · c_t · <∇H_t, ∇log π_t> over all parameters; c_t = λ_t·A_t·share_t is its factor in the on-policy loss.
        """
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        factor = rate * (prepared.weight * prepared.advantage * prepared.share)
        found = factor.new_zeros(len(chosen))
        for row in chosen[:, 0].unique():
            statistics = response_statistics(self.model, batch.sequences.rows(row[None]), self.training.temperature)
            for place in (chosen[:, 0] == row).nonzero().squeeze(1):
                at = int(chosen[place, 1])
                both = [
                    torch.autograd.grad(values[0, at], parameters, retain_graph=True, allow_unused=True)
                    for values in (statistics.entropy, statistics.logprob)
                ]
                pairs = zip(*both, strict=True)
                product = sum((a * b).sum() for a, b in pairs if a is not None and b is not None)
                found[place] = factor[row, at] * product
        return found

    def tokens(self, batch: Batch) -> tuple[Tokens, Prepared]:
        """Return the estimators' input: advantages shaped by the method, I_clip set, no gradient."""
        tokens = batch.tokens(batch.old).detach()
        prepared = self.method.prepare(tokens, torch.Generator().manual_seed(self.seed))
        shaped = tokens.with_(advantage=prepared.advantage)
        return shaped.with_(unclipped=self.method.clip(shaped).unclipped), prepared

    def gradient_norms(self, batch: Batch, prepared: Prepared) -> Tensor:
        """Norm (S, T) of each token's loss gradient with respect to the logits (divided by the temperature).

        On policy ∂L/∂z_b = -c·(1[b = a] - π_b), so its norm is |c|·sqrt((1 - π_a)² + Σ_{b≠a} π_b²).
        """
        factor = (prepared.weight * prepared.advantage * prepared.share).abs()
        return factor * self._score_norms(batch.sequences)

    @torch.no_grad()
    def _score_norms(self, sequences: Sequences) -> Tensor:
        """Norm (S, T) of ∂log π_a/∂z over the vocabulary; 0 outside the mask."""
        found = torch.zeros(sequences.mask.shape, device=sequences.tokens.device)
        for index in sequences.by_length(LOGITS_AT_ONCE):
            rows = sequences.rows(index)
            logits = self.model(input_ids=rows.tokens, use_cache=False).logits
            for place, row in enumerate(index.tolist()):
                start, length = int(rows.prompt_lengths[place]) - 1, int(rows.lengths[place])
                z = logits[place, start : start + length].float() / self.training.temperature
                score = z.softmax(-1)
                sampled = rows.tokens[place, start + 1 : start + 1 + length, None]
                score.scatter_add_(-1, sampled, score.new_full(sampled.shape, -1.0))
                found[row, :length] = score.norm(dim=-1)
        return found

    def statistics(self, sequences: Sequences) -> TokenStatistics:
        return scored(self.model, sequences, self.training, NEEDS)

    def _update(self, batch: Batch, optimizer: torch.optim.Optimizer) -> float:
        generator = torch.Generator().manual_seed(self.seed)
        records = run_updates(self.model, optimizer, self.method, batch, self.training, generator)
        return records[0].metrics["gradient_norm"] if records else 0.0

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Restore the parameters afterwards."""
        kept = [p.detach().clone() for p in self.model.parameters()]
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self.model.parameters(), kept, strict=True):
                    parameter.copy_(value)


def measure(
    measurer: Measurer, step: int, updates: list[str], warm: int, own_tokens: int, verifier: Verifier
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (columns with one value per response token, details of the updates) for the model after `step`.

    The prompts are those that training would use next, and those of the `warm` steps after it.
    """
    rollouts, batch = measurer.contexts(step + 1, verifier)
    tokens, prepared = measurer.tokens(batch)
    valid = tokens.valid
    columns = _columns(rollouts, batch, tokens, measurer.gradient_norms(batch, prepared))
    rate, facts = measurer.training.lr, {}
    makers: dict[str, Callable[[float], torch.optim.Optimizer]] = {}
    if "adamw_warm" in updates:
        following = [measurer.contexts(step + 2 + i, verifier)[1] for i in range(warm)]
        makers["adamw_warm"] = lambda scale: measurer.adamw(scale * rate, following)
    makers["adamw"] = lambda scale: measurer.adamw(scale * rate, [])
    sgd_rate = measurer.small_rate(batch) if "sgd" in updates else 0.0
    makers["sgd"] = lambda scale: measurer.sgd(scale * sgd_rate)
    for name in updates:
        found, norm = measurer.change(batch, makers[name](1.0))
        half, _ = measurer.change(batch, makers[name](0.5))
        columns[f"change_{name}"] = found[valid]
        size = rms(found, valid)
        facts[name] = {
            "lr": sgd_rate if name == "sgd" else rate,
            "gradient_norm": norm,
            "rms_change": size,
            "nonlinearity": rms(2 * half - found, valid) / size if size else 0.0,
        }
    columns["change_own"] = torch.full_like(columns["entropy"], torch.nan)
    candidates = (valid & (tokens.advantage != 0)).nonzero()
    if own_tokens and len(candidates):
        generator = torch.Generator().manual_seed(measurer.seed)
        drawn = torch.randperm(len(candidates), generator=generator)[:own_tokens].sort().values
        chosen = candidates[drawn.to(candidates.device)]
        norm = facts["sgd"]["gradient_norm"]
        clipped = min(1.0, measurer.training.gradient_clip / norm) if norm else 1.0
        full = tokens.entropy.new_full(valid.shape, torch.nan)
        full[chosen[:, 0], chosen[:, 1]] = measurer.own_change(batch, prepared, clipped * sgd_rate, chosen)
        columns["change_own"] = full[valid]
    return {name: values.tolist() if isinstance(values, Tensor) else values for name, values in columns.items()}, facts


def _columns(rollouts: Rollouts, batch: Batch, tokens: Tokens, gradient: Tensor) -> dict[str, Any]:
    """Return the columns of every judged response token before the update, flattened."""
    valid = tokens.valid
    rows, places = valid.nonzero().T
    owners = [rollouts.problems[row] for row in rows.tolist()]
    return {
        "prompt": rollouts.group[rows],
        "response": rows,
        "benchmark": [problem.benchmark for problem in owners],
        "kind": [problem.kind for problem in owners],
        "position": places,
        "length": batch.sequences.lengths[rows],
        "advantage": tokens.advantage[valid],
        "probability": tokens.logprob.exp()[valid],
        "entropy": tokens.entropy[valid],
        "gradient": gradient[valid],
        **{f"omega_{name}": getattr(estimators, name)(tokens)[valid] for name in estimators.NAMES},
    }


def rms(values: Tensor, mask: Tensor) -> float:
    """Root mean square over the true entries of `mask`."""
    return float((values[mask].double() ** 2).mean().sqrt())
