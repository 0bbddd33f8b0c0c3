"""Decode one more token for every running response, with transformers' modules or with fewer calls.

Both prefill a prompt once for all its samples. With models and batches that fit a CPU, transformers' modules spend most
of a step outside matrix products: per-module dispatch, rebuilding masks, copying a growing cache.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, rms_norm, silu
from transformers import DynamicCache, PreTrainedModel

from steer.models.family import is_plain
from steer.models.head import logits_of
from steer.models.rotary import rotated, signed


class ModuleDecoder:
    """The plain decoder: any architecture, through transformers' modules and its cache that grows by copying."""

    def __init__(self, model: PreTrainedModel, tokens: Tensor, mask: Tensor, samples: int, max_tokens: int):
        self.model = model
        self.cache, logits = _prefill(model, tokens, mask)
        self.cache.batch_repeat_interleave(samples)
        self.mask = mask.repeat_interleave(samples, dim=0)
        self.position = mask.sum(1).repeat_interleave(samples)
        self.logits = logits.repeat_interleave(samples, dim=0)

    def keep(self, rows: Tensor) -> None:
        """Continue with these rows (indices) only."""
        self.cache.batch_select_indices(rows)
        self.mask, self.position = self.mask[rows], self.position[rows]

    def advance(self, tokens: Tensor) -> None:
        """Append `tokens` (B,); `logits` (B, V) then are those of the next ones."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        hidden = self.model.model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.position[:, None],
            past_key_values=self.cache,
        ).last_hidden_state
        self.logits = logits_of(self.model, hidden[:, -1])
        self.position = self.position + 1


class LeanDecoder:
    """Decoder for Qwen2- and Llama-type models: the model's weights, one preallocated cache, no module calls."""

    def __init__(self, model: PreTrainedModel, tokens: Tensor, mask: Tensor, samples: int, max_tokens: int):
        self.model, config = model, model.config
        cache, logits = _prefill(model, tokens, mask)
        prompts, self.width = tokens.shape
        rows, total = prompts * samples, self.width + max_tokens
        self.kv_heads = config.num_key_value_heads
        self.queries = config.num_attention_heads // self.kv_heads
        self.caches = []
        for layer in cache.layers:
            pair = []
            for prompt in (layer.keys, layer.values):
                whole = prompt.new_empty(rows, self.kv_heads, total, prompt.shape[-1])
                whole[:, :, : self.width] = prompt.repeat_interleave(samples, dim=0)
                pair.append(whole)
            self.caches.append(pair)
        # Only the left padding of prompts is masked; response tokens attend to everything before them.
        # In the model's type; logits are always fp32.
        keys = self.caches[0][0]
        hidden = torch.zeros(prompts, total, dtype=keys.dtype, device=tokens.device)
        hidden[:, : self.width].masked_fill_(~mask, torch.finfo(keys.dtype).min)
        self.mask = hidden.repeat_interleave(samples, dim=0)[:, None, None]
        self.position = mask.sum(1).repeat_interleave(samples)
        self.logits = logits.repeat_interleave(samples, dim=0)
        angles = torch.arange(int(mask.sum(1).max()) + max_tokens, device=tokens.device)
        cosine, sine = (part[0] for part in model.model.rotary_emb(keys, angles[None]))
        self.rotation = cosine, signed(sine)

    @staticmethod
    def fits(model: PreTrainedModel) -> bool:
        """Whether this class computes the same as the model's modules."""
        return is_plain(model)

    def keep(self, rows: Tensor) -> None:
        """Continue with these rows (indices) only."""
        filled = self.width
        for pair in self.caches:
            for i, whole in enumerate(pair):
                kept = whole[:, :, :filled].index_select(0, rows)
                whole[: len(rows), :, :filled] = kept
                pair[i] = whole[: len(rows)]
        self.mask, self.position = self.mask[rows], self.position[rows]

    def advance(self, tokens: Tensor) -> None:
        """Append `tokens` (B,); `logits` (B, V) then are those of the next ones."""
        body = self.model.model
        x = embedding(tokens, body.embed_tokens.weight)
        cosine, sine = (part.index_select(0, self.position)[:, None, None] for part in self.rotation)
        mask = self.mask[..., : self.width + 1]
        for layer, (keys, values) in zip(body.layers, self.caches, strict=True):
            x = self._attend(layer, x, cosine, sine, keys, values, mask)
            h = _norm(layer.post_attention_layernorm, x)
            gated = silu(_project(layer.mlp.gate_proj, h)).mul_(_project(layer.mlp.up_proj, h))
            x = x + _project(layer.mlp.down_proj, gated)
        self.logits = logits_of(self.model, _norm(body.norm, x))
        self.width += 1
        self.position = self.position + 1

    def _attend(
        self, layer, x: Tensor, cosine: Tensor, sine: Tensor, keys: Tensor, values: Tensor, mask: Tensor
    ) -> Tensor:
        attention, rows = layer.self_attn, len(x)
        h = _norm(layer.input_layernorm, x)
        shape = rows, self.kv_heads, -1, keys.shape[-1]
        query = rotated(_project(attention.q_proj, h).view(shape), cosine, sine)
        keys[:, :, self.width] = rotated(_project(attention.k_proj, h).view(shape), cosine, sine)[:, :, 0]
        values[:, :, self.width] = _project(attention.v_proj, h).view(shape)[:, :, 0]
        end = self.width + 1
        # Queries that share a key-value head are arranged as if they were positions of one longer query.
        scores = torch.matmul(query, keys[:, :, :end].transpose(2, 3)).mul_(attention.scaling).add_(mask)
        weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        mixed = torch.matmul(weights, values[:, :, :end]).view(rows, -1)
        return x + _project(attention.o_proj, mixed)


def _prefill(model: PreTrainedModel, tokens: Tensor, mask: Tensor) -> tuple[DynamicCache, Tensor]:
    """Fill the cache with left-padded prompts (P, W); return the logits (P, V) after each."""
    cache = DynamicCache(config=model.config)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    hidden = model.model(
        input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache
    ).last_hidden_state
    return cache, logits_of(model, hidden[:, -1])


def _project(layer: nn.Linear, x: Tensor) -> Tensor:
    return linear(x, layer.weight, layer.bias)


def _norm(layer, x: Tensor) -> Tensor:
    return rms_norm(x, x.shape[-1:], layer.weight, layer.variance_epsilon)
