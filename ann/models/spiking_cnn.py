"""The spiking twin of the convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ann.checks import check_integer
from ann.models.cnn import stack_layers
from ann.models.soft_reset import SoftResetLeaky


class SpikingCNN(nn.Module):
    """A convolutional network of leaky integrate-and-fire neurons, trained with surrogate gradients.

    The layers are those of `ann.models.cnn.build_cnn`, with `SoftResetLeaky` in the place of the ReLU and behind the
    last layer. The image is the input of every step (direct coding: Rueckauer et al., Frontiers in Neuroscience 11,
    2017), and the decision is the class with the most output spikes, the lowest one of equals. Trained through time
    as by Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 36 (2019), with snnTorch (Eshraghian et al.,
    Proc. IEEE 111, 2023).

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Number of classes, the size of the output.
    channels : sequence of int
        Channels of each block's convolution.
    pooling : sequence of str
        Pooling of each block, "avg" or "max".
    steps : int
        Time steps of an inference, at least 1.
    beta, threshold, slope : float
        Parameters of every `SoftResetLeaky` layer.

    Attributes
    ----------
    steps : int
        Time steps of an inference.
    body : torch.nn.Sequential
        The layers, called once a time step.

    Raises
    ------
    ValidationError
        If an argument is out of range, or an image is too small for the blocks.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        channels: Sequence[int] = (16, 32),
        pooling: Sequence[str] = ("avg", "avg"),
        steps: int = 8,
        beta: float = 0.9,
        threshold: float = 1.0,
        slope: float = 10.0,
    ):
        super().__init__()
        self.steps = check_integer("steps", steps, 1)

        def make_neurons() -> SoftResetLeaky:
            return SoftResetLeaky(beta, threshold, slope)

        layers = stack_layers(shape, classes, channels, pooling, 0.0, "leaky", make_neurons)
        layers["leaky_output"] = make_neurons()
        self.body = nn.Sequential(layers)

    def reset(self) -> None:
        """Forget the potentials of all neurons; needed only where `body` is called by hand."""
        for layer in self.body:
            if isinstance(layer, SoftResetLeaky):
                layer.reset()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all time steps from rest.

        Parameters
        ----------
        x : torch.Tensor
            Images, (batch, channels, height, width).

        Returns
        -------
        torch.Tensor
            Number of spikes of each output neuron, 0 ... steps, (batch, classes).
        """
        self.reset()
        try:
            return torch.stack([self.body(x) for _ in range(self.steps)]).sum(dim=0)
        finally:
            # Potentials that hold on to a gradient would keep its graph alive and the module from being copied.
            self.reset()
