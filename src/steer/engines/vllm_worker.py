"""Code inside vLLM's workers: receives weights and computes checksums of the served ones.

vLLM fuses q, k, v and gate, up into one matrix each, splits matrices over tensor-parallel workers, pads the vocabulary,
and on a CPU passes matrices to oneDNN, which keeps a packed copy. The checksums are computed from the weights that the
layers use, part by part, under the names and positions of the parts in a checkpoint.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from vllm.distributed import get_tensor_model_parallel_rank
from vllm.model_executor.layers.linear import (
    ColumnParallelLinear,
    LinearBase,
    MergedColumnParallelLinear,
    QKVParallelLinear,
    RowParallelLinear,
)
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

from steer.engines.weights import buffer_sums, share, trainer_weights
from steer.models.load import load_model


class Worker:
    """Mixin for vLLM's worker class; `collective_rpc` calls its methods by name."""

    def receive_weights(self, names: list[str], shapes: list[list[int]], dtype: str, data: list[bytes]) -> None:
        """Replace the served weights by these, given as bytes."""
        kind = getattr(torch, dtype)
        # A copy, because the buffer of a message is read-only.
        rows = zip(names, shapes, data, strict=True)
        self.reload_weights(
            weights_iterator=((n, torch.frombuffer(bytearray(d), dtype=kind).view(s)) for n, s, d in rows)
        )

    def read_weights(self, folder: str) -> None:
        """Replace the served weights by those of a model folder; each worker reads them itself."""
        # As the trainer hands them over: tied weights under both names, of which a file holds one.
        self.reload_weights(weights_iterator=trainer_weights(load_model(folder, dtype="auto")))

    def served_sums(self) -> dict[str, int]:
        """Map each checkpoint name to this worker's share of the tensor's sum; the workers' shares add up to it."""
        model, dtype = self.model_runner.get_model(), self.model_config.dtype
        sums: dict[str, int] = {}
        for name, part, row, column in served_parts(model):
            sums[name] = (sums.get(name, 0) + share(part.to(dtype), row, column)) % (1 << 64)
        return sums

    def served_buffers(self) -> dict[str, int]:
        """Map each buffer of this worker's part of the model to its sum."""
        return buffer_sums(self.model_runner.get_model())


@torch.no_grad()
def served_parts(model: torch.nn.Module) -> Iterator[tuple[str, Tensor, int, int]]:
    """Yield (checkpoint name, part of the tensor, its first row, its first column) of all weights served here.

    Only the first worker yields replicated weights.
    """
    fused = getattr(model, "packed_modules_mapping", {})
    # Tied heads are separate modules, so nothing is counted twice.
    for path, module in model.named_modules():
        if isinstance(module, LinearBase):
            yield from _linear(path, module, fused)
        elif isinstance(module, VocabParallelEmbedding):
            own = module.shard_indices
            weight = _matrix(module, module.embedding_dim) if isinstance(module, ParallelLMHead) else module.weight
            rows = own.org_vocab_end_index - own.org_vocab_start_index
            yield f"{path}.weight", weight[:rows], own.org_vocab_start_index, 0
        elif get_tensor_model_parallel_rank() == 0:
            for name, parameter in module.named_parameters(recurse=False):
                yield f"{path}.{name}", parameter, 0, 0


def _linear(path: str, module: LinearBase, fused: dict[str, list[str]]) -> Iterator[tuple[str, Tensor, int, int]]:
    rank, weight = module.tp_rank, _matrix(module, module.input_size_per_partition)
    tensors = {"weight": weight} if module.bias is None else {"weight": weight, "bias": module.bias}
    parent, _, last = path.rpartition(".")
    if isinstance(module, MergedColumnParallelLinear | QKVParallelLinear):
        for kind, tensor in tensors.items():
            start = 0
            for name, (rows, shard, first) in zip(fused[last], _fused_rows(module), strict=True):
                if first:
                    yield f"{parent}.{name}.{kind}", tensor[start : start + rows], shard * rows, 0
                start += rows
    elif isinstance(module, ColumnParallelLinear):
        for kind, tensor in tensors.items():
            yield f"{path}.{kind}", tensor, rank * len(tensor), 0
    elif isinstance(module, RowParallelLinear):
        yield f"{path}.weight", weight, 0, rank * weight.shape[1]
        if rank == 0 and module.bias is not None:
            yield f"{path}.bias", module.bias, 0, 0
    elif rank == 0:
        yield from ((f"{path}.{kind}", tensor, 0, 0) for kind, tensor in tensors.items())


def _fused_rows(module: LinearBase) -> list[tuple[int, int, bool]]:
    """(rows here, which shard of the tensor they are, whether this worker is the first that holds it) per tensor."""
    rank = module.tp_rank
    if not isinstance(module, QKVParallelLinear):
        return [(size // module.tp_size, rank, True) for size in module.output_sizes]
    # With more workers than key heads, several hold the same one.
    shard, copy = divmod(rank, module.num_kv_head_replicas)
    queries, keys = module.num_heads * module.head_size, module.num_kv_heads * module.head_size
    return [
        (queries, rank, True),
        (keys, shard, copy == 0),
        (module.num_kv_heads * module.v_head_size, shard, copy == 0),
    ]


def _matrix(module: torch.nn.Module, inputs: int) -> Tensor:
    """Return the matrix (outputs, inputs) that the layer multiplies with, however it is stored."""
    if not hasattr(module, "cpu_linear"):
        return module.weight
    # Passing unit vectors through the layer gives its rows exactly: every product except one is 0.
    dtype = getattr(module, "params_dtype", module.weight.dtype)
    found = module.quant_method.apply(module, torch.eye(inputs, dtype=dtype), None)
    return found.t().contiguous()
