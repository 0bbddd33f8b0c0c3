"""verl's actor worker, extended with the batch statistics of a method before each update."""

from typing import Any

import torch
from tensordict import TensorDict
from verl.utils import tensordict_utils as tu
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker

from steer.engines.verl.loss import ROW, STATE, SteerLoss


class MethodTrainingWorker(TrainingWorker):
    """`loss_fn` must be a `SteerLoss`."""

    loss_fn: SteerLoss

    def train_mini_batch(self, data: TensorDict) -> TensorDict | None:
        """Make all updates of a step; add the pooled quantiles of their tokens to verl's metrics."""
        self.loss_fn.start(tu.pop(data, key=STATE))
        output = super().train_mini_batch(data)
        pooled = self.loss_fn.finish(self.engine.get_data_parallel_group())
        if output is not None:
            metrics = {**tu.get(output, key="metrics"), **{name: [value] for name, value in pooled.items()}}
            tu.assign_non_tensor(output, metrics=metrics)
        return output

    def train_batch(self, data: TensorDict) -> TensorDict | None:
        """Make one update: a forward pass without gradient, statistics over all ranks, then verl's update."""
        data[ROW] = torch.arange(len(data))
        self.loss_fn.prepare(self._current(data), data, self.engine.get_data_parallel_group())
        return super().train_batch(data)

    def _current(self, data: TensorDict) -> dict[str, Any]:
        """Return log-probabilities and entropies of the current policy from verl's engine."""
        view = data.copy()
        engine = self.engine_config
        settings = {
            "use_remove_padding": self.model_config.get("use_remove_padding", False),
            "use_dynamic_bsz": engine.use_dynamic_bsz,
            "max_token_len_per_gpu": engine.infer_max_token_len_per_gpu,
            "micro_batch_size_per_gpu": engine.infer_micro_batch_size_per_gpu,
            "use_fused_kernels": engine.use_fused_kernels,
            "calculate_entropy": True,
        }
        tu.assign_non_tensor(view, **settings)
        with self.engine.eval_mode(disable_auto_offload=True):
            return self.engine.infer_batch(view, loss_function=None)["model_output"]


class MethodWorker(ActorRolloutRefWorker):
    actor_worker_cls = MethodTrainingWorker
