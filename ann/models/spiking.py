"""The spiking twins of the convolutional network and the perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from ann.checks import check_integer
from ann.models.cnn import stack_cnn
from ann.models.mlp import stack_mlp
from ann.models.model import Model
from ann.models.soft_reset import SoftResetLeaky


class SpikingNetwork(Model):
    """A network of leaky integrate-and-fire neurons, trained with surrogate gradients.

    The image is the input of every step (direct coding: Rueckauer et al., Frontiers in Neuroscience 11, 2017), and the
    decision is the class with the most output spikes, the lowest one of equals. Trained through time as by Neftci,
    Mostafa & Zenke, IEEE Signal Processing Magazine 36 (2019), with snnTorch (Eshraghian et al., Proc. IEEE 111,
    2023).

    Parameters
    ----------
    body : torch.nn.Sequential
        The layers of a time step, `SoftResetLeaky` as the last.
    steps : int
        Time steps of an inference, at least 1.

    Attributes
    ----------
    body : torch.nn.Sequential
        The layers, called once a time step.
    steps : int
        Time steps of an inference.

    Raises
    ------
    ValidationError
        If `steps` is no integer of at least 1.
    """

    def __init__(self, body: nn.Sequential, steps: int):
        super().__init__()
        self.body = body
        self.steps = check_integer("steps", steps, 1)

    def reset(self) -> None:
        """Forget the potentials of all neurons; needed only where `body` is called by hand."""
        for layer in self.body.modules():
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


def build_spiking_cnn(
    shape: tuple[int, int, int],
    classes: int,
    *,
    channels: Sequence[int] = (16, 32),
    pooling: Sequence[str] = ("avg", "avg"),
    steps: int = 8,
    beta: float = 0.9,
    threshold: float = 1.0,
    slope: float = 10.0,
) -> SpikingNetwork:
    """Build the spiking twin of `ann.models.build_cnn`: neurons in the place of the ReLU and behind the last layer.

    Parameters
    ----------
    shape, classes, channels, pooling
        As in `ann.models.build_cnn`.
    steps : int
        Time steps of an inference, at least 1.
    beta, threshold, slope : float
        Parameters of every `SoftResetLeaky` layer.

    Raises
    ------
    ValidationError
        If an argument is out of range, or an image is too small for the blocks.
    """
    make_neurons = partial(SoftResetLeaky, beta, threshold, slope)
    layers = stack_cnn(shape, classes, channels, pooling, 0.0, "leaky", make_neurons)
    layers["leaky_output"] = make_neurons()
    return SpikingNetwork(nn.Sequential(layers), steps)


def build_spiking_mlp(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    steps: int = 8,
    beta: float = 0.9,
    threshold: float = 1.0,
    slope: float = 10.0,
) -> SpikingNetwork:
    """Build the spiking twin of `ann.models.build_mlp`: neurons in the place of the ReLU and behind the last layer.

    Parameters
    ----------
    shape, classes, hidden
        As in `ann.models.build_mlp`.
    steps : int
        Time steps of an inference, at least 1.
    beta, threshold, slope : float
        Parameters of every `SoftResetLeaky` layer.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    make_neurons = partial(SoftResetLeaky, beta, threshold, slope)
    layers = stack_mlp(shape, classes, hidden, "leaky", make_neurons)
    layers["leaky_output"] = make_neurons()
    return SpikingNetwork(nn.Sequential(layers), steps)
