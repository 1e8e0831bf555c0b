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


def build_lenet(shape: tuple[int, int, int], classes: int, *, activation: str = "relu", pooling: str = "max") -> Stack:
    """Build LeNet-5: 6 and 16 kernels of 5 x 5 with 2 x 2 pooling, then 120 and 84 units.

    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998),
    with plain full connections in the second convolution and a linear output; "tanh" and "avg" come nearest to it.

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
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, 6, KERNEL, padding=KERNEL // 2), act1=make(), pool1=pool(2),
        conv2=nn.Conv2d(6, 16, KERNEL, padding=padding), act2=make(), pool2=pool(2),
        flatten=nn.Flatten(),
        linear3=nn.Linear(16 * height * width, 120), act3=make(),
        linear4=nn.Linear(120, 84), act4=make(),
        output=nn.Linear(84, check_integer("classes", classes, 1)),
    )  # fmt: skip
    return Stack(layers)
