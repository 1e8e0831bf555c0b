"""Networks of blocks with branches: residual, Inception and depthwise separable."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ann.checks import check_integer, check_shape, check_sizes
from ann.models.model import Stack


class ConvNorm(nn.Sequential):
    """A convolution that keeps the size at stride 1, and batch normalisation.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel : int
        Side of the kernel, odd.
    stride : int
        Stride.
    groups : int
        Groups of channels that do not see one another.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        # Batch normalisation takes the mean away, and a bias with it.
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs))


class ResidualBlock(nn.Module):
    """y = relu(x + f(x)), f two 3 x 3 convolutions; where the size changes, x passes a 1 x 1 convolution.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Stride of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.relu1 = nn.ReLU()
        self.second = ConvNorm(outputs, outputs, 3)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else ConvNorm(inputs, outputs, 1, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return y, (batch, outputs, height, width), of x, (batch, inputs, height, width)."""
        return self.relu2(self.second(self.relu1(self.first(x))) + self.shortcut(x))


def build_resnet(
    shape: tuple[int, int, int], classes: int, *, channels: Sequence[int] = (16, 32, 64), blocks: int = 1
) -> Stack:
    """Build a residual network.

    He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR (2016), the kind they use for CIFAR-10.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Size of the output.
    channels : sequence of int
        Channels of each stage; from the second on a stage halves the sides.
    blocks : int
        Residual blocks a stage.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    inputs, _, _ = check_shape(shape)
    channels = check_sizes("channels", channels)
    stages: list[nn.Module] = [ConvNorm(inputs, channels[0], 3), nn.ReLU()]
    inputs = channels[0]
    for stage, outputs in enumerate(channels):
        for block in range(check_integer("blocks", blocks, 1)):
            stages.append(ResidualBlock(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    return _headed(stages, inputs, classes)


class InceptionBlock(nn.Module):
    """Four branches side by side: 1 x 1, 3 x 3, 5 x 5 (as two 3 x 3), and pooling; the wide ones narrowed first.

    Parameters
    ----------
    inputs : int
        Channels.
    width : int
        Channels of each branch, a quarter of the output's.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.point = self._unit(inputs, width, 1)
        self.three = nn.Sequential(self._unit(inputs, width // 2, 1), self._unit(width // 2, width, 3))
        self.five = nn.Sequential(
            self._unit(inputs, width // 2, 1), self._unit(width // 2, width, 3), self._unit(width, width, 3)
        )
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), self._unit(inputs, width, 1))

    @staticmethod
    def _unit(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
        return nn.Sequential(ConvNorm(inputs, outputs, kernel), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' channels one after the other, (batch, 4 width, height, width)."""
        return torch.cat([self.point(x), self.three(x), self.five(x), self.pool(x)], dim=1)


def build_inception(shape: tuple[int, int, int], classes: int, *, widths: Sequence[int] = (8, 16)) -> Stack:
    """Build a network of Inception blocks.

    Szegedy et al., "Going deeper with convolutions", CVPR (2015); the 5 x 5 branch as in Szegedy et al., "Rethinking
    the Inception architecture for computer vision", CVPR (2016), which also has average pooling in the fourth.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Size of the output.
    widths : sequence of int
        Channels of a branch in each block, at least 2; between blocks max-pooling halves the sides.

    Raises
    ------
    ValidationError
        If a size is too small.
    """
    inputs, _, _ = check_shape(shape)
    stages: list[nn.Module] = [ConvNorm(inputs, 16, 3), nn.ReLU()]
    inputs = 16
    for number, width in enumerate(check_sizes("widths", widths)):
        if number:
            stages.append(nn.MaxPool2d(2, ceil_mode=True))
        stages.append(InceptionBlock(inputs, check_integer("widths", width, 2)))
        inputs = 4 * width
    return _headed(stages, inputs, classes)


class InvertedResidual(nn.Module):
    """Widen by 1 x 1, convolve each channel by itself, narrow by 1 x 1 without activation; added to x where it fits.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Stride of the depthwise convolution.
    expansion : int
        How many times wider it is inside.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        self.body = nn.Sequential(
            ConvNorm(inputs, wide, 1), nn.ReLU6(), ConvNorm(wide, wide, 3, stride, groups=wide), nn.ReLU6(),
            ConvNorm(wide, outputs, 1),
        )  # fmt: skip
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, height, width) of x, (batch, inputs, height, width)."""
        return x + self.body(x) if self.adds else self.body(x)


def build_mobilenet(
    shape: tuple[int, int, int], classes: int, *, channels: Sequence[int] = (16, 32), expansion: int = 4
) -> Stack:
    """Build a network of depthwise separable convolutions in inverted residual blocks, two a stage.

    Sandler, Howard, Zhu, Zhmoginov & Chen, "MobileNetV2: inverted residuals and linear bottlenecks", CVPR (2018).

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Size of the output.
    channels : sequence of int
        Channels of each stage; from the second on a stage halves the sides.
    expansion : int
        How many times wider a block is inside.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    inputs, _, _ = check_shape(shape)
    channels, expansion = check_sizes("channels", channels), check_integer("expansion", expansion, 1)
    stages: list[nn.Module] = [ConvNorm(inputs, channels[0], 3), nn.ReLU6()]
    inputs = channels[0]
    for stage, outputs in enumerate(channels):
        for stride in (2 if stage else 1, 1):
            stages.append(InvertedResidual(inputs, outputs, stride, expansion))
            inputs = outputs
    stages += [ConvNorm(inputs, 2 * inputs, 1), nn.ReLU6()]
    return _headed(stages, 2 * inputs, classes)


def _headed(stages: list[nn.Module], channels: int, classes: int) -> Stack:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, check_integer("classes", classes, 1))]
    return Stack(*stages, *head)
