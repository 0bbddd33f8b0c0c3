"""Rollouts with the trainer's own torch model: batched decoding with a key-value cache, for small models.

A prompt is prefilled once for all its samples; finished responses leave the batch. Random numbers are drawn for all
responses at every step, so a response's samples do not depend on when the others end.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from steer.engines.decoder import LeanDecoder, ModuleDecoder
from steer.engines.sampling import Completion, Ended, Sampling
from steer.models.head import token_statistics

# The batch shrinks only when this share of responses is left, because shrinking copies the cache.
_SHRINK = 0.75


class LocalEngine:
    """Engine that samples from the given model object, so its weights are always the trainer's.

    `plain`: decode with transformers' modules even if the faster decoder supports the model. `exact`: as in `Engine`;
    false if the trainer should compute the statistics itself.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, plain: bool = False, exact: bool = True
    ):
        self.model, self.exact = model, exact
        self.tokenizer = tokenizer
        self.decoder = ModuleDecoder if plain or not LeanDecoder.fits(model) else LeanDecoder

    @torch.no_grad()
    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator, ended: Ended | None = None
    ) -> list[list[Completion]]:
        """Sample `samples` completions per tokenized prompt, in order, reproducibly for equal generator states."""
        training = self.model.training
        self.model.eval()
        flat = self._decode(prompts, sampling, generator, ended)
        self.model.train(training)
        n = sampling.samples
        return [flat[i : i + n] for i in range(0, len(flat), n)]

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Do nothing: these are the trainer's own tensors."""

    wake = update_weights

    def sleep(self) -> None:
        """Do nothing: the cache is freed after each call."""

    close = sleep

    def _decode(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator, ended: Ended | None
    ) -> list[Completion]:
        device, pad = self.model.device, self.tokenizer.pad_token_id
        ends = torch.tensor([self.tokenizer.eos_token_id, *sampling.stop], device=device)
        # Padded on the left, so that all responses grow at the same position of the cache.
        width = max(map(len, prompts))
        padded = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=device)
        mask = torch.tensor([[False] * (width - len(p)) + [True] * len(p) for p in prompts], device=device)
        decoder = self.decoder(self.model, padded, mask, sampling.samples, sampling.max_tokens)
        total = len(prompts) * sampling.samples
        # For all responses: the samples. For those still in the batch: their indices, and whether they continue.
        tokens = torch.full((total, sampling.max_tokens), pad, device=device)
        logprobs = torch.zeros(total, sampling.max_tokens, device=device)
        entropies = torch.zeros_like(logprobs) if sampling.entropy else None
        lengths = torch.full((total,), sampling.max_tokens, device=device)
        rows, running = torch.arange(total, device=device), torch.ones(total, dtype=torch.bool, device=device)
        found: list[Completion | None] = [None] * total

        last = set(ends.tolist())

        def finish(which: Tensor) -> None:
            told = (tokens, logprobs) if entropies is None else (tokens, logprobs, entropies)
            parts = [part[which].tolist() for part in (lengths, *told)]
            places = which.tolist()
            for place, length, *values in zip(places, *parts, strict=True):
                found[place] = _completion([row[:length] for row in values], last)
            if ended is not None:
                ended(places, [found[place] for place in places])

        for step in range(sampling.max_tokens):
            uniform = torch.rand(total, generator=generator).to(device)
            drawn, logprob = sample(decoder.logits.float(), uniform[rows], sampling)
            if entropies is not None:
                entropies[rows, step] = token_statistics(decoder.logits, drawn, sampling.temperature).entropy
            tokens[rows, step] = drawn.masked_fill_(~running, pad)
            logprobs[rows, step] = logprob.masked_fill_(~running, 0.0)
            ending = running & torch.isin(drawn, ends)
            lengths[rows[ending]] = step + 1
            running = running & ~ending
            left = int(running.sum())
            if left == 0 or step + 1 == sampling.max_tokens:
                break
            if left <= _SHRINK * len(rows):
                finish(rows[~running])
                kept = running.nonzero().squeeze(1)
                decoder.keep(kept)
                rows, drawn, running = rows[kept], drawn[kept], running[kept]
            decoder.advance(drawn)
        finish(rows)
        return found


def _completion(parts: list[list], ends: set[int]) -> Completion:
    """`parts`: the response's tokens, their log-probabilities and, if requested, entropies."""
    tokens, logprobs, *entropies = parts
    return Completion(tokens, logprobs, "stop" if tokens[-1] in ends else "length", *entropies)


def sample(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Sample tokens (B,) from `logits` (B, V) by inverting the distribution at `uniform` (B,) in [0, 1].

    Also returns log-probabilities, always of the full distribution. With top-p only the smallest set of most likely
    tokens whose mass reaches p can be drawn. Temperature 0 takes the most likely token.
    """
    if sampling.temperature == 0:
        log_pi = torch.log_softmax(logits, dim=-1)
        tokens = logits.argmax(-1)
        return tokens, log_pi.gather(-1, tokens[:, None]).squeeze(-1)
    log_pi = torch.log_softmax(logits if sampling.temperature == 1 else logits / sampling.temperature, dim=-1)
    pi = log_pi.exp()
    if sampling.top_p < 1:
        ordered, index = pi.sort(dim=-1, descending=True, stable=True)
        # A token is excluded if the tokens before it already hold the mass p.
        outside = ordered.cumsum(-1) - ordered >= sampling.top_p
        pi = pi.scatter(-1, index, ordered.masked_fill(outside, 0.0))
    cumulative = pi.cumsum(-1)
    total = cumulative[:, -1]
    # Keeping the point below the total ensures that it falls on a token with mass despite rounding.
    point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, point[:, None], right=True).squeeze(-1)
    return tokens, log_pi.gather(-1, tokens[:, None]).squeeze(-1)
