"""What a training makes small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann.data import Dataset
from ann.errors import ValidationError
from ann.evaluation import BATCH_SIZE, evaluate, evaluating, find_device

Objective = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class HasObjective(Protocol):
    """A model that says itself what is to be made small, as autoencoders and generators do."""

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of a batch of samples and targets."""
        ...


def objective_of(model: nn.Module, data: Dataset) -> Objective:
    """Return the objective of a model on a data set.

    It is the model's own method `objective(x, y)`, if it has one; else the cross entropy (nats) of its scores where
    there are classes, and the mean squared error where there are numbers to predict.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    data : Dataset
        The data set.
    """
    if isinstance(model, HasObjective):
        return model.objective
    loss = F.cross_entropy if data.classes else F.mse_loss
    return lambda x, y: loss(model(x), y)


def tells_classes(model: nn.Module, data: Dataset) -> bool:
    """Whether a model's outputs are scores of the data set's classes, so that it has an accuracy."""
    return bool(data.classes) and (not isinstance(model, HasObjective) or getattr(model, "scores_classes", False))


def check_outputs(model: nn.Module, data: Dataset) -> None:
    """Refuse a model that has nothing to train, or does not fit the data.

    Raises
    ------
    ValidationError
        If no parameter can be trained, the model cannot take a sample, or has another number of outputs.
    """
    if not isinstance(data, Dataset):
        raise ValidationError("data", type(data).__name__, "an ann.Dataset, as ann.load and ann.from_arrays give")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValidationError("model", type(model).__name__, "a model with parameters to train")
    if isinstance(model, HasObjective) and not tells_classes(model, data):
        try:
            judge(model, data.subset(validation=1))
        except (RuntimeError, IndexError) as error:
            shape = (1, *data.shape)
            raise ValidationError("data", f"batch of shape {shape}", f"samples the model can take: {error}") from error
        return
    shape = evaluate(model, data.x_train[:1]).shape
    if len(shape) != 2:
        raise ValidationError("model", f"output {shape} for a sample of {data.name!r}", "a tensor (batch, outputs)")
    if shape[1] != data.n_outputs:
        what = "class" if data.classes else "number to predict"
        raise ValidationError("model", f"{shape[1]} outputs", f"{data.n_outputs}, one for each {what} of {data.name!r}")


def judge(model: nn.Module, data: Dataset) -> tuple[float, float | None]:
    """Return the mean loss and the accuracy, 0 ... 1, on the validation part, in evaluation mode.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    data : Dataset
        The data set.

    Returns
    -------
    tuple
        The loss, and the accuracy or None if the model tells no classes.
    """
    x, y = data.x_validation, data.y_validation
    scores = evaluate(model, x) if tells_classes(model, data) else None
    right = None if scores is None else float((scores.argmax(axis=1) == y).mean())
    if scores is not None and not isinstance(model, HasObjective):
        return F.cross_entropy(torch.from_numpy(scores), torch.tensor(y)).item(), right
    objective, device, total = objective_of(model, data), find_device(model), 0.0
    with evaluating(model), torch.no_grad():
        for start in range(0, len(x), BATCH_SIZE):
            batch, targets = (torch.tensor(part[start : start + BATCH_SIZE], device=device) for part in (x, y))
            total += objective(batch, targets).item() * len(batch)
    return total / len(x), right
