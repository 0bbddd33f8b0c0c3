"""verl's synchronous trainer with our methods: registered as `trainer.v1.trainer_mode=steer` by verl's plugin hook.

Differences from verl's own: groups stay whole within an update, unverifiable responses are masked out, the method
computes the advantages, the actor's loss is `SteerLoss`, and each step writes a line of our metrics.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
import transfer_queue as tq
from omegaconf import OmegaConf, open_dict
from tensordict import TensorDict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.utils import Role
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils.seqlen_balancing import get_seqlen_balanced_partitions
from verl.workers.utils.padding import response_to_nested

from steer.engines.verl import agent  # noqa: F401  registers the agent loop that the overrides name
from steer.engines.verl.loss import GROUP, PREFIX, STATE, SteerLoss, method_state
from steer.engines.verl.settings import METHOD_FILE, METRICS_FILE, bound_method
from steer.engines.verl.step import Responses, rewards, step_metrics
from steer.engines.verl.worker import MethodWorker
from steer.train.seeds import step_generator

FIELDS = ["uid", "response_mask", "responses", "rm_scores", "extra_fields", "entropy", "old_log_probs", "data_source"]
# verl's names of our metrics that do not come from the method.
RENAMED = {"actor/grad_norm": "gradient_norm", "actor/lr": "lr"}
PHASES = {"gen": "rollout", "old_log_prob": "logprob", "update_actor": "update"}


@register_trainer("steer")
class SteerTrainer(PPOTrainerSync):
    """Trainer whose `config.steer` comes from `steer.engines.verl.overrides`."""

    def __init__(self, config: Any):
        # verl derives its buffers and checkpoints from the mode's name; use the synchronous one.
        with open_dict(config):
            config.trainer.v1.trainer_mode = "sync"
        super().__init__(config)
        self.run = OmegaConf.to_container(config.steer, resolve=True)
        self.method = bound_method(self.run)
        self.line: dict[str, Any] = {}

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        for role in (Role.Actor, Role.ActorRollout, Role.ActorRolloutRef):
            if role in self.role_worker_mapping:
                self.role_worker_mapping[role] = ray.remote(MethodWorker)

    def _setup(self) -> None:
        super()._setup()
        loss = SteerLoss(bound_method(self.run), self.run["seed"], self.run["correction_cap"])
        self.actor_rollout_wg.set_loss_fn(loss)

    def _balance_batch(self, batch: KVBatchMeta, metrics: dict, *args: Any, **kwargs: Any) -> KVBatchMeta:
        """Apply verl's padding, then order rows so that updates hold whole groups and ranks have equal lengths."""
        batch = super()._balance_batch(batch, metrics, *args, **kwargs)
        ranks = max(self.actor_rollout_wg._dispatch_info["actor"]) + 1
        actor = self.config.actor_rollout_ref.actor
        size = actor.ppo_mini_batch_size * self.config.actor_rollout_ref.rollout.n
        generator = step_generator(self.run["seed"], self.global_steps, "updates")
        batch.reorder(update_order(batch.keys, batch.tags, size, ranks, generator))
        return batch

    def _compute_advantage(self, batch: KVBatchMeta, metrics: dict) -> KVBatchMeta:
        real = [not tag.get("is_padding", False) for tag in batch.tags]
        fields = [
            *FIELDS,
            *(["rollout_log_probs"] if self.config.actor_rollout_ref.rollout.calculate_log_probs else []),
        ]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        found = Responses.read(data, real, self.tokenizer.eos_token_id, self.config.data.max_response_length)
        given = rewards(found, self.run["reward"], self.config.data.max_response_length, self._generator("reward"))
        advantage = self.method.advantages(given, found.group, found.lengths)
        judged = ~given.isnan()
        mask = data["response_mask"]
        padded = mask.to_padded_tensor(0) * judged[:, None].to(mask.dtype)
        nested = {
            "advantages": response_to_nested(advantage[:, None] * padded.to(advantage.dtype), mask),
            "response_mask": response_to_nested(padded, mask),
        }
        nested |= {"returns": nested["advantages"], "loss_mask": nested["response_mask"], GROUP: found.group}
        output = TensorDict(nested, batch_size=len(batch))
        self.line = step_metrics(found, given, advantage, self.run["correction_cap"])
        return tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=output)

    def _generator(self, purpose: str) -> torch.Generator:
        return step_generator(self.run["seed"], self.global_steps, purpose)

    def _update_actor(self, batch: KVBatchMeta, metrics: dict) -> KVBatchMeta:
        self.method.progress = self.global_steps / self.total_training_steps
        batch.extra_info[STATE] = method_state(self.method, self.global_steps)
        batch = super()._update_actor(batch, metrics)
        prefix = f"actor/{PREFIX}"
        self.line |= {k.removeprefix(prefix): float(metrics.pop(k)) for k in list(metrics) if k.startswith(prefix)}
        self.line |= {ours: float(np.mean(metrics[name])) for name, ours in RENAMED.items() if name in metrics}
        self.method.after_step(self.line)
        # verl's own loggers, such as wandb, receive them too.
        metrics.update({PREFIX + name: value for name, value in self.line.items() if value is not None})
        return batch

    def _compute_metrics(self, batch: KVBatchMeta, metrics: dict, timing_raw: dict, global_steps: int, epoch: int):
        super()._compute_metrics(batch, metrics, timing_raw, global_steps=global_steps, epoch=epoch)
        self._record(timing_raw["step"])

    def _record(self, seconds: float) -> None:
        """Append the step's line; if a step has several, the last counts."""
        folder, timing = Path(self.config.trainer.default_local_dir), self.timing_raw
        phases = {f"seconds_{ours}": round(timing[name], 4) for name, ours in PHASES.items() if name in timing}
        row = {"step": self.global_steps, **self.line, **phases, "seconds": round(seconds, 4)}
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / METRICS_FILE, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _save_checkpoint(self) -> None:
        """Save the method's state and the step's line before verl's marker, which marks a complete checkpoint.

        Otherwise a run killed between the marker and the end of the step would lose the line.
        """
        folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / METHOD_FILE).write_text(json.dumps(self.method.state_dict()))
        self._record(sum(self.timing_raw.get(name, 0.0) for name in PHASES))
        super()._save_checkpoint()

    def _load_checkpoint(self) -> None:
        super()._load_checkpoint()
        if self.global_steps > 0:
            folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
            self.method.load_state_dict(json.loads((folder / METHOD_FILE).read_text()))


def update_order(keys: list[str], tags: list[dict], size: int, ranks: int, generator: torch.Generator) -> list[int]:
    """Order rows by rank, then by update: verl cuts them into `ranks` and then into updates.

    `keys` are verl's, `<prompt>_<session>_<index>`; `size` is the number of responses per update over all ranks.
    Groups come in random order, padding last; within an update the ranks share the tokens evenly.
    """
    groups: dict[str, list[int]] = {}
    padding = []
    for row, (key, tag) in enumerate(zip(keys, tags, strict=True)):
        rows = padding if tag.get("is_padding", False) else groups.setdefault(key.rsplit("_", 2)[0], [])
        rows.append(row)
    names = sorted(groups)
    order = [row for i in torch.randperm(len(names), generator=generator).tolist() for row in groups[names[i]]]
    order += padding
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    for first in range(0, len(order), size):
        update = order[first : first + size]
        lengths = [tags[row]["seq_len"] for row in update]
        parts = get_seqlen_balanced_partitions(lengths, k_partitions=ranks, equal_size=True)
        for rank, part in enumerate(parts):
            dealt[rank] += [update[i] for i in part]
    return [row for rows in dealt for row in rows]
