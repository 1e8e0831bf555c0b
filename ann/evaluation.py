"""What a model says about samples."""

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
        Takes and returns tensors with a batch as the first axis.
    x : array_like
        Samples of shape (n, ...), n > 0. An int64 array goes to the model as it is, as token numbers; all else as
        float32.
    batch_size : int
        Samples at a time, which bounds the memory taken.

    Returns
    -------
    numpy.ndarray
        float32 outputs of shape (n, ...), for a classifier (n, classes).

    Raises
    ------
    ValidationError
        If an argument is not as said above, samples are not finite, or the model cannot take them.
    """
    batch_size = check_integer("batch_size", batch_size, 1)
    tokens = isinstance(x, np.ndarray) and x.dtype == np.int64
    samples = np.asarray(x, dtype=np.int64 if tokens else np.float32)
    if samples.ndim < 2 or samples.size == 0:
        raise ValidationError("x", f"array of shape {samples.shape}", "samples of shape (n, ...), n > 0")
    if not tokens and not np.isfinite(samples).all():
        first = int(np.argwhere(~np.isfinite(samples))[0][0])
        raise ValidationError("x", f"sample {first} with NaN or infinity", "finite values")
    device = find_device(model)
    outputs = []
    with evaluating(model), torch.no_grad():
        for start in range(0, len(samples), batch_size):
            # torch.tensor copies, so that a read-only array is as good as another.
            outputs.append(_call(model, torch.tensor(samples[start : start + batch_size], device=device)).cpu())
    return torch.cat(outputs).numpy()


def predict(model: nn.Module, x: ArrayLike, batch_size: int = BATCH_SIZE) -> NDArray[np.int64]:
    """Return the class of each sample: the largest output, the lowest class of equals.

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
        As `evaluate`, and if the model does not return a score for each class.
    """
    return _classes(_scores(model, x, batch_size))


def accuracy(model: nn.Module, x: ArrayLike, y: ArrayLike, batch_size: int = BATCH_SIZE) -> float:
    """Return the share of samples, 0 ... 1, whose class a model names.

    Parameters
    ----------
    model, x, batch_size
        As in `evaluate`.
    y : array_like of int
        True class numbers, of shape (n,).

    Raises
    ------
    ValidationError
        As `evaluate`, and if `x` and `y` differ in length, or `y` has a class that the model does not score.
    """
    labels, count = np.asarray(y), len(np.asarray(x))
    if labels.shape != (count,):
        raise ValidationError(
            "y", f"array of shape {labels.shape}", f"one class number for each of the {count} samples"
        )
    scores = _scores(model, x, batch_size)
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValidationError("y", f"{labels.min()} to {labels.max()}", f"class numbers in 0 ... {scores.shape[1] - 1}")
    return float((_classes(scores) == labels).mean())


def find_device(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter, or the CPU if it has none; refuse what is no model."""
    if not isinstance(model, nn.Module):
        raise ValidationError("model", type(model).__name__, "a torch.nn.Module")
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode within the block, and every module back into its own mode after it."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _scores(model: nn.Module, x: ArrayLike, batch_size: int) -> NDArray[np.float32]:
    scores = evaluate(model, x, batch_size)
    if scores.ndim != 2:
        raise ValidationError("model", f"output {scores.shape}", "scores of shape (batch, classes)")
    return scores


def _classes(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    # NumPy promises the first of equals; PyTorch does not.
    return scores.argmax(axis=1).astype(np.int64)


def _call(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    shape = tuple(batch.shape)
    try:
        outputs = model(batch)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        raise ValidationError("x", f"batch of shape {shape}", f"samples the model can take: {error}") from error
    if not isinstance(outputs, torch.Tensor) or outputs.ndim < 2 or len(outputs) != len(batch):
        found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise ValidationError("model", f"output {found} for a batch of shape {shape}", "a tensor (batch, ...)")
    return outputs
