import numpy as np
import pytest
import torch

import ann

# The networks are small, and threads that wait for one another on a busy machine cost more than they bring.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    return ann.load("digits")


@pytest.fixture
def tiny():
    """Two classes told apart by which half is bright: learnt in a few updates."""
    rng = np.random.default_rng(0)

    def part(n):
        y = np.arange(n, dtype=np.int64) % 2
        x = rng.uniform(0, 0.2, (n, 1, 4, 4)).astype(np.float32)
        x[y == 0, :, :2] += 0.7
        x[y == 1, :, 2:] += 0.7
        return x, y

    return ann.Dataset("tiny", *part(48), *part(16), *part(16), classes=("top", "bottom"))
