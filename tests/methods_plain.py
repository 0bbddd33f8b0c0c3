"""The formula of every method, written out token by token over plain numbers, as plainly as it can be."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch


def listed(tokens):
    """The response tokens one by one: scalars with `lp`, `h` keeping their gradient, the rest plain floats."""
    rows = []
    for s, t in tokens.mask.nonzero().tolist():
        plain = {
            "olp": tokens.old_logprob,
            "h0": tokens.old_entropy,
            "a": tokens.advantage,
            "red": tokens.reduction,
            "tlp": tokens.teacher_logprob,
            "plp": tokens.proxy_logprob,
            "blp": tokens.base_logprob,
        }
        values = {name: value[s, t].item() for name, value in plain.items()}
        values |= {"lp": tokens.logprob[s, t], "h": tokens.entropy[s, t]}
        token = SimpleNamespace(response=s, place=t, group=int(tokens.group[s]), id=int(tokens.token[s, t]), **values)
        token.nucleus, token.clamped = tokens.nucleus_entropy[s, t], tokens.clamped_entropy[s, t]
        token.pi, token.old, token.now = math.exp(token.lp.item()), math.exp(token.olp), token.lp.item()
        token.r, token.hh = token.pi / token.old, token.h.item()
        token.length = int(tokens.mask[s].sum())
        rows.append(token)
    return rows


def surrogate(x, low=0.2, high=0.2, dual=None, a=None, ratio=None):
    a = x.a if a is None else a
    r = torch.exp(x.lp - x.olp) if ratio is None else ratio
    inside = r if 1 - low <= r <= 1 + high else torch.tensor(1 - low if r < 1 - low else 1 + high, dtype=torch.float64)
    u = r * a if r * a <= inside * a else inside * a
    return u if dual is None or a >= 0 or u >= dual * a else torch.tensor(dual * a, dtype=torch.float64)


def clipped(x, low, high, a=None):
    a = x.a if a is None else a
    return (a > 0 and x.r > 1 + high) or (a < 0 and x.r < 1 - low)


def mean(values):
    return sum(values) / len(values)


def plain_grpo(xs, **clip):
    return -mean([surrogate(x, **clip) for x in xs])


HIGHER = {"low": 0.2, "high": 0.28, "dual": 10.0}
EXTREME = {"low": 0.99, "high": 5.0, "dual": 10.0}


def weighted(xs, weights, **clip):
    return -sum(w * surrogate(x, **clip) for x, w in zip(xs, weights, strict=True)) / len(xs)


def theorem(x, low=0.2, high=0.28):
    return 0.0 if clipped(x, low, high) else -x.r * x.a * x.pi * (1 - x.pi) * (x.now + x.hh)


def exponential(omegas, minimum, floor=0.0):
    alpha, top = -math.log(minimum), max(*map(abs, omegas), floor)
    return [math.exp(-alpha * abs(w) / top) for w in omegas]


def plain_steer(xs, clip=HIGHER):
    return weighted(xs, exponential([theorem(x, clip["low"], clip["high"]) for x in xs], 0.7), **clip)


def released(x):
    pi = min(max(x.pi, 1e-8), 1 - 1e-8)
    return -(x.a / max(x.old, 1e-8)) * pi * (1 - pi) * (math.log(pi) + x.h0)


def plain_steer_tabular(xs):
    omega = [0.0 if clipped(x, 0.2, 0.28) else -x.r * x.a * (x.pi * (x.now + x.hh) - x.red) for x in xs]
    return weighted(xs, exponential(omega, 0.7), **HIGHER)


def plain_steer_linear(xs):
    size = [abs(theorem(x)) for x in xs]
    weights = [1.2 - (s - min(size)) * 0.4 / (max(size) - min(size)) for s in size]
    return weighted(xs, weights, **HIGHER)


def plain_steer_binary(xs):
    size = [abs(theorem(x)) for x in xs]
    bound = sorted(size)[math.ceil(0.8 * len(size)) - 1]
    return weighted(xs, [0.7 if s > bound else 1.0 for s in size], **HIGHER)


def plain_signed(xs, minimum, maximum, strength, unit=max):
    omega = [theorem(x) for x in xs]
    k = -strength * math.log(minimum) / unit([abs(w) for w in omega])
    return weighted(xs, [min(max(math.exp(k * w), minimum), maximum) for w in omega], **HIGHER)


def plain_perplexity(xs):
    log_ppl = {x.response: -mean([y.olp for y in xs if y.response == x.response]) for x in xs}
    group_of = {x.response: x.group for x in xs}
    factor = {}
    for response, value in log_ppl.items():
        same = np.array([log_ppl[other] for other in log_ppl if group_of[other] == group_of[response]])
        q1, q3 = np.percentile(same, [25, 75])
        kept = same[(same >= q1 - 1.5 * (q3 - q1)) & (same <= q3 + 1.5 * (q3 - q1))]
        sigma = kept.std() if kept.std() > 1e-6 else 1.0
        factor[response] = min(max(1 - 0.01 * (value - kept.mean()) / sigma, 0.8), 1.2)
    return -mean([surrogate(x, a=x.a * factor[x.response]) for x in xs])


def plain_position(xs):
    def shaped(x):
        bonus = min(0.1 / (1 + math.exp(-15 * (x.place / x.length - 0.5))), abs(x.a) / 2)
        return x.a + math.copysign(bonus, x.a)

    return -mean([surrogate(x, a=shaped(x)) for x in xs])


def plain_rlrt(xs):
    def shaped(x):
        if x.a <= 0:
            return x.a
        return x.a * (0.5 + 0.5 * min(max(math.exp(x.olp - x.tlp), 0.0), 2.0))

    return -mean([surrogate(x, a=shaped(x)) for x in xs])


def covariances(xs):
    a, lp = mean([x.a for x in xs]), mean([x.now for x in xs])
    return [(x.a - a) * (x.now - lp) for x in xs]


def plain_fork(xs):
    count = max(1, int(0.2 * len(xs)))
    bound = sorted((x.hh for x in xs), reverse=True)[count - 1]
    return weighted(xs, [1.0 if x.hh >= bound else 0.0 for x in xs], **HIGHER)


def plain_clip_cov(xs):
    clip = {"low": 1.0, "high": 1.0}
    eligible = [
        i for i, (x, c) in enumerate(zip(xs, covariances(xs), strict=True)) if abs(c) < 10 and not clipped(x, 1, 1)
    ]
    order = torch.randperm(len(eligible), generator=torch.Generator().manual_seed(1)).tolist()
    drawn = {eligible[i] for i in order[: max(int(0.2 * len(xs)), 1)]}
    return weighted(xs, [0.0 if i in drawn else 1.0 for i in range(len(xs))], **clip)


def plain_kl_cov(xs):
    c = covariances(xs)
    bound = sorted(c, reverse=True)[max(1, int(0.3 * len(xs))) - 1]
    terms = [
        -torch.exp(x.lp - x.olp) * x.a + (abs(x.lp - x.olp) if v >= bound else 0) for x, v in zip(xs, c, strict=True)
    ]
    return mean(terms)


def plain_kernel(xs):
    c = np.array(covariances(xs))
    w = np.exp(-(c**2) / (2 * c.std() ** 2))
    return weighted(xs, (w * len(xs) / w.sum()).tolist())


def plain_opefo(xs):
    delta = [-x.a * (1 - x.pi) ** 2 * (x.now + x.hh) for x in xs]
    up, down = sum(d for d in delta if d > 0), sum(-d for d in delta if d < 0)
    kappa = (down - up) / (down + up)
    weights = [1 + kappa if d > 0 else 1 - kappa for d in delta]
    assert (1 + kappa) * up == pytest.approx((1 - kappa) * down)
    return -mean([w * torch.exp(x.lp - x.olp) * x.a for w, x in zip(weights, xs, strict=True)])


def plain_stare(xs):
    weights = [1.0] * len(xs)
    for sign, factor in ((1, 1.1), (-1, 0.9)):
        side = [i for i, x in enumerate(xs) if x.a * sign > 0]
        for i in sorted(side, key=lambda i: xs[i].now)[: int(0.4 * len(side))]:
            weights[i] = factor
    return weighted(xs, weights, **HIGHER)


def plain_lp_reg(xs):
    bad = sorted((x for x in xs if x.a < 0), key=lambda x: x.now)
    chosen = [x for x in bad[: int(0.9 * len(bad))] if x.plp > x.now]
    assert 0 < len(chosen) < len(bad)
    penalty = sum(torch.exp(x.plp - x.lp) - (x.plp - x.lp) - 1 for x in chosen)
    return plain_grpo(xs, low=1.0, high=9.0) + penalty / len(xs)


def plain_siren(xs):
    responses = [[x.nucleus for x in xs if x.response == s] for s in {x.response for x in xs}]
    bounds = [np.quantile([h.item() for h in own], 0.8) for own in responses]
    peaks = [[h for h in own if h.item() > bound] for own, bound in zip(responses, bounds, strict=True)]
    mean_entropy = mean([mean(p) for p in peaks if p])
    return -sum(surrogate(x, 0.28, 0.28) for x in xs) / (8 * 9) + 0.5 * (mean_entropy - 0.3) ** 2


def plain_gtpo(xs):
    responses = {s: [x for x in xs if x.response == s] for s in {x.response for x in xs}}

    def in_conflict(own, index, backward):
        """Whether the token at `index` and all from there to the end stand in both kinds of response."""
        for i in range(index, len(own)) if backward else range(index + 1):
            signs = set()
            for other in responses.values():
                j = len(other) - len(own) + i if backward else i
                if other[0].group == own[0].group and 0 <= j < len(other) and other[j].id == own[i].id:
                    signs.add(np.sign(other[0].a))
            if not {1.0, -1.0} <= signs:
                return False
        return True

    losses, seen = [], set()
    for own in responses.values():
        ends = [[in_conflict(own, i, b) for b in (False, True)] for i in range(len(own))]
        n, h = max(1, sum(map(any, ends))), mean([x.h0 for x in own])
        kept = 2.0 if own[0].a > 0 else 0.0
        factors = [math.prod(kept if b else 1.0 for b in both) for both in ends]
        seen |= {*factors, h <= 0.6931}
        shaped = [f * (own[0].a - 0.1 * h) / n if h <= 0.6931 else 0.0 for f in factors]
        losses.append(mean([-torch.exp(x.lp - x.olp) * a for x, a in zip(own, shaped, strict=True)]))
    assert {0.0, 1.0, 2.0} <= seen
    return mean(losses)


def plain_ce_gppo(xs):
    def term(x):
        if clipped(x, 0.2, 0.2):
            bound = 1.0 * 1.2 if x.a > 0 else 0.75 * 0.8
            return bound * torch.exp(x.lp - x.now) * x.a
        return surrogate(x, 1.0, math.inf, 10.0)

    return -mean([term(x) for x in xs])


def plain_gspo(xs):
    responses = sorted({x.response for x in xs})
    total = 0
    for s in responses:
        own = [x for x in xs if x.response == s]
        ratio = torch.exp(mean([x.lp - x.olp for x in own]))
        total = total + surrogate(own[0], 3e-4, 4e-4, ratio=ratio)
    return -total / len(responses)


def plain_dr_grpo(xs):
    return -sum(surrogate(x) for x in xs) / (8 * 9)


def plain_quadrant(good, high):
    return lambda xs: weighted(xs, [0.0 if (x.a > 0) == good and (x.now + x.hh > 0) == high else 1.0 for x in xs])


FORMULAS = {
    **dict.fromkeys(["grpo", "rloo", "opo", "w_reinforce", "psr", "nsr"], plain_grpo),
    "dr_grpo": plain_dr_grpo,
    "qae": lambda xs: plain_grpo(xs, **HIGHER),
    "clip_higher": lambda xs: plain_grpo(xs, **HIGHER),
    "extreme_clipping": lambda xs: plain_grpo(xs, **EXTREME),
    "extreme_clipping_steer": lambda xs: plain_steer(xs, EXTREME),
    "entropy_regularisation": lambda xs: plain_grpo(xs) - 1e-3 * mean([x.h for x in xs]),
    "adaptive_entropy": lambda xs: plain_grpo(xs) - 0.01 * mean([x.h for x in xs]),
    "aent": lambda xs: plain_grpo(xs) - 0.02 * mean([x.clamped for x in xs]),
    "siren": plain_siren,
    "gtpo": plain_gtpo,
    "perplexity_shaping": plain_perplexity,
    "position_shaping": plain_position,
    "position_shaping_plateau": plain_position,
    "entropy_advantage": lambda xs: -mean([surrogate(x, a=x.a + min(0.4 * x.hh, abs(x.a) / 2)) for x in xs]),
    "advantage_reweighting": lambda xs: -mean([surrogate(x, a=x.a * (0.2 * x.old + 0.8)) for x in xs]),
    "rlrt": plain_rlrt,
    "fork_tokens": plain_fork,
    "clip_cov": plain_clip_cov,
    "kl_cov": plain_kl_cov,
    "covariance_kernel": plain_kernel,
    "opefo": plain_opefo,
    "stare": plain_stare,
    "lp_reg": plain_lp_reg,
    "cispo": lambda xs: -mean([min(x.r, 1.2) * x.a * x.lp for x in xs]),
    "ce_gppo": plain_ce_gppo,
    "gspo": plain_gspo,
    **dict.fromkeys(["steer", "rloo_steer", "opo_steer"], plain_steer),
    "steer_released": lambda xs: weighted(xs, exponential([released(x) for x in xs], 0.8, 0.02), **HIGHER),
    "steer_tabular": plain_steer_tabular,
    "steer_linear": plain_steer_linear,
    "steer_binary": plain_steer_binary,
    "steer_signed": lambda xs: plain_signed(xs, 0.7, math.inf, 1.0),
    "steer_target": lambda xs: plain_signed(xs, 0.3, 1 / 0.3, 1.5, unit=mean),
    "damp_exploitation": plain_quadrant(True, True),
    "damp_exploration": plain_quadrant(True, False),
    "damp_release": plain_quadrant(False, True),
    "damp_pruning": plain_quadrant(False, False),
}
