"""The trainer's weights for the engines, and a checksum that both sides compute.

Engines fuse projections, split them over devices and pad vocabularies. The checksum is therefore a sum over single
elements, each multiplied by a factor for its row and one for its column in the checkpoint's tensor, so that any part
of a tensor contributes its share.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from steer.models.lora import adapter_of, is_adapter

# Elements converted to 64-bit integers at a time.
_CHUNK = 1 << 22
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def trainer_weights(model: torch.nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield (checkpoint name, whole tensor) of every parameter; tied weights under both names, adapters merged.

    Each sharded parameter is gathered in turn, so every rank has to iterate.
    """
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if is_adapter(name):
            continue
        adapted = adapter_of(model, name)
        if adapted is None:
            # An adapted layer's bias is not trained.
            yield name.replace(".base_layer.", "."), _whole(parameter)
        else:
            checkpoint_name, up, down, scale = adapted
            yield checkpoint_name, _whole(parameter) + scale * (_whole(up) @ _whole(down))


def _whole(parameter: Tensor) -> Tensor:
    detached = parameter.detach()
    # DTensor of FSDP2.
    return detached.full_tensor() if hasattr(detached, "full_tensor") else detached


def share(part: Tensor, row: int = 0, column: int = 0) -> int:
    """Compute a part's contribution to its tensor's sum: Σ a(row + i)·b(column + j)·bits(part_ij), modulo 2^64.

    `part` (R,) or (R, …) starts at `row`, `column` of the checkpoint's tensor. Zeros add nothing.
    """
    # Adding 0 turns -0 into 0: a matrix product cannot distinguish them.
    bits = part.detach().reshape(part.shape[0], -1).contiguous() + 0.0
    bits = bits.view(_BITS[bits.element_size()])
    rows = _multipliers(row, bits.shape[0], part.device)
    columns = _multipliers(column, bits.shape[1], part.device)
    total = 0
    for start in range(0, bits.shape[0], step := max(1, _CHUNK // bits.shape[1])):
        sums = (bits[start : start + step].long() * columns).sum(1)
        total += int((sums * rows[start : start + step]).sum())
    return total % (1 << 64)


def combine(sums: Mapping[str, int]) -> int:
    """Combine the tensors' sums, by name, into one 48-bit number (exact in JSON and in a float)."""
    text = "\n".join(f"{name} {sums[name]}" for name in sorted(sums))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def tensor_sums(weights: Iterable[tuple[str, Tensor]]) -> dict[str, int]:
    """Compute the sum of each whole tensor."""
    return {name: share(tensor) for name, tensor in weights}


def buffer_sums(model: torch.nn.Module) -> dict[str, int]:
    """Compute the sum of each buffer, such as a table of rotary angles, which no weights bring."""
    return {
        name: share(buffer if buffer.ndim else buffer[None]) for name, buffer in model.named_buffers() if buffer.numel()
    }


def changed(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Names whose sums differ or that only one side has."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _multipliers(start: int, count: int, device: torch.device) -> Tensor:
    """Compute (count,) odd 64-bit integers for the indices from `start`: the finaliser of splitmix64."""
    x = torch.arange(start + 1, start + count + 1, device=device) * _signed(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ _shifted(x, shift)) * _signed(factor)
    return (x ^ _shifted(x, 31)) | 1


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Shift right, filling with zeros."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
