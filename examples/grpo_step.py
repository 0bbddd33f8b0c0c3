"""One training step of GRPO, from prompts to an optimizer step, with the pieces that `steer train` is made of.

    python examples/grpo_step.py            # or another method of configs/methods: examples/grpo_step.py steer

Methods that need a second model or further statistics (`rlrt`, `grpo_kl`, `lp_reg`, `aent`, `siren`) run in
`steer train` alone. It needs two seconds and no download: the model is a transformer of 50,000 random parameters. Read
it from top to bottom; each part names the module that does the same in a real run. Left out: several devices,
checkpoints, dynamic sampling, micro-batches. Shapes: S responses, T tokens of the longest one; G responses to a prompt
form a group.
"""

import sys

import torch

from steer.configs.schema import Architecture, Training
from steer.data.tasks import distinct_problems
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.methods import Method, Tokens, load_method
from steer.models.forward import Sequences
from steer.models.load import new_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer, render_prompt

PROMPTS, G, UPDATES = 4, 8, 2
SETTINGS = Training(steps=1, prompts=PROMPTS, rollouts=G, updates=UPDATES, lr=5e-2, max_response_tokens=12)
SHAPE = Architecture(hidden_size=32, layers=2, heads=4, kv_heads=2, intermediate_size=64, max_positions=128)


def sample_responses(model, tokenizer, problems, generator) -> tuple[Sequences, list[str]]:
    """(S, W) tokens of prompts and responses, and the S texts. In a run: `steer.engines`, `steer.train.rollouts`."""
    prompts = [tokenizer(render_prompt(tokenizer, p.prompt))["input_ids"] for p in problems]
    groups = LocalEngine(model, tokenizer).generate(prompts, Sampling(G, max_tokens=12), generator)
    responses = [completion.tokens for group in groups for completion in group]
    repeated = [prompt for prompt in prompts for _ in range(G)]
    texts = [tokenizer.decode(tokens, skip_special_tokens=True) for tokens in responses]
    return Sequences.from_lists(repeated, responses, tokenizer.pad_token_id), texts


def give_rewards(texts: list[str]) -> torch.Tensor:
    """(S,) +1 where the response has a digit, else -1: a random model states no answer, but learns this at once.

    A run asks the verifiers: `steer.verify.responses.Verifier`, and `steer.train.rollouts.rewards_of`.
    """
    return torch.tensor([1.0 if any(c.isdigit() for c in text) else -1.0 for text in texts])


def tokens_of(current, old, sequences: Sequences, advantage: torch.Tensor, group: torch.Tensor) -> Tokens:
    """What a method sees: (S, T) tensors under the current policy and under the one that sampled."""
    return Tokens(
        logprob=current.logprob,  # carries the gradient
        old_logprob=old.logprob,
        entropy=current.entropy,
        old_entropy=old.entropy,
        advantage=advantage[:, None].expand_as(old.logprob),
        mask=sequences.mask,  # true on response tokens
        group=group,
        reduction=current.reduction,
        token=sequences.responses,
    )


def update(model, optimizer, method: Method, sequences, old, advantage, group) -> dict[str, float]:
    """One optimizer step on some of the responses. In a run: `steer.train.update`.

    loss = Σ m·(-λ·u + penalty)·share, where u is the clipped surrogate r·A and r = π/π_old the importance ratio.
    """
    current = policy_statistics(model, sequences, SETTINGS, method.needs | {"reduction"})
    out = method.loss(tokens_of(current, old, sequences, advantage, group))
    optimizer.zero_grad()
    out.loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS.gradient_clip)
    optimizer.step()
    return {**out.metrics, "gradient_norm": norm.item()}


def training_step(model, tokenizer, method: Method, optimizer, problems, generator) -> dict[str, float]:
    """One step: roll out, reward, advantages, old log-probabilities, updates. In a run: `steer.train.loop`."""
    # 1. G responses to each prompt.
    sequences, texts = sample_responses(model, tokenizer, problems, generator)
    group = torch.arange(len(texts)) // G
    # 2. A reward for each response.
    rewards = give_rewards(texts)
    # 3. Advantages. GRPO: (R - mean of the group) / standard deviation of the group.
    advantage = method.advantages(rewards, group, sequences.lengths)
    # 4. What the policy that sampled thinks of its tokens. The updates below move away from it.
    with torch.no_grad():
        old = policy_statistics(model, sequences, SETTINGS, method.needs)
    # 5. Updates, each on an equal share of the groups.
    metrics = {}
    for chosen in torch.randperm(len(problems), generator=generator).chunk(UPDATES):
        rows = torch.isin(group, chosen).nonzero().squeeze(1)
        part = sequences.rows(rows)
        width = part.mask.shape[1]
        known = old.map(lambda values, rows=rows, width=width: values[rows, :width])
        metrics = update(model, optimizer, method, part, known, advantage[rows], group[rows])
    # 6. Controllers look at the step, and may change the next one.
    entropy = old.entropy.sum() / sequences.mask.sum()
    seen = {"accuracy": (rewards > 0).float().mean().item(), "entropy": entropy.item()}
    method.after_step(seen)
    return seen | metrics


def main(name: str = "grpo", steps: int = 6) -> list[dict[str, float]]:
    """Several steps on the same four problems; the share of rewarded responses rises."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    tokenizer = character_tokenizer()
    model = new_model(SHAPE, tokenizer, seed=0)
    method = load_method(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=SETTINGS.lr)
    problems = distinct_problems("sums", "train", 0, PROMPTS)
    found = []
    for step in range(1, steps + 1):
        found.append(training_step(model, tokenizer, method, optimizer, problems, generator))
        shown = {key: round(found[-1][key], 4) for key in ("accuracy", "entropy", "loss", "gradient_norm")}
        print(f"step {step}: {shown}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
