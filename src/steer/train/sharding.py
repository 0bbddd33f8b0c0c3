"""Shard a model over the processes of a run with PyTorch's FSDP2, or compute in another precision than it is kept in.

Each decoder layer is gathered while it is needed, in the precision of the computation. Parameters, gradients and
optimizer state are kept in fp32, one share per process.
"""

from collections.abc import Iterable
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from steer.configs.schema import Training
from steer.engines.local import LocalEngine
from steer.engines.weights import trainer_weights
from steer.models.forward import Sequences
from steer.models.load import empty_model, save_model
from steer.models.lora import is_adapter
from steer.models.products import PRECISION
from steer.models.statistics import computes_in, policy_statistics
from steer.train.parallel import gather, is_alone, is_main, start, world


def prepared(model: Any, training: Training, device: torch.device) -> tuple[Any, bool]:
    """Prepare the model for training on its device; return it and whether rollouts need a copy of it (`replica`).

    One process trains the model unchanged in fp32, and in bf16 where its own layers compute in it (on a CPU).
    Everything else uses FSDP, even on one process. The first process provides the weights (`shard`).
    """
    if training.gradient_checkpointing:
        # Only a model in training mode recomputes; dropout, which that mode enables, stays off.
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            # The attention weights' dropout is not a module but an argument of the attention function.
            if isinstance(getattr(module, "attention_dropout", None), float):
                module.attention_dropout = 0.0
    if is_alone():
        model = model.to(device)
        if training.precision == "fp32" or computes_in(model, training):
            return model, training.precision != "fp32"
    start(device, training.collective_minutes)
    return shard(model, training.precision, device), True


def shard(model: Any, precision: str, device: torch.device) -> Any:
    """Shard the fp32 model in place: each process keeps its share of the parameters.

    Weights and buffers come from the first process. Elsewhere the model may be on the meta device, so that the host
    holds one copy in all. It moves to the device layer by layer, which never holds all of it.
    """
    whole, empty = model.state_dict() if is_main() else {}, model.device.type == "meta"
    buffers = gather(dict(model.named_buffers()) if is_main() else None)[0]
    mesh = init_device_mesh(device.type, (world(),))
    policy = MixedPrecisionPolicy(param_dtype=PRECISION[precision], reduce_dtype=torch.float32)
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    # The rest, embeddings and head, forms one group: they may be tied.
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            # A micro-batch's loss is its share of the batch's loss, so gradients are summed, not averaged.
            module.set_force_sum_reduction_for_comms(True)
            module.set_gradient_divide_factor(1.0)
    if world() > 1:
        _fill(model, whole, buffers, device, empty)
    model.token_statistics = MethodType(_token_statistics, model)
    register_fsdp_forward_method(model, "token_statistics")
    return model


def _fill(model: Any, whole: dict[str, Tensor], buffers: dict[str, Tensor], device: torch.device, empty: bool) -> None:
    """Copy the weights `whole` of the first process and its buffers into the sharded model, tensor by tensor."""
    if empty:
        model.to_empty(device=device)
        model.tie_weights()
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    set_model_state_dict(model, whole, options=StateDictOptions(full_state_dict=True, broadcast_from_rank0=True))


def _token_statistics(model: Any, sequences: Sequences, training: Training, needs: frozenset[str]) -> tuple:
    """Forward pass for which FSDP gathers the parameters; returns a tuple, in which FSDP finds the tensors."""
    return policy_statistics(model, sequences, training, needs, rows=len(sequences.lengths)).values()


class Replica(LocalEngine):
    """Local engine for a sharded model or one in another precision: serves a copy that every `wake` renews.

    The copy has the precision of the computation.
    """

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        own = dict(self.model.named_parameters(remove_duplicate=False))
        with torch.no_grad():
            for name, value in weights:
                own[name].copy_(value)

    wake = update_weights


def replica(precision: str, model: Any, tokenizer: Any) -> Replica:
    """Make the rollout engine from the trainer's model and tokenizer."""
    copy = empty_model(model.config, PRECISION[precision], model.device)
    return Replica(copy.requires_grad_(False), tokenizer, exact=False)


def save_trained(model: Any, tokenizer: Any, precision: str, folder: Path) -> None:
    """Save the trained model in transformers' format, in the precision of the computation. Call on every process."""
    plain = not isinstance(model, FSDPModule) and all(not is_adapter(name) for name, _ in model.named_parameters())
    if plain and precision == "fp32":
        save_model(model, tokenizer, folder)
        return
    # All processes gather each parameter; one keeps it.
    weights = {}
    for name, value in trainer_weights(model):
        if is_main():
            weights[name] = value.to("cpu", PRECISION[precision])
    if is_main():
        whole = empty_model(model.config, PRECISION[precision], torch.device("meta"))
        whole.load_state_dict(weights, assign=True)
        whole.tie_weights()
        whole.generation_config = model.generation_config
        save_model(whole, tokenizer, folder)
    gather(None)
