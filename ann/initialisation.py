"""Random initial weights by name."""

from __future__ import annotations

import torch
from torch import nn

from ann.checks import check_one_of, check_seed
from ann.seeding import seeded

INITIALISATIONS = ("xavier", "he")
WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


def initialise(model: nn.Module, name: str, *, seed: int = 0) -> None:
    """Draw the weights of a model's linear and convolutional layers anew, and set their biases to zero.

    "xavier" draws uniformly with variance 2 / (fan-in + fan-out), which suits sigmoid and tanh (Glorot & Bengio,
    AISTATS 2010); "he" normally with variance 2 / fan-in, which suits ReLU (He, Zhang, Ren & Sun, ICCV 2015).

    Parameters
    ----------
    model : torch.nn.Module
        The model, on the CPU.
    name : str
        "xavier" or "he".
    seed : int
        Seed of the weights, 0 ... 2**32 - 1.

    Raises
    ------
    ValidationError
        If the name is unknown or the seed out of range.
    """
    check_one_of("name", name, INITIALISATIONS)
    draw = nn.init.xavier_uniform_ if name == "xavier" else nn.init.kaiming_normal_
    with seeded(check_seed(seed), torch.device("cpu")):
        for layer in model.modules():
            if isinstance(layer, WEIGHTED):
                draw(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
