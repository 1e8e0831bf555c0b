"""The spiking twins of the convolutional network and the perceptron."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ann.checks import check_integer, check_one_of
from ann.models.adaptive import SelfConnected, neuron_maker
from ann.models.cnn import stack_cnn
from ann.models.encoding import ENCODINGS, encode, first_spike_scores
from ann.models.mlp import stack_mlp
from ann.models.model import Model
from ann.models.soft_reset import SoftResetLeaky

DECISIONS = ("count", "first-spike")


class SpikingNetwork(Model):
    """A network of leaky integrate-and-fire neurons, trained with surrogate gradients.

    The decision is the class with the most output spikes, or that of the first one, the lowest class of equals. Trained
    through time as by Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 36 (2019), with snnTorch (Eshraghian et
    al., Proc. IEEE 111, 2023).

    Parameters
    ----------
    body : torch.nn.Sequential
        The layers of a time step.
    steps : int
        Time steps of an inference, at least 1.
    encoding : str
        How a sample is given, as in `ann.encode`: "direct", "rate", "latency" or "delta".
    decision : str
        What counts: "count", the number of spikes, or "first-spike", the steps left after the first.

    Attributes
    ----------
    body : torch.nn.Sequential
        The layers, called once a time step.
    steps : int
        Time steps of an inference.

    Raises
    ------
    ValidationError
        If `steps` is no integer of at least 1, or a name is unknown.
    """

    def __init__(self, body: nn.Sequential, steps: int, encoding: str = "direct", decision: str = "count"):
        super().__init__()
        self.body = body
        self.steps = check_integer("steps", steps, 1)
        self.encoding = check_one_of("encoding", encoding, ENCODINGS)
        self.decision = check_one_of("decision", decision, DECISIONS)

    def reset(self) -> None:
        """Forget the potentials of all neurons; needed only where `body` is called by hand."""
        for layer in self.body.modules():
            if isinstance(layer, SoftResetLeaky | SelfConnected):
                layer.reset()

    def given(self, x: torch.Tensor) -> torch.Tensor:
        """Return what `body` is given of samples (batch, ...) in every step, (steps, batch, ...)."""
        return encode(x, self.steps, self.encoding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run all time steps from rest.

        Parameters
        ----------
        x : torch.Tensor
            Samples, (batch, ...).

        Returns
        -------
        torch.Tensor
            Number of spikes of each output neuron, or of steps after its first one, 0 ... steps, (batch, classes).
        """
        self.reset()
        try:
            spikes = torch.stack([self.body(given) for given in self.given(x)])
            return spikes.sum(dim=0) if self.decision == "count" else first_spike_scores(spikes)
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
    surrogate: str = "fast-sigmoid",
    jump: float = 0.0,
    rho: float = 0.95,
    encoding: str = "direct",
    decision: str = "count",
) -> SpikingNetwork:
    """Build the spiking twin of `ann.models.build_cnn`: neurons in the place of the ReLU and behind the last layer.

    Parameters
    ----------
    shape, classes, channels, pooling
        As in `ann.models.build_cnn`.
    steps : int
        Time steps of an inference, at least 1.
    beta, threshold, slope, surrogate
        Parameters of every `SoftResetLeaky` layer.
    jump, rho : float
        What a spike adds to its neuron's threshold, and the decay of that; with a jump the layers are `AdaptiveLeaky`.
    encoding, decision : str
        As in `SpikingNetwork`.

    Raises
    ------
    ValidationError
        If an argument is out of range, or an image is too small for the blocks.
    """
    make_neurons = neuron_maker(beta, threshold, slope, surrogate, jump, rho)
    layers = stack_cnn(shape, classes, channels, pooling, 0.0, "leaky", make_neurons)
    layers["leaky_output"] = make_neurons()
    return SpikingNetwork(nn.Sequential(layers), steps, encoding, decision)


def build_spiking_mlp(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    steps: int = 8,
    beta: float = 0.9,
    threshold: float = 1.0,
    slope: float = 10.0,
    surrogate: str = "fast-sigmoid",
    jump: float = 0.0,
    rho: float = 0.95,
    encoding: str = "direct",
    decision: str = "count",
) -> SpikingNetwork:
    """Build the spiking twin of `ann.models.build_mlp`: neurons in the place of the ReLU and behind the last layer.

    Parameters
    ----------
    shape, classes, hidden
        As in `ann.models.build_mlp`.
    steps : int
        Time steps of an inference, at least 1.
    beta, threshold, slope, surrogate
        Parameters of every `SoftResetLeaky` layer.
    jump, rho : float
        What a spike adds to its neuron's threshold, and the decay of that; with a jump the layers are `AdaptiveLeaky`.
    encoding, decision : str
        As in `SpikingNetwork`.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    make_neurons = neuron_maker(beta, threshold, slope, surrogate, jump, rho)
    layers = stack_mlp(shape, classes, hidden, "leaky", make_neurons)
    layers["leaky_output"] = make_neurons()
    return SpikingNetwork(nn.Sequential(layers), steps, encoding, decision)
