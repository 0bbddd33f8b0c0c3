"""What Lp-Reg needs of the full next-token distribution of the policy that sampled."""

import math

import torch
from torch import Tensor

THRESHOLD = 0.02


def proxy_logprob(logits: Tensor, chosen: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Log-probability of the token `chosen` (…,) after tokens under `threshold`·max π are removed; -inf if it was one.

    `logits` (…, V), already divided by the temperature. Lp-Reg's proxy, arXiv 2510.03222; threshold 0.02.
    """
    logprobs = logits.log_softmax(-1)
    noise = logprobs < logprobs.amax(-1, keepdim=True) + math.log(threshold)
    kept = logprobs.masked_fill(noise, -torch.inf).log_softmax(-1)
    return kept.gather(-1, chosen[..., None]).squeeze(-1)
