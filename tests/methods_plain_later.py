"""The formulas of later methods and of the controls, as `methods_plain` has the others'."""

import math

import numpy as np
import torch
from methods_plain import HIGHER, clipped, exponential, mean, plain_grpo, theorem, weighted


def plain_sapo(xs):
    def term(x):
        tau = 1.0 if x.a > 0 else 1.05
        return 4 / tau * x.a / (1 + torch.exp(-tau * (torch.exp(x.lp - x.olp) - 1)))

    responses = {x.response for x in xs}
    return -mean([mean([term(x) for x in xs if x.response == s]) for s in responses])


def plain_dppo(xs):
    def term(x):
        beyond = x.pi - x.old > 0.2 if x.a > 0 else x.pi - x.old < -0.2
        return 0.0 if beyond else min(x.r, 20.0) * x.a * x.lp

    assert any(isinstance(term(x), float) for x in xs)
    return -mean([term(x) for x in xs])


def plain_bapo(xs):
    low, high, tries = 0.6, 1.2, 0
    while tries < 60:
        good = sum(x.r * x.a for x in xs if x.a > 0 and x.r <= high)
        bad = sum(-x.r * x.a for x in xs if x.a < 0 and x.r >= low)
        if good >= 0.5 * (good + bad):
            break
        tries += 1
        low, high = (0.6 + 0.01 * tries, 1.2) if tries <= 30 else (0.9, 1.2 + 0.06 * (tries - 30))
    return plain_grpo(xs, low=1 - low, high=high - 1)


def plain_scale_rl(xs):
    prompts = {x.group for x in xs if x.a != 0}  # the others have no spread
    return -mean([mean([min(x.r, 5.0) * x.a * x.lp for x in xs if x.group == g]) for g in prompts])


def plain_clip_b(xs):
    s = np.array([x.pi * (x.now + x.hh) for x in xs])
    weights = [0.0 if x.a < 0 and v < s.mean() - 0.5 * s.std() else 1.0 for x, v in zip(xs, s, strict=True)]
    assert 0.0 in weights
    return weighted(xs, weights, low=0.2, high=0.2)


def plain_clip_v(xs):
    d = np.array([x.red - x.pi * (x.now + x.hh) for x in xs])
    beyond = [i for i, x in enumerate(xs) if x.a < 0 and d[i] > 0.3 * d.std()]
    dropped = sorted(beyond, key=lambda i: -d[i])[: max(1, int(0.1 * len(xs)))]
    assert dropped
    return weighted(xs, [0.0 if i in dropped else 1.0 for i in range(len(xs))], low=0.2, high=0.2)


def plain_entropic(xs):
    likely = [x for x in xs if x.old > 0.4]
    return plain_grpo(xs) - 0.5 * mean([-torch.exp(x.lp - x.olp) * abs(x.a) for x in likely])


def plain_grpo_kl(xs):
    return plain_grpo(xs) + 0.5 * mean([torch.exp(x.blp - x.lp) - (x.blp - x.lp) - 1 for x in xs])


def plain_permuted(xs):
    order = torch.randperm(len(xs), generator=torch.Generator().manual_seed(1)).tolist()
    weights = exponential([theorem(x) for x in xs], 0.7)
    return weighted(xs, [weights[i] for i in order], **HIGHER)


def plain_norm_matched(xs):
    weights = exponential([theorem(x) for x in xs], 0.7)
    size = [0.0 if clipped(x, 0.2, 0.28) else x.r * x.a * (1 - x.pi) for x in xs]
    factor = math.hypot(*size) / math.hypot(*[w * s for w, s in zip(weights, size, strict=True)])
    return weighted(xs, [w * factor for w in weights], **HIGHER)


def plain_asymmetric(xs):
    omega = [theorem(x) for x in xs]
    low, high = min(omega), max(omega)
    return weighted(xs, [0.9 + 0.1 * (w - low) / (high - low) for w in omega], **HIGHER)


def plain_quantile(xs):
    size = [abs(theorem(x)) for x in xs]
    return weighted(xs, [0.7 ** (sum(other < w for other in size) / (len(xs) - 1)) for w in size], **HIGHER)


def plain_damp_random(xs):
    among = [i for i, x in enumerate(xs) if x.a != 0]
    order = torch.randperm(len(among), generator=torch.Generator().manual_seed(1)).tolist()
    held = sum(x.a > 0 and x.lp + x.h > 0 for x in xs)
    dropped = {among[place] for place in order[:held]}
    assert 0 < held < len(among)
    return weighted(xs, [0.0 if i in dropped else 1.0 for i in range(len(xs))])


LATER = {
    "sapo": plain_sapo,
    "dppo": plain_dppo,
    "bapo": plain_bapo,
    "scale_rl": plain_scale_rl,
    "clip_b": plain_clip_b,
    "clip_v": plain_clip_v,
    "entropic": plain_entropic,
    "grpo_kl": plain_grpo_kl,
    "uniform": lambda xs: 0.7 * plain_grpo(xs, **HIGHER),
    "permuted": plain_permuted,
    "norm_matched": plain_norm_matched,
    "steer_asymmetric": plain_asymmetric,
    "steer_quantile": plain_quantile,
    "damp_random": plain_damp_random,
    **dict.fromkeys(["maxrl", "pass_at_k", "lite_ppo"], plain_grpo),
}
