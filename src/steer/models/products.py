"""How torch multiplies matrices in fp32: a setting of the whole process, which other libraries change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def products_for(precision: str) -> Iterator[None]:
    """Products in fp32 as a pass of that `training.precision` wants them; afterwards as they were.

    vLLM in the trainer's process sets them to `highest` when it starts. In bf16 the head's product is the only one in
    fp32, and its factors are bf16 numbers, which TF32 holds exactly: `high` takes the tensor cores at no loss.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "bf16" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
