"""What a model says about images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ann.checks import check_integer
from ann.errors import ValidationError

BATCH_SIZE = 256


def evaluate(model: nn.Module, x: ArrayLike, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
    """Return a model's outputs, computed in evaluation mode; every module is left in the mode it was in.

    Parameters
    ----------
    model : torch.nn.Module
        Takes (batch, channels, height, width) and returns (batch, classes).
    x : array_like
        Images of shape (n, channels, height, width), n > 0.
    batch_size : int
        Images at a time, which bounds the memory taken.

    Returns
    -------
    numpy.ndarray
        float32 outputs of shape (n, classes).

    Raises
    ------
    ValidationError
        If an argument is not as said above, or the model cannot take the images.
    """
    batch_size = check_integer("batch_size", batch_size, 1)
    images = np.asarray(x, dtype=np.float32)
    if images.ndim != 4 or images.size == 0:
        raise ValidationError("x", f"array of shape {images.shape}", "images (n, channels, height, width), n > 0")
    device = find_device(model)
    outputs = []
    with _evaluating(model), torch.no_grad():
        for start in range(0, len(images), batch_size):
            # torch.tensor copies, so that a read-only array is as good as another.
            outputs.append(_call(model, torch.tensor(images[start : start + batch_size], device=device)).cpu())
    return torch.cat(outputs).numpy()


def predict(model: nn.Module, x: ArrayLike, batch_size: int = BATCH_SIZE) -> NDArray[np.int64]:
    """Return the class of each image: the largest output, the lowest class of equals.

    Parameters
    ----------
    model, x, batch_size
        As in `evaluate`.

    Returns
    -------
    numpy.ndarray
        Class numbers, int64 of shape (n,).

    Raises
    ------
    ValidationError
        As `evaluate`.
    """
    # NumPy promises the first of equals; PyTorch does not.
    return evaluate(model, x, batch_size).argmax(axis=1).astype(np.int64)


def accuracy(model: nn.Module, x: ArrayLike, y: ArrayLike, batch_size: int = BATCH_SIZE) -> float:
    """Return the share of images, 0 ... 1, whose class a model names.

    Parameters
    ----------
    model, x, batch_size
        As in `evaluate`.
    y : array_like of int
        True class numbers, of shape (n,).

    Raises
    ------
    ValidationError
        As `evaluate`, and if `x` and `y` differ in length.
    """
    labels, count = np.asarray(y), len(np.asarray(x))
    if labels.shape != (count,):
        raise ValidationError("y", f"array of shape {labels.shape}", f"one class number for each of the {count} images")
    return float((predict(model, x, batch_size) == labels).mean())


def find_device(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter, or the CPU if it has none."""
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _call(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    shape = tuple(batch.shape)
    try:
        outputs = model(batch)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ValidationError("x", f"batch of shape {shape}", f"images the model can take: {error}") from error
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or len(outputs) != len(batch):
        found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise ValidationError("model", f"output {found} for a batch of shape {shape}", "a tensor (batch, classes)")
    return outputs
