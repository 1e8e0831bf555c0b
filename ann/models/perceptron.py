"""The single-layer perceptron."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ann.checks import check_integer, check_sizes
from ann.models.model import Model


class Perceptron(Model):
    """A step unit for every class, taught by the perceptron rule.

    A unit answers s = 1 if u = w x + b > 0, else 0; t = 1 for the class of the sample, else 0, and::

        w <- w + r (t - s) x,    b <- b + r (t - s)

    (Rosenblatt, Psychological Review 65, 1958). That is a step of gradient descent with rate r on sum (s - t) u with s
    held constant, which is how `ann.fit` does it. The class named is that of the largest u.

    Parameters
    ----------
    inputs : int
        Numbers in a sample.
    classes : int
        Number of classes.
    """

    scores_classes = True

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.flatten = nn.Flatten()
        self.output = nn.Linear(inputs, check_integer("classes", classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return u, (batch, classes), of samples (batch, ...)."""
        return self.output(self.flatten(x))

    def answer(self, x: Tensor) -> Tensor:
        """Return what the step units say of samples (batch, ...): 1.0 or 0.0, (batch, classes)."""
        return (self(x) > 0).to(x.dtype)

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of |u| over units that answer wrong, a mean over the samples; its gradient is the rule."""
        scores = self(x)
        wrong = (scores > 0).to(scores.dtype) - nn.functional.one_hot(y, scores.shape[1])
        return (wrong.detach() * scores).sum(dim=1).mean()


def build_perceptron(shape: tuple[int, ...], classes: int) -> Perceptron:
    """Build a single-layer perceptron, with weights of zero.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    classes : int
        Number of classes.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    model = Perceptron(math.prod(check_sizes("shape", shape)), classes)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    return model
