"""Random numbers that depend on a seed and disturb nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw PyTorch's global random numbers from `seed` within the block, and give the old state back after it.

    Parameters
    ----------
    seed : int
        Seed of the CPU's generator, and of the device's if it is a CUDA device.
    device : torch.device
        Where the block computes.
    """
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        # torch.manual_seed would also seed devices that fork_rng does not restore.
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
