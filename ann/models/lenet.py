"""LeNet-5."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ann.checks import check_integer, check_one_of, check_shape
from ann.models.activations import make_activation
from ann.models.model import Stack

POOLING = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
KERNEL = 5
# From this many pixels a side on, the second convolution can spare the border, as in the paper.
LARGE = 28


def build_lenet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    activation: str = "relu",
    pooling: str = "avg",
    batch_norm: bool = True,
) -> Stack:
    """Build LeNet-5: 6 and 16 kernels of 5 x 5 with 2 x 2 pooling, then 120 and 84 units.

    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998),
    with full connections in the second convolution, batch normalisation (Ioffe & Szegedy, ICML 2015) and a linear
    output; "tanh" without normalisation comes nearest to it.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width), at least 4 pixels a side.
    classes : int
        Size of the output.
    activation : str
        One of `ann.ACTIVATIONS`.
    pooling : str
        "max" or "avg".
    batch_norm : bool
        Normalise before each activation over the batch.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    channels, height, width = check_shape(shape)
    check_one_of("pooling", pooling, POOLING)
    make, pool = make_activation(activation), POOLING[pooling]
    padding = 0 if min(height, width) >= LARGE else KERNEL // 2
    height, width = ((check_integer("shape", side, 4) // 2 + 2 * padding - KERNEL + 1) // 2 for side in (height, width))
    layers: OrderedDict[str, nn.Module] = OrderedDict()

    def add(number: int, layer: nn.Module, norm: nn.Module, *rest: nn.Module) -> None:
        named = [("layer", layer), *([("norm", norm)] if batch_norm else []), ("act", make())]
        layers.update({f"{name}{number}": module for name, module in [*named, *(("pool", pool) for pool in rest)]})

    add(1, nn.Conv2d(channels, 6, KERNEL, padding=KERNEL // 2), nn.BatchNorm2d(6), pool(2))
    add(2, nn.Conv2d(6, 16, KERNEL, padding=padding), nn.BatchNorm2d(16), pool(2))
    layers["flatten"] = nn.Flatten()
    add(3, nn.Linear(16 * height * width, 120), nn.BatchNorm1d(120))
    add(4, nn.Linear(120, 84), nn.BatchNorm1d(84))
    layers["output"] = nn.Linear(84, check_integer("classes", classes, 1))
    return Stack(layers)
