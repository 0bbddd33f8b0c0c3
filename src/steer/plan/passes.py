"""Which passes through the model a method needs in a training step, from what the method declares."""

from dataclasses import dataclass

from steer.configs.schema import Config


@dataclass(frozen=True)
class Needs:
    """Passes of a step beside rollout and update.

    `statistics`: a pass before each update of several micro-batches; `base`, `teacher`: of the whole batch under
    another model or prompt; `idle`: share of the groups without spread that the update leaves out; `heads`: passes over
    the vocabulary of the sampling policy's statistics; `extra`: further operations of the head in the update, per
    weight and token.
    """

    statistics: bool
    base: bool
    teacher: bool
    idle: float
    heads: int
    extra: int

    @classmethod
    def of(cls, method, skip_idle: bool) -> "Needs":
        """Read a `steer.methods.Method`."""
        from steer.methods.vocabulary import TRUNCATED

        truncated = len(method.needs & set(TRUNCATED))
        return cls(
            statistics=method.reads != "nothing",
            base="base_logprob" in method.needs,
            teacher="teacher_logprob" in method.needs,
            idle=_idle(method) if skip_idle else 0.0,
            heads=1 + truncated + ("proxy_logprob" in method.needs),
            # Forward, once more for the gradient, and the gradient's two products.
            extra=8 * truncated,
        )


def needs_of(config: Config, run: str) -> Needs:
    """Return a run's passes. `UserError` if its method does not exist."""
    from steer.methods import load_method

    settings = config.methods[run]
    return Needs.of(load_method(settings.method or run, settings.set), config.training_for(run).skip_idle)


def _idle(method) -> float:
    """Try the method on four groups of which one is all wrong and one all right: the share of these two's responses
    that it leaves out of the update."""
    import torch

    from steer.methods import Tokens
    from steer.methods.vocabulary import TRUNCATED

    rewards = torch.tensor([-1.0] * 4 + [1.0] * 4 + [-1.0, 1.0] * 4)
    group, lengths = torch.arange(4).repeat_interleave(4), torch.full((16,), 6)
    generator = torch.Generator().manual_seed(0)
    some = -torch.rand(16, 6, generator=generator)
    mask = torch.ones(16, 6, dtype=torch.bool)
    advantage = method.advantages(rewards, group, lengths)[:, None].expand(16, 6)
    names = ("reduction", "teacher_logprob", "proxy_logprob", "base_logprob", *TRUNCATED)
    tokens = Tokens(
        some, some, -some, -some, advantage, mask, group, token=mask.long(), **dict.fromkeys(names, some - 0.1)
    )
    return float(method.idle(tokens)[:8].float().mean())
