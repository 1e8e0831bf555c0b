"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torch
from torch import nn

from ann.checks import check_one_of


class Step(nn.Module):
    """The all-or-none activation: 1 above 0, else 0 (McCulloch & Pitts, Bulletin of Mathematical Biophysics 5, 1943).

    Its gradient is 0 everywhere, so that what stands before it cannot learn by gradients.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return 1.0 where `x` is above 0 and 0.0 elsewhere, of the same shape."""
        return (x > 0).to(x.dtype)


# Each is called without arguments.
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "step": Step,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softmax": partial(nn.Softmax, dim=-1),
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "prelu": nn.PReLU,
        "elu": nn.ELU,
    }
)


def make_activation(name: str) -> Callable[[], nn.Module]:
    """Return what makes the activation layers of a name, or raise `ValidationError` where there is none."""
    return ACTIVATIONS[check_one_of("activation", name, ACTIVATIONS)]
