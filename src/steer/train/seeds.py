"""Seeds of the random draws in a training step."""

import hashlib

import torch


def step_seed(seed: int, step: int, purpose: str) -> int:
    """Derive a seed for one purpose in one step from the run's seed, so that there is no random state to save."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()[:7], "big")


def step_generator(seed: int, step: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(step_seed(seed, step, purpose))
