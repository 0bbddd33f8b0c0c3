"""Torch's precision of fp32 matrix products: a process-wide setting that other libraries change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Types of a pass by `training.precision`.
PRECISION = {"fp32": torch.float32, "bf16": torch.bfloat16}


@contextmanager
def products_for(precision: str) -> Iterator[None]:
    """Set the precision of fp32 products for a pass with that `training.precision`, and restore it afterwards.

    vLLM in the trainer's process sets it to `highest` at start. In bf16 the head's product is the only one in
    fp32. On a GPU its factors are bf16 numbers, which TF32 represents exactly: `high` uses the tensor cores without
    loss. A CPU has no TF32.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "bf16" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
