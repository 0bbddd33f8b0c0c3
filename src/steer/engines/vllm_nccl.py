"""Send weights from the trainer's GPU to vLLM's GPUs by NCCL, through vLLM's weight-update interface.

Not yet run on GPUs.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

# Bytes announced to the workers at once, which is their memory for tensors in flight.
_BUCKET = 1 << 30


class Sender:
    """The trainer's end, rank 0 of a group with vLLM's `workers`, which are called by `rpc(method, **arguments)`."""

    def __init__(self, rpc: Callable[..., Any], workers: int):
        from vllm.distributed.weight_transfer.nccl_common import trainer_init
        from vllm.utils.network_utils import get_open_port

        self.rpc = rpc
        place = {"master_address": "127.0.0.1", "master_port": get_open_port(), "world_size": workers + 1}
        self.group = self._beside(
            "init_weight_transfer_engine",
            {"init_info": {**place, "rank_offset": 1, "packed": False}},
            lambda: trainer_init(place),
        )

    def send(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Send all weights (checkpoint names, whole tensors) to replace the served ones."""
        self.rpc("start_weight_update")
        for bucket in buckets(weights):
            told = {
                "names": [name for name, _ in bucket],
                "dtype_names": [str(tensor.dtype).removeprefix("torch.") for _, tensor in bucket],
                "shapes": [list(tensor.shape) for _, tensor in bucket],
            }
            self._beside("update_weights", {"update_info": told}, lambda sent=bucket: self._broadcast(sent))
        self.rpc("finish_weight_update")

    def _broadcast(self, bucket: list[tuple[str, Tensor]]) -> None:
        stream = torch.cuda.current_stream()
        for _, tensor in bucket:
            self.group.broadcast(tensor.contiguous(), src=0, stream=stream)
        stream.synchronize()

    def _beside(self, method: str, arguments: dict[str, Any], own: Callable[[], Any]) -> Any:
        """Run `own` while the workers run the method: both ends meet inside NCCL."""
        pool = ThreadPoolExecutor(1)
        try:
            there = pool.submit(self.rpc, method, **arguments)
            result = own()
            there.result()
        finally:
            # A failed worker never joins; waiting for it here would hide the error.
            pool.shutdown(wait=False)
        return result


def buckets(weights: Iterable[tuple[str, Tensor]], size: int = _BUCKET) -> Iterator[list[tuple[str, Tensor]]]:
    """Group the weights in order into lists of at most `size` bytes, with at least one weight each."""
    bucket: list[tuple[str, Tensor]] = []
    held = 0
    for name, tensor in weights:
        if bucket and held + tensor.nbytes > size:
            yield bucket
            bucket, held = [], 0
        bucket.append((name, tensor))
        held += tensor.nbytes
    if bucket:
        yield bucket
