"""A ragged update batch that every method can work on, and its tokens as lists of scalars."""

import torch

from steer.methods import Tokens, load_method


def batch(seed: int = 0, responses: int = 8, length: int = 7, padding: float = 0.0) -> Tokens:
    """float64; two groups, ragged, ratios from about 0.5 to 2, every optional field given, `padding` off the mask."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    shape = (responses, length)
    lengths = torch.randint(1, length + 1, (responses,), generator=draw)
    lengths[0] = length
    mask = torch.arange(length)[None] < lengths[:, None]
    old = -normal(*shape).abs() - 0.05
    logprob = (old + 0.3 * normal(*shape)).clamp(max=-0.01)
    advantage = normal(responses, 1).expand(shape).clone()
    entropy = normal(*shape).abs()
    proxy = (old + 0.2 * normal(*shape)).masked_fill(old < -1.5, -torch.inf)
    fields = {
        "logprob": logprob,
        "old_logprob": old,
        "entropy": entropy,
        "old_entropy": (entropy + 0.1 * normal(*shape)).abs(),
        "advantage": advantage,
        "reduction": 0.2 * normal(*shape),
        "teacher_logprob": old + 0.3 * normal(*shape),
        "proxy_logprob": proxy,
        "nucleus_entropy": 0.8 * entropy * torch.rand(shape, generator=draw, dtype=torch.float64),
        "clamped_entropy": 0.95 * entropy,
        "base_logprob": old + 0.2 * normal(*shape),
        "token": torch.randint(2, shape, generator=draw),
    }
    fields = {name: value if name == "token" else value.masked_fill(~mask, padding) for name, value in fields.items()}
    return Tokens(**fields, mask=mask, group=torch.arange(responses) // (responses // 2))


def with_gradient(tokens: Tokens) -> Tokens:
    """The same values; those that the current policy gives as leaves that ask for a gradient."""
    fields = ("logprob", "entropy", "nucleus_entropy", "clamped_entropy")
    return tokens.with_(**{name: getattr(tokens, name).detach().clone().requires_grad_() for name in fields})


def two_tokens(**changes: list[float]) -> Tokens:
    """Two responses to one prompt, of one token each: π = π_old = (1/2, 1/4), A = (1, -1), H = H_old = (1, 2)."""
    values = {
        "probability": [0.5, 0.25],
        "old": [0.5, 0.25],
        "entropy": [1.0, 2.0],
        "old_entropy": [1.0, 2.0],
        "advantage": [1.0, -1.0],
        "reduction": [0.1, 0.2],
        "teacher": [0.25, 0.5],
        "proxy": [0.5, 0.5],
        "nucleus": [0.5, 1.5],
        "clamped": [1.0, 1.8],
        "base": [0.25, 0.25],
        "token": [3, 3],
    } | changes
    columns = {name: torch.tensor(value, dtype=torch.float64)[:, None] for name, value in values.items()}
    return Tokens(
        logprob=columns["probability"].log(),
        old_logprob=columns["old"].log(),
        entropy=columns["entropy"],
        old_entropy=columns["old_entropy"],
        advantage=columns["advantage"],
        mask=torch.ones(2, 1),
        group=torch.zeros(2),
        reduction=columns["reduction"],
        teacher_logprob=columns["teacher"].log(),
        proxy_logprob=columns["proxy"].log(),
        nucleus_entropy=columns["nucleus"],
        clamped_entropy=columns["clamped"],
        base_logprob=columns["base"].log(),
        token=columns["token"].long(),
    )


# Values at which each method does something on a batch of some thirty tokens.
ACTIVE = {
    "aent": {"penalty.start": 0.02},
    "adaptive_entropy": {"penalty.start": 0.01, "penalty.target": 10, "penalty.maximum": 1},
    "clip_b": {"weight.deviations": 0.5},
    "clip_v": {"weight.deviations": 0.3, "weight.share": 0.1},
    "entropic": {"penalty.above": 0.4},
    "pass_at_k": {"advantage.k": 2},
    "grpo_kl": {"penalty.coefficient": 0.5},
    "clip_cov": {"weight.share": 0.2, "weight.low": -10, "weight.high": 10},
    "dr_grpo": {"reduction.length": 9},
    "kl_cov": {"penalty.share": 0.3},
    "lp_reg": {"penalty.share": 0.9},
    "siren": {"reduction.length": 9, "penalty.coefficient": 0.5},
    "stare": {"weight.share": 0.4, "weight.target": 10, "weight.attenuate": 0.9},
}
MEMORY = {
    "entropic": {"penalty": {"strength": -0.5}},
    "position_shaping_plateau": {"shaping": {"plateau": True}},
    "siren": {"penalty": {"anchor": 0.3}},
    "steer_target": {"weight": {"strength": 1.5}},
}


def active(name: str):
    """The method with its statistics large enough, and its state such, that it acts on `batch()`."""
    method = load_method(name, ACTIVE.get(name))
    method.memory.update(MEMORY.get(name, {}))
    return method
