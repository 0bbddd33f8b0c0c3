"""Rollouts with the trainer's own torch model: batched decoding with a key-value cache, for small models.

A prompt is prefilled once and its cache shared by the group's samples; finished responses leave the batch. Random
numbers are drawn for all responses at every step, so that what one response samples does not depend on when the
others end.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from steer.engines.sampling import Completion, Sampling


class LocalEngine:
    """Serves the very model object it is given: its weights are always the trainer's."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        self.model = model
        self.tokenizer = tokenizer

    @torch.no_grad()
    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator
    ) -> list[list[Completion]]:
        """`samples` completions for each tokenized prompt, in order. The same generator state, the same tokens."""
        training = self.model.training
        self.model.eval()
        decoding = _Decoding(self.model, self.tokenizer, prompts, sampling, generator)
        flat = decoding.run()
        self.model.train(training)
        n = sampling.samples
        return [flat[i : i + n] for i in range(0, len(flat), n)]

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Nothing to do: these are the trainer's own tensors."""

    wake = update_weights

    def sleep(self) -> None:
        """Nothing to free: the cache goes with each call."""

    close = sleep


class _Decoding:
    """One batch on its way. `rows` are the responses still running; everything else is kept for all of them."""

    def __init__(self, model, tokenizer, prompts, sampling: Sampling, generator: torch.Generator):
        self.model, self.sampling, self.generator = model, sampling, generator
        self.pad = tokenizer.pad_token_id
        self.ends = torch.tensor([tokenizer.eos_token_id, *sampling.stop])
        # Padded on the left: all responses then grow at the same place of the cache.
        width = max(map(len, prompts))
        tokens = torch.tensor([[self.pad] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[False] * (width - len(p)) + [True] * len(p) for p in prompts])
        n = sampling.samples
        cache = DynamicCache(config=model.config)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        hidden = model.model(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache
        ).last_hidden_state
        cache.batch_repeat_interleave(n)
        self.cache = cache
        self.logits = model.lm_head(hidden[:, -1]).repeat_interleave(n, dim=0)
        self.mask = mask.repeat_interleave(n, dim=0)
        self.position = mask.sum(1).repeat_interleave(n)
        self.rows = torch.arange(len(prompts) * n)
        self.total = len(self.rows)
        self.tokens = torch.full((self.total, sampling.max_tokens), self.pad)
        self.logprobs = torch.zeros(self.total, sampling.max_tokens)
        self.lengths = torch.full((self.total,), sampling.max_tokens)

    def run(self) -> list[Completion]:
        for step in range(self.sampling.max_tokens):
            uniform = torch.rand(self.total, generator=self.generator)
            tokens, logprobs = sample(self.logits, uniform[self.rows], self.sampling)
            self.tokens[self.rows, step] = tokens
            self.logprobs[self.rows, step] = logprobs
            running = ~torch.isin(tokens, self.ends)
            self.lengths[self.rows[~running]] = step + 1
            if not running.any() or step + 1 == self.sampling.max_tokens:
                break
            self._advance(tokens, running)
        return self._completions()

    def _advance(self, tokens: Tensor, running: Tensor) -> None:
        """One forward pass of the responses that go on."""
        if not running.all():
            kept = running.nonzero().squeeze(1)
            self.cache.batch_select_indices(kept)
            self.rows, tokens = self.rows[kept], tokens[kept]
            self.mask, self.position = self.mask[kept], self.position[kept]
        self.mask = torch.cat([self.mask, torch.ones(len(self.rows), 1, dtype=torch.bool)], dim=1)
        hidden = self.model.model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.position[:, None],
            past_key_values=self.cache,
        ).last_hidden_state
        self.logits = self.model.lm_head(hidden[:, -1])
        self.position = self.position + 1

    def _completions(self) -> list[Completion]:
        tokens, logprobs, lengths = self.tokens.tolist(), self.logprobs.tolist(), self.lengths.tolist()
        completions, ends = [], set(self.ends.tolist())
        for row, values, length in zip(tokens, logprobs, lengths, strict=True):
            ended = row[length - 1] in ends
            completions.append(Completion(row[:length], values[:length], "stop" if ended else "length"))
        return completions


def sample(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """A token (B,) from `logits` (B, V) by inverting the distribution at `uniform` (B,) in [0, 1), and its log-prob.

    With top-p only the fewest most likely tokens whose mass reaches p can be drawn; the log-probability stays that
    of the whole distribution. Temperature 0 takes the most likely token.
    """
    if sampling.temperature == 0:
        log_pi = torch.log_softmax(logits, dim=-1)
        tokens = logits.argmax(-1)
        return tokens, log_pi.gather(-1, tokens[:, None]).squeeze(-1)
    log_pi = torch.log_softmax(logits / sampling.temperature, dim=-1)
    pi = log_pi.exp()
    if sampling.top_p < 1:
        ordered, index = pi.sort(dim=-1, descending=True, stable=True)
        # A token is out when those before it already hold the mass p.
        outside = ordered.cumsum(-1) - ordered >= sampling.top_p
        pi = pi.scatter(-1, index, ordered.masked_fill(outside, 0.0))
    cumulative = pi.cumsum(-1)
    tokens = torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True).squeeze(-1)
    # Rounding can point past the end, or uniform·total onto it: the last token that can be drawn is meant.
    last = pi.shape[-1] - 1 - (pi.flip(-1) > 0).to(torch.int8).argmax(-1)
    tokens = torch.minimum(tokens, last)
    return tokens, log_pi.gather(-1, tokens[:, None]).squeeze(-1)
