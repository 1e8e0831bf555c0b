"""The multi-layer perceptron, and the stack of layers it shares with its spiking twin."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from ann.checks import check_integer, check_shape


def build_mlp(shape: tuple[int, int, int], classes: int, *, hidden: Sequence[int] = (128, 64)) -> nn.Sequential:
    """Build a perceptron with ReLU hidden layers.

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986); rectified
    units after Nair & Hinton, ICML (2010).

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Number of classes, the size of the output.
    hidden : sequence of int
        Sizes of the hidden layers; none makes a linear classifier.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    return nn.Sequential(stack_mlp(shape, classes, hidden, "relu", nn.ReLU))


def stack_mlp(
    shape: tuple[int, int, int],
    classes: int,
    hidden: Sequence[int],
    activation: str,
    make_activation: Callable[[], nn.Module],
) -> OrderedDict[str, nn.Module]:
    """Return the layers of `build_mlp` by name, with an activation of the caller's choice.

    Parameters
    ----------
    shape, classes, hidden
        As in `build_mlp`.
    activation : str
        Name of the activation layers, to which the number of the hidden layer is added.
    make_activation : callable
        Returns a new activation layer.

    Raises
    ------
    ValidationError
        As `build_mlp`.
    """
    sizes = [math.prod(check_shape(shape)), *(check_integer("hidden", size, 1) for size in hidden)]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers[f"linear{number}"] = nn.Linear(inputs, outputs)
        layers[f"{activation}{number}"] = make_activation()
    layers["output"] = nn.Linear(sizes[-1], check_integer("classes", classes, 1))
    return layers
