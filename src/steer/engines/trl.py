"""TRL's `GRPOTrainer` with one of our methods, which computes advantages and loss; everything else is TRL's.

It needs `trl`, which is not a dependency of this project; no other module imports this one. docs/use-the-losses.md.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from steer.errors import UserError
from steer.methods import Method, Tokens, load_method
from steer.methods.tokens import masked_mean

STATE_FILE = "steer_method.json"
# Fields of `Tokens` that TRL's batches can fill, beyond what every method reads.
CARRIED = {"token"}


class MethodTrainer(GRPOTrainer):
    """`GRPOTrainer(*args, **kwargs)` that trains by `method`, a `Method` or a name in configs/methods.

    TRL's `loss_type`, `epsilon`, `epsilon_high`, `scale_rewards` and `importance_sampling_level` have no effect. Raises
    `UserError` for a method that reads what TRL does not compute, and for settings that add terms to the loss or split
    an update batch: the statistics of a method are those of the whole batch.
    """

    def __init__(self, method: Method | str, *args: Any, **kwargs: Any) -> None:
        self.method = load_method(method) if isinstance(method, str) else method
        lacking = sorted(self.method.needs - CARRIED)
        if lacking:
            raise UserError(f"method {self.method.name} needs `Tokens.{lacking[0]}`, which TRL does not compute")
        super().__init__(*args, **kwargs)
        for key, remedy in _obstacles(self).items():
            raise UserError(f"{key} has no counterpart in `{type(self).__name__}`; {remedy}")

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Tensor:
        self._scores = super()._calculate_rewards(*args, **kwargs)
        return self._scores

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """TRL's rollouts with the method's advantages and, where an update is not on-policy, the old entropies."""
        batch = super()._generate_and_score_completions(inputs)
        rewards = (self._scores * self.reward_weights.to(self._scores.device)).nansum(dim=1)
        # No reward function judged it.
        rewards[self._scores.isnan().all(dim=1)] = torch.nan
        size = self.num_generations if self.model.training else self.num_generations_eval
        group = torch.arange(len(rewards), device=rewards.device) // size
        mask = _mask(batch)
        batch |= {"group": group, "rewards": rewards}
        batch["advantages"] = self.method.advantages(rewards, group, mask.sum(dim=1))
        if "old_per_token_logps" in batch:
            with torch.no_grad():
                batch["old_entropies"] = self._statistics(self.model, batch)[1]
        return batch

    def _statistics(self, model: Any, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(S, T) log-probabilities and entropies of the completions' tokens, at TRL's temperature."""
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        attention = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        width = batch["completion_ids"].shape[1]
        return self._get_per_token_logps_and_entropies(model, ids, attention, width, compute_entropy=True)[:2]

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        logprob, entropy = self._statistics(model, inputs)
        tokens = _tokens(inputs, logprob.float(), entropy.float())
        mode = "train" if self.model.training else "eval"
        if not tokens.valid.any():
            return 0.0 * logprob.sum()
        self.method.progress = (self.state.global_step + 1) / max(self.state.max_steps, 1)
        # On the CPU, so that equal seeds give equal draws on every device.
        generator = torch.Generator().manual_seed(self.args.seed + self.state.global_step)
        output = self.method.loss(tokens, generator=generator)
        logged = {"entropy": masked_mean(tokens.entropy.detach(), tokens.valid).item()}
        logged |= {f"steer/{name}": value for name, value in output.metrics.items()}
        for name, value in logged.items():
            self._metrics[mode][name].append(value)
        if mode == "train":
            self._after_update(tokens, inputs["rewards"])
        return output.loss

    def _after_update(self, tokens: Tokens, rewards: Tensor) -> None:
        """Show controllers each update: the policy's entropy, and the share of responses with a positive reward."""
        entropy = masked_mean(tokens.old_entropy, tokens.valid).item()
        judged = rewards[~rewards.isnan()]
        accuracy = (judged > 0).float().mean().item() if len(judged) else 0.0
        self.method.after_step({"entropy": entropy, "accuracy": accuracy})

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        (folder / STATE_FILE).write_text(json.dumps(self.method.state_dict()), encoding="utf-8")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = (Path(checkpoint) / STATE_FILE).read_text(encoding="utf-8")
            self.method.load_state_dict(json.loads(state))


def _mask(batch: dict[str, Any]) -> Tensor:
    """(S, T) the tokens that the policy chose: not padding, not a tool's answer."""
    mask = batch["completion_mask"]
    return mask * batch["tool_mask"] if "tool_mask" in batch else mask


def _tokens(batch: dict[str, Any], logprob: Tensor, entropy: Tensor) -> Tokens:
    """A batch of TRL's as methods see it. Without old log-probabilities the policy is the one that sampled."""
    old, correction = batch.get("old_per_token_logps"), batch.get("importance_sampling_ratio")
    return Tokens(
        logprob=logprob,
        old_logprob=logprob.detach() if old is None else old.float(),
        entropy=entropy,
        old_entropy=entropy.detach() if old is None else batch["old_entropies"].float(),
        advantage=batch["advantages"].float()[:, None].expand_as(logprob),
        mask=_mask(batch).bool(),
        group=batch["group"],
        token=batch["completion_ids"],
        # vLLM's policy against the trainer's, as TRL bounds it.
        correction=None if correction is None else correction.float().expand_as(logprob),
    )


def _obstacles(trainer: GRPOTrainer) -> dict[str, str]:
    """Setting → remedy, for those under which the loss would not be the method's."""
    args = trainer.args
    checks = {
        "gradient_accumulation_steps above 1": (args.gradient_accumulation_steps > 1, "set it to 1"),
        "training on several processes": (trainer.accelerator.num_processes > 1, "start one"),
        "beta (a KL term)": (args.beta != 0, "set it to 0"),
        "top_entropy_quantile below 1": (args.top_entropy_quantile < 1, "take a method that masks, `fork_tokens`"),
        "off_policy_mask_threshold": (args.off_policy_mask_threshold is not None, "leave it out"),
        "delta (two-sided clipping)": (args.delta is not None, "leave it out"),
        "the entropy bonus": (trainer._entropy_bonus_enabled, "take the method `entropy_regularisation`"),
        "multi_objective_aggregation": (
            trainer.multi_objective_aggregation != "sum_then_normalize",
            "leave it at `sum_then_normalize`",
        ),
    }
    return {key: remedy for key, (present, remedy) in checks.items() if present}
