"""A model sharded over the processes of a run by PyTorch's FSDP2, or computing in another precision than it is kept.

Each decoder layer is gathered for the moment it is needed, in the precision of the computation; what is kept, its
gradient and the optimizer's state are fp32 and one share per process.
"""

from types import MethodType
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from steer.configs.schema import Training
from steer.models.forward import Sequences
from steer.models.head import OPTIONAL
from steer.models.statistics import policy_statistics
from steer.train.parallel import world

PRECISION = {"fp32": torch.float32, "bf16": torch.bfloat16}


def shard(model: Any, precision: str) -> Any:
    """The fp32 model with each process' share of its parameters, in place. All processes must hold the same weights."""
    mesh = init_device_mesh(model.device.type, (world(),))
    policy = MixedPrecisionPolicy(param_dtype=PRECISION[precision], reduce_dtype=torch.float32)
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    # What is left, embeddings and head, in one group: they may be tied.
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            # The loss of a micro-batch is its share of the batch's: gradients add up, they are not averaged.
            module.set_force_sum_reduction_for_comms(True)
            module.set_gradient_divide_factor(1.0)
    model.token_statistics = MethodType(_token_statistics, model)
    register_fsdp_forward_method(model, "token_statistics")
    return model


def _token_statistics(model: Any, sequences: Sequences, training: Training, needs: frozenset[str]) -> tuple:
    """The forward pass that FSDP gathers the parameters for; a tuple, in which it finds the tensors."""
    found = policy_statistics(model, sequences, training, needs, rows=len(sequences.lengths))
    return tuple(getattr(found, name) for name in ("logprob", "entropy", *OPTIONAL))
