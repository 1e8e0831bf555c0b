"""The multi-layer perceptron, and the stack of layers it shares with its spiking twin."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from ann.checks import check_integer, check_sizes
from ann.models.activations import make_activation
from ann.models.model import Stack


def build_mlp(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    activation: str = "relu",
    batch_norm: bool = False,
) -> Stack:
    """Build a perceptron with hidden layers.

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986); rectified
    units after Nair & Hinton, ICML (2010).

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    classes : int
        Size of the output.
    hidden : sequence of int
        Sizes of the hidden layers; none makes a linear classifier.
    activation : str
        Name of the hidden layers' activation, one of `ann.ACTIVATIONS`.
    batch_norm : bool
        Normalise before each activation over the batch (Ioffe & Szegedy, ICML 2015).

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1, or the activation is unknown.
    """
    return Stack(stack_mlp(shape, classes, hidden, activation, make_activation(activation), batch_norm))


def stack_mlp(
    shape: tuple[int, ...],
    classes: int,
    hidden: Sequence[int],
    activation: str,
    make_layer: Callable[[], nn.Module],
    batch_norm: bool = False,
) -> OrderedDict[str, nn.Module]:
    """Return the layers of `build_mlp` by name, with an activation of the caller's choice.

    Parameters
    ----------
    shape, classes, hidden, batch_norm
        As in `build_mlp`.
    activation : str
        Name of the activation layers, to which the number of the hidden layer is added.
    make_layer : callable
        Returns a new activation layer.

    Raises
    ------
    ValidationError
        As `build_mlp`.
    """
    sizes = [math.prod(check_sizes("shape", shape)), *(check_integer("hidden", size, 1) for size in hidden)]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers[f"linear{number}"] = nn.Linear(inputs, outputs)
        if batch_norm:
            layers[f"norm{number}"] = nn.BatchNorm1d(outputs)
        layers[f"{activation}{number}"] = make_layer()
    layers["output"] = nn.Linear(sizes[-1], check_integer("classes", classes, 1))
    return layers
