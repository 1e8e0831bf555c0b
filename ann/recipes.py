"""Training settings found to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from ann.checks import check_one_of
from ann.data import Dataset


@dataclass(frozen=True)
class Recipe:
    """Arguments of `ann.fit` that were measured to suit a model and a data set.

    Parameters
    ----------
    epochs : int
        Passes through the training samples.
    batch_size : int
        Samples of an update.
    learning_rate : float
        Highest learning rate.
    optimizer : str
        Its name.
    schedule : str
        How the learning rate goes.
    keep : {"best", "last"}
        Which weights the model keeps.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "adam"
    schedule: str = "one-cycle"
    keep: Literal["best", "last"] = "best"


# A data set with more samples than this is trained on like MNIST, others like the digits.
LARGE = 10_000
LARGE_EPOCHS = 10


_DIGITS = {
    "perceptron": Recipe(epochs=20, batch_size=1, learning_rate=1e-2, optimizer="sgd", keep="last"),
    "mlp": Recipe(epochs=100, batch_size=32, learning_rate=3e-3, keep="last"),
    "rbm": Recipe(epochs=60, batch_size=32, learning_rate=3e-3, keep="last"),
    "dbn": Recipe(epochs=60, batch_size=32, learning_rate=1e-2, keep="last"),
    "cnn": Recipe(epochs=30, batch_size=32, learning_rate=3e-3),
    "lenet": Recipe(epochs=40, batch_size=32, learning_rate=1e-2, keep="last"),
    "resnet": Recipe(epochs=20, batch_size=32, learning_rate=1e-2),
    "inception": Recipe(epochs=20, batch_size=32, learning_rate=1e-2),
    "mobilenet": Recipe(epochs=15, batch_size=32, learning_rate=1e-2, keep="last"),
    "cnn1d": Recipe(epochs=30, batch_size=32, learning_rate=3e-3),
    "rnn": Recipe(epochs=40, batch_size=32, learning_rate=3e-3),
    "bidirectional": Recipe(epochs=40, batch_size=32, learning_rate=5e-3, keep="last"),
    "lstm": Recipe(epochs=40, batch_size=32, learning_rate=1e-2, keep="last"),
    "gru": Recipe(epochs=40, batch_size=32, learning_rate=1e-2, keep="last"),
    "transformer": Recipe(epochs=60, batch_size=32, learning_rate=3e-3, keep="last"),
    "autoencoder": Recipe(epochs=100, batch_size=32, learning_rate=3e-3),
    "denoising": Recipe(epochs=100, batch_size=32, learning_rate=3e-3),
    "stacked": Recipe(epochs=100, batch_size=32, learning_rate=3e-3),
    "convolutional": Recipe(epochs=60, batch_size=32, learning_rate=5e-3),
    "variational": Recipe(epochs=100, batch_size=32, learning_rate=3e-3),
    "gan": Recipe(epochs=200, batch_size=64, learning_rate=5e-4, schedule="constant", keep="last"),
    "dcgan": Recipe(epochs=100, batch_size=64, learning_rate=5e-4, schedule="constant", keep="last"),
    "conditional-gan": Recipe(epochs=200, batch_size=64, learning_rate=5e-4, schedule="constant", keep="last"),
    "spiking-mlp": Recipe(epochs=20, batch_size=32, learning_rate=3e-3),
    "spiking-cnn": Recipe(epochs=20, batch_size=32, learning_rate=1e-2),
    "spiking-rnn": Recipe(epochs=30, batch_size=32, learning_rate=1e-2),
}
_MNIST = {
    "mlp": Recipe(epochs=10, batch_size=128, learning_rate=3e-3),
    "cnn": Recipe(epochs=8, batch_size=128, learning_rate=1e-2),
    "lenet": Recipe(epochs=8, batch_size=128, learning_rate=1e-2, keep="last"),
    "resnet": Recipe(epochs=8, batch_size=128, learning_rate=1e-2, keep="last"),
    "spiking-mlp": Recipe(epochs=10, batch_size=128, learning_rate=3e-3),
    "spiking-cnn": Recipe(epochs=3, batch_size=128, learning_rate=1e-2),
}

RECIPES: Mapping[tuple[str, str], Recipe] = MappingProxyType(
    {(model, "digits"): recipe for model, recipe in _DIGITS.items()}
    | {(model, "mnist"): recipe for model, recipe in _MNIST.items()}
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
    check_one_of("model", model, _DIGITS)
    measured = RECIPES.get((model, data.name))
    if measured is not None:
        return measured
    if len(data.x_train) <= LARGE:
        return _DIGITS[model]
    return _MNIST.get(model) or replace(_DIGITS[model], epochs=LARGE_EPOCHS, batch_size=128)
