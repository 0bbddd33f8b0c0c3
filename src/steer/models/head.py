"""Compute per-token statistics from hidden states or logits: log-probability, entropy, and optional ones.

Symbols: docs/notation.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from steer.methods.vocabulary import TRUNCATED, proxy_logprob
from steer.models.fused_head import fused_proxy_logprob, fused_statistics

# With a vocabulary this large, `auto` does not compute all logits.
LARGE = 1 << 14
# Logits computed at a time for statistics that need all of a token's logits.
_ELEMENTS = 1 << 26


@dataclass(frozen=True)
class TokenStatistics:
    """(S, T) each, nats, fp32 or wider for every type of the model.

    Optional, without gradient: `reduction`: Σ_b π_b² (log π_b + H); `proxy_logprob`: under Lp-Reg's filtered
    distribution, -inf where filtered. Optional, with gradient: the entropies of `steer.methods.vocabulary`.
    """

    logprob: Tensor
    entropy: Tensor
    reduction: Tensor | None = None
    proxy_logprob: Tensor | None = None
    nucleus_entropy: Tensor | None = None
    clamped_entropy: Tensor | None = None

    def values(self) -> tuple[Tensor | None, ...]:
        """Return the statistics in the order above, None for absent ones."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def map(self, function: Callable[[Tensor], Tensor]) -> "TokenStatistics":
        """Apply `function` to each statistic that is present."""
        return TokenStatistics(*(None if v is None else function(v) for v in self.values()))


OPTIONAL = ("reduction", "proxy_logprob", *TRUNCATED)


def logits_of(model: Any, hidden: Tensor) -> Tensor:
    """Compute logits (…, V) from last hidden states (…, H), in fp32 even if the model computes in less.

    Products of two bf16 numbers are exact in fp32; a logit of 20 rounded to bf16 would be off by up to 0.06.
    """
    head = model.lm_head
    if hidden.dtype.itemsize >= 4:
        return head(hidden)
    bias = None if head.bias is None else head.bias.float()
    return torch.nn.functional.linear(hidden.float(), head.weight.float(), bias)


def head_statistics(
    model: Any,
    hidden: Tensor,
    tokens: Tensor,
    temperature: float,
    needs: frozenset[str] = frozenset(),
    kind: str = "auto",
    backward: torch.dtype | None = None,
) -> TokenStatistics:
    """Compute statistics of the sampled `tokens` (…) at hidden states (…, h).

    `kind`: `plain` computes all logits, `fused` works in blocks (`steer.models.fused_head`), `auto` chooses by the
    vocabulary. A head that is more than one matrix is always plain. `backward`: type of the factors of the gradients'
    products in the fused head, by default that of the logits.
    """
    head = model.lm_head
    matrix = type(head) is nn.Linear and head.bias is None and type(head.weight) in (nn.Parameter, Tensor)
    if not matrix or kind == "plain" or (kind == "auto" and head.out_features < LARGE):
        return token_statistics(logits_of(model, hidden), tokens, temperature, needs)
    given = hidden.reshape(-1, hidden.shape[-1]), head.weight, tokens.reshape(-1), temperature
    logprob, entropy, reduction, largest = fused_statistics(*given, backward=backward)
    proxy = fused_proxy_logprob(*given, largest) if "proxy_logprob" in needs else None
    extra = _truncated(model, given[0], temperature, sorted(needs & set(TRUNCATED)))
    found = TokenStatistics(logprob, entropy, reduction if "reduction" in needs else None, proxy, **extra)
    return found.map(lambda values: values.view(tokens.shape))


def token_statistics(
    logits: Tensor, tokens: Tensor, temperature: float = 1.0, needs: frozenset[str] = frozenset()
) -> TokenStatistics:
    """Compute statistics of the distribution softmax(logits/temperature) at each position.

    `logits` (…, V), `tokens` (…): the token sampled there. Entropy is of the full vocabulary,
    logsumexp(z) - Σ softmax(z)·z. `needs` names the optional statistics to compute; other names are ignored.
    """
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    z = z if temperature == 1 else z / temperature
    log_pi = torch.log_softmax(z, dim=-1)
    pi = log_pi.exp()
    logprob = log_pi.gather(-1, tokens[..., None]).squeeze(-1)
    entropy = -(pi * log_pi).sum(-1)
    extra = {name: TRUNCATED[name](z) for name in sorted(needs & set(TRUNCATED))}
    with torch.no_grad():
        if "reduction" in needs:
            extra["reduction"] = (pi**2 * (log_pi + entropy[..., None])).sum(-1)
        if "proxy_logprob" in needs:
            extra["proxy_logprob"] = proxy_logprob(z, tokens)
    return TokenStatistics(logprob, entropy, **extra)


def _truncated(model: Any, hidden: Tensor, temperature: float, names: list[str]) -> dict[str, Tensor]:
    """Compute entropies over part of the vocabulary.

    Choosing the part needs all logits, which are computed for a few rows (R, h) at a time, and again in backward.
    """
    if not names:
        return {}

    def of_rows(states: Tensor) -> list[Tensor]:
        z = logits_of(model, states) / temperature
        return [TRUNCATED[name](z) for name in names]

    rows = max(1, _ELEMENTS // model.lm_head.out_features)
    parts = [checkpoint(of_rows, part, use_reentrant=False) for part in hidden.split(rows)]
    return dict(zip(names, map(torch.cat, zip(*parts, strict=True)), strict=True))
