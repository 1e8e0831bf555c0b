"""Training settings found to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ann.checks import check_one_of
from ann.data import Dataset


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


# A data set with more samples than this is trained on like MNIST, others like the digits.
LARGE = 10_000


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


def find_recipe(model: str, data: Dataset) -> Recipe:
    """Return the recipe of a model on a data set, or where none was measured, on one of a like size.

    Parameters
    ----------
    model : str
        One of `MODELS`.
    data : Dataset
        The data set.

    Raises
    ------
    ValidationError
        If the model is unknown.
    """
    check_one_of("model", model, dict.fromkeys(name for name, _ in RECIPES))
    like = "mnist" if len(data.x_train) > LARGE else "digits"
    return RECIPES.get((model, data.name)) or RECIPES[model, like]
