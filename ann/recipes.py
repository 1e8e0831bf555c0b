"""Training settings found to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Recipe:
    """Arguments of `ann.fit` that were measured to suit a model and a data set.

    Parameters
    ----------
    epochs : int
        Passes through the training images.
    batch_size : int
        Images of an update.
    learning_rate : float
        Highest learning rate of the cycle.
    """

    epochs: int
    batch_size: int
    learning_rate: float


RECIPES: Mapping[tuple[str, str], Recipe] = MappingProxyType(
    {
        ("mlp", "digits"): Recipe(epochs=30, batch_size=32, learning_rate=3e-3),
        ("cnn", "digits"): Recipe(epochs=30, batch_size=32, learning_rate=3e-3),
        ("spiking_mlp", "digits"): Recipe(epochs=20, batch_size=32, learning_rate=3e-3),
        ("spiking_cnn", "digits"): Recipe(epochs=20, batch_size=32, learning_rate=1e-2),
        ("mlp", "mnist"): Recipe(epochs=10, batch_size=128, learning_rate=3e-3),
        ("cnn", "mnist"): Recipe(epochs=8, batch_size=128, learning_rate=1e-2),
        ("spiking_mlp", "mnist"): Recipe(epochs=10, batch_size=128, learning_rate=3e-3),
        ("spiking_cnn", "mnist"): Recipe(epochs=3, batch_size=128, learning_rate=1e-2),
    }
)
