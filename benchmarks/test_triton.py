"""The Triton kernels against torch's arithmetic, through Triton's interpreter: `make bench-test`, no GPU needed."""

import os

os.environ["TRITON_INTERPRET"] = "1"

import gpu_checks
import pytest
import torch

from steer.models import fused_head_torch, fused_head_triton


def block(rows, columns):
    generator = torch.Generator().manual_seed(rows)
    return 4 * torch.randn(rows, columns, generator=generator), generator


@pytest.mark.parametrize(("rows", "columns"), [(5, 300), (3, 2500), (1, 1024)])
def test_a_block_is_added_to_the_sums(rows, columns):
    z, generator = block(rows, columns)
    largest, sums = 3 * torch.randn(rows, generator=generator), 0.5 + torch.rand(4, rows, generator=generator)
    theirs = largest.clone(), sums.clone()
    fused_head_triton.accumulate(z.clone(), *theirs)
    fused_head_torch.accumulate(z.clone(), largest, sums)
    assert torch.equal(theirs[0], largest)
    assert torch.allclose(theirs[1], sums, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(5, 300), (3, 2500), (1, 1024)])
def test_logits_become_their_gradient(rows, columns):
    z, generator = block(rows, columns)
    total = torch.logsumexp(z, 1)
    given = [torch.randn(rows, generator=generator) for _ in range(3)]
    theirs = z.clone()
    fused_head_triton.gradient_(theirs, total, *given)
    fused_head_torch.gradient_(z, total, *given)
    assert torch.allclose(theirs, z, atol=1e-6)


def test_the_check_for_gpus_passes_and_notices_a_wrong_kernel(monkeypatch):
    assert gpu_checks.kernels(torch.device("cpu"))["passed"]
    monkeypatch.setattr(fused_head_triton, "gradient_", lambda z, *given: z.mul_(1.001))
    assert not gpu_checks.kernels(torch.device("cpu"))["passed"]
