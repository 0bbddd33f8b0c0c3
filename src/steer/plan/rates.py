"""Rates of GPUs, and the share of each that a kind of work reaches: the one table of efficiencies in the plan.

A source is a publication, a measurement in this repository, or the word `assumed`. `calibrated`: fitted to two of the
five outside runs and checked on the other three (`benchmarks/plan_gpu.py`, docs/scaling.md).
"""

import math
from dataclasses import dataclass, replace

from steer.configs.schema import Hardware


@dataclass(frozen=True)
class Gpu:
    """Peak rates of one GPU: dense operations per second by precision; bytes per second of memory and, in one
    direction, of the links to the machine's other GPUs."""

    name: str
    bf16: float
    tf32: float
    fp32: float
    memory: float
    links: float
    memory_gb: float


# NVIDIA's data sheets (A100, H100 and H200 as SXM modules); of the H20, sheets of resellers agree on these.
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("A100", 312e12, 156e12, 19.5e12, 2.04e12, 300e9, 80),
        Gpu("H100", 989e12, 494e12, 67e12, 3.35e12, 450e9, 80),
        Gpu("H200", 989e12, 494e12, 67e12, 4.8e12, 450e9, 141),
        Gpu("H20", 148e12, 74e12, 44e12, 4.0e12, 450e9, 96),
    )
}


def gpu_of(hardware: Hardware) -> Gpu:
    """Return the type nearest by `tflops`, then by `memory_gb`, with its rates of products scaled to `tflops`."""

    def distance(gpu: Gpu) -> tuple[float, float]:
        return abs(math.log(hardware.tflops * 1e12 / gpu.bf16)), abs(hardware.memory_gb - gpu.memory_gb)

    gpu = min(GPUS.values(), key=distance)
    scale = hardware.tflops * 1e12 / gpu.bf16
    if scale == 1:
        return gpu
    return replace(gpu, bf16=gpu.bf16 * scale, tf32=gpu.tf32 * scale, fp32=gpu.fp32 * scale)


@dataclass(frozen=True)
class Efficiency:
    """Share of a peak rate: one for all types of GPU, or `by_type`."""

    share: float
    source: str
    by_type: tuple[tuple[str, float], ...] = ()

    def on(self, gpu: Gpu) -> float:
        return dict(self.by_type).get(gpu.name, self.share)


EFFICIENCIES = {
    "products": Efficiency(
        0.73,
        "0.73 of an H100's or H200's peak on shapes of language models: SemiAnalysis, 22 December 2024; 0.80 of an "
        "A100's: below the best shape's 0.86 in ml-engineering's table of matmuls; 0.90 of an H20's: assumed",
        (("A100", 0.80), ("H20", 0.90)),
    ),
    "TF32 products": Efficiency(0.60, "assumed: the head's blocks are thinner than a layer's products"),
    "attention": Efficiency(
        0.35,
        "FlashAttention-2: 0.35 of an H100's peak (arXiv 2407.08608), 0.50 to 0.73 of an A100's (arXiv 2307.08691); "
        "0.70 of an H20's: assumed",
        (("A100", 0.60), ("H20", 0.70)),
    ),
    "memory": Efficiency(0.85, "assumed for elementwise kernels; copies reach 0.9"),
    "cache": Efficiency(0.75, "assumed for paged attention while decoding, and for reading weights there"),
    "links": Efficiency(
        0.80,
        "360 of an H100's 450 GB/s: nccl-tests issue 326; 208 of an A100's 300 GB/s: nccl-tests issue 178",
        (("A100", 0.69),),
    ),
    "balance": Efficiency(0.97, "tokens of a pass over the longest pass beside it: benchmarks/balance.json"),
}


@dataclass(frozen=True)
class Fixed:
    """Seconds that an event takes, independent of its size."""

    seconds: float
    source: str


FIXED = {
    "forward pass": Fixed(0.17, "calibrated: launches, FSDP's hooks and a synchronisation per micro-batch"),
    "update pass": Fixed(0.22, "calibrated: the same, forward, backward and recomputation"),
    "decoding step": Fixed(0.003, "assumed: vLLM's scheduler and one CUDA graph"),
    "decoding step, eager": Fixed(0.025, "calibrated"),
    "decoded token": Fixed(10e-6, "assumed: vLLM's sampling and bookkeeping per sequence and step"),
    "decoded token, eager": Fixed(50e-6, "calibrated"),
    "engine's sleep and wake": Fixed(3.0, "assumed: memory released and mapped again, once a step"),
    "start of an engine": Fixed(90.0, "assumed: vLLM loads, compiles and records its graphs"),
    "launch": Fixed(6e-6, "assumed: one kernel of an eager model"),
}
