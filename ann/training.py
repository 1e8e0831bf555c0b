"""Training with early stopping."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ann.checks import check_integer, check_positive, check_seed
from ann.data import Dataset
from ann.errors import NumericalError, ValidationError
from ann.evaluation import evaluate, find_device
from ann.seeding import seeded


@dataclass(frozen=True)
class TrainingRecord:
    """What happened in a training.

    Parameters
    ----------
    train_loss : tuple of float
        Mean cross entropy (nats) over the training images of each epoch, while the weights changed.
    validation_loss : tuple of float
        Mean cross entropy (nats) over the validation images after each epoch.
    validation_accuracy : tuple of float
        Share of the validation images told right after each epoch, 0 ... 1.
    best_epoch : int
        Index of the epoch whose weights the model has now: the first with the lowest validation loss.
    seconds : float
        Wall-clock time.
    stopped_early : bool
        Whether `patience` ended the training.
    """

    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]
    best_epoch: int
    seconds: float
    stopped_early: bool


def fit(
    model: nn.Module,
    data: Dataset,
    *,
    epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    seed: int = 0,
    patience: int | None = None,
    report: Literal["bar"] | None = None,
) -> TrainingRecord:
    """Train a model, and leave it in evaluation mode with its best weights.

    Adam (Kingma & Ba, ICLR 2015) on the cross entropy, with the one-cycle schedule (Smith & Topin, arXiv:1708.07120).
    The best weights are those with the lowest loss on the validation part. They are also what the model keeps when
    training is interrupted (Ctrl-C; the KeyboardInterrupt goes on to the caller) or fails; before the end of the first
    epoch these are the weights it came with.

    With the same model, data, arguments and number of threads, the same machine gives the same weights. PyTorch's
    global random state is left as it was.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, (batch, channels, height, width), and returns scores, (batch, classes). It is trained on the
        device it is on.
    data : Dataset
        Images and their classes; the test part is not looked at.
    epochs : int
        Passes through the training images, at least 1.
    batch_size : int
        Images of an update, at least 1.
    learning_rate : float
        Highest learning rate of the cycle, positive.
    seed : int
        Seed of the order of the images and of dropout, 0 ... 2**32 - 1.
    patience : int, optional
        Stop when the validation loss has had no new minimum for this many epochs, at least 1; by default never.
    report : {"bar"}, optional
        Show a progress bar with loss and validation accuracy on standard error.

    Raises
    ------
    ValidationError
        If an argument is out of range, or the model and the data do not fit; before training starts.
    NumericalError
        If the loss is no longer finite.
    """
    epochs = check_integer("epochs", epochs, 1)
    batch_size = check_integer("batch_size", batch_size, 1)
    learning_rate = check_positive("learning_rate", learning_rate)
    seed = check_seed(seed)
    patience = epochs if patience is None else check_integer("patience", patience, 1)
    if report not in (None, "bar"):
        raise ValidationError("report", report, "'bar' or None")
    _check_fit(model, data)
    with seeded(seed, find_device(model)):
        return _train(model, data, epochs, batch_size, learning_rate, seed, patience, show_bar=report == "bar")


def _check_fit(model: nn.Module, data: Dataset) -> None:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValidationError("model", type(model).__name__, "a model with parameters to train")
    outputs = evaluate(model, data.x_train[:1]).shape[1]
    if outputs != data.n_classes:
        raise ValidationError("model", f"{outputs} outputs", f"{data.n_classes}, one for each class of {data.name!r}")


def _train(
    model: nn.Module,
    data: Dataset,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    patience: int,
    show_bar: bool,
) -> TrainingRecord:
    from tqdm import tqdm

    start = time.perf_counter()
    device = find_device(model)
    x, y = torch.tensor(data.x_train, device=device), torch.tensor(data.y_train, device=device)
    updates = epochs * math.ceil(len(x) / batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, updates)
    generator = torch.Generator().manual_seed(seed)
    train, validation, accuracies = [], [], []
    best, best_weights = 0, copy.deepcopy(model.state_dict())
    try:
        with tqdm(total=updates, unit="batch", disable=not show_bar) as bar:
            for epoch in range(epochs):
                model.train()
                total = 0.0
                for chosen in torch.randperm(len(x), generator=generator).to(device).split(batch_size):
                    loss = F.cross_entropy(model(x[chosen]), y[chosen])
                    total += _check_finite(loss.item(), "training", epoch) * len(chosen)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    bar.update()
                train.append(total / len(x))
                for values, value in zip((validation, accuracies), _validate(model, data, epoch), strict=True):
                    values.append(value)
                bar.set_postfix(loss=f"{train[-1]:.4f}", validation_accuracy=f"{accuracies[-1]:.2%}")
                if epoch == 0 or validation[epoch] < validation[best]:
                    best, best_weights = epoch, copy.deepcopy(model.state_dict())
                if epoch - best >= patience:
                    break
    finally:
        model.load_state_dict(best_weights)
        model.eval()
    seconds, stopped_early = time.perf_counter() - start, len(train) < epochs
    return TrainingRecord(tuple(train), tuple(validation), tuple(accuracies), best, seconds, stopped_early)


def _validate(model: nn.Module, data: Dataset, epoch: int) -> tuple[float, float]:
    outputs = evaluate(model, data.x_validation)
    loss = F.cross_entropy(torch.from_numpy(outputs), torch.tensor(data.y_validation)).item()
    return _check_finite(loss, "validation", epoch), float((outputs.argmax(axis=1) == data.y_validation).mean())


def _check_finite(loss: float, part: str, epoch: int) -> float:
    if not math.isfinite(loss):
        raise NumericalError(f"the {part} loss of epoch {epoch} is {loss}; try a lower learning_rate")
    return loss
