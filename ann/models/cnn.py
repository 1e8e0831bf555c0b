"""The small convolutional network, and the stack of layers it shares with its spiking twin."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from ann.checks import check_integer, check_number, check_shape
from ann.errors import ValidationError
from ann.models.model import Stack

POOLING = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
POOL = 2
# From this many pixels a side on, the border can be spared: 5 x 5 kernels without padding, as in LeNet.
LARGE = 16


def build_cnn(
    shape: tuple[int, int, int],
    classes: int,
    *,
    channels: Sequence[int] = (16, 32),
    pooling: Sequence[str] = ("max", "avg"),
    dropout: float = 0.0,
) -> Stack:
    """Build a convolutional network of blocks of convolution, batch normalisation, ReLU and 2 x 2 pooling.

    The plan of LeNet (LeCun, Bottou, Bengio & Haffner, Proc. IEEE 86, 1998) with batch normalisation (Ioffe &
    Szegedy, ICML 2015) and dropout (Srivastava et al., JMLR 15, 2014).

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width). Kernels are 3 x 3 with a border of zeros where a side is
        under 16 pixels, else 5 x 5 without. Pooling drops the last row and column of an odd map.
    classes : int
        Number of classes, the size of the output.
    channels : sequence of int
        Channels of each block's convolution.
    pooling : sequence of str
        Pooling of each block, "max" or "avg".
    dropout : float
        Probability, 0 ... 1 without 1, that a value before the last layer is dropped in training.

    Raises
    ------
    ValidationError
        If an argument is not as said above, or an image is too small for the blocks.
    """
    return Stack(stack_cnn(shape, classes, channels, pooling, dropout, "relu", nn.ReLU))


def stack_cnn(
    shape: tuple[int, int, int],
    classes: int,
    channels: Sequence[int],
    pooling: Sequence[str],
    dropout: float,
    activation: str,
    make_activation: Callable[[], nn.Module],
) -> OrderedDict[str, nn.Module]:
    """Return the layers of `build_cnn` by name, with an activation of the caller's choice.

    Parameters
    ----------
    shape, classes, channels, pooling, dropout
        As in `build_cnn`.
    activation : str
        Name of the activation layers, to which the number of the block is added.
    make_activation : callable
        Returns a new activation layer.

    Raises
    ------
    ValidationError
        As `build_cnn`.
    """
    inputs, height, width = check_shape(shape)
    _check_pooling(pooling, len(channels))
    dropout = check_number("dropout", dropout, "a probability, 0 ... 1 without 1", lambda p: 0 <= p < 1)
    kernel, padding = (5, 0) if min(height, width) >= LARGE else (3, 1)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, (outputs, kind) in enumerate(zip(channels, pooling, strict=True), start=1):
        outputs = check_integer("channels", outputs, 1)
        height, width = ((side + 2 * padding - kernel + 1) // POOL for side in (height, width))
        if min(height, width) < 1:
            raise ValidationError("shape", shape, f"larger images, or fewer than {len(channels)} blocks in channels")
        # Batch normalisation takes the mean away, and a bias with it.
        layers[f"conv{block}"] = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)
        layers[f"norm{block}"] = nn.BatchNorm2d(outputs)
        layers[f"{activation}{block}"] = make_activation()
        layers[f"pool{block}"] = POOLING[kind](POOL)
        inputs = outputs
    layers["flatten"] = nn.Flatten()
    if dropout > 0:
        layers["dropout"] = nn.Dropout(dropout)
    layers["output"] = nn.Linear(inputs * height * width, check_integer("classes", classes, 1))
    return layers


def _check_pooling(pooling: Sequence[str], blocks: int) -> None:
    if blocks == 0:
        raise ValidationError("channels", (), "at least one block")
    if isinstance(pooling, str) or len(pooling) != blocks or any(kind not in POOLING for kind in pooling):
        raise ValidationError("pooling", pooling, f"'max' or 'avg' for each of the {blocks} blocks of channels")
