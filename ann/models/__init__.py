"""Models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import nn

from ann.checks import check_seed
from ann.errors import ValidationError
from ann.models.cnn import build_cnn
from ann.models.mlp import build_mlp
from ann.models.soft_reset import SoftResetLeaky
from ann.models.spiking import SpikingNetwork, build_spiking_cnn, build_spiking_mlp
from ann.seeding import seeded

__all__ = [
    "MODELS",
    "TWINS",
    "SoftResetLeaky",
    "SpikingNetwork",
    "build",
    "build_cnn",
    "build_mlp",
    "build_spiking_cnn",
    "build_spiking_mlp",
]

# Each is called with the shape of an image, the number of classes, and options of its own by name.
MODELS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {"mlp": build_mlp, "cnn": build_cnn, "spiking_mlp": build_spiking_mlp, "spiking_cnn": build_spiking_cnn}
)

# Each artificial model's spiking twin.
TWINS: Mapping[str, str] = MappingProxyType({"mlp": "spiking_mlp", "cnn": "spiking_cnn"})


def build(name: str, shape: tuple[int, ...], classes: int, *, seed: int = 0, **options: object) -> nn.Module:
    """Build a model with random initial weights, on the CPU.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Number of classes, the size of the output.
    seed : int
        Seed of the initial weights, 0 ... 2**32 - 1. PyTorch's global random state is left as it was.
    **options
        Arguments of the model; the function in `MODELS` describes them.

    Raises
    ------
    ValidationError
        If `name` is unknown or an argument is refused.
    """
    if name not in MODELS:
        raise ValidationError("name", name, "one of " + ", ".join(MODELS))
    with seeded(check_seed(seed), torch.device("cpu")):
        return MODELS[name](shape, classes, **options)
