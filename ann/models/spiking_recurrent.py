"""A recurrent network of spiking neurons."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from ann.checks import check_integer
from ann.models.adaptive import SelfConnected, neuron_maker
from ann.models.encoding import encode_sequence
from ann.models.sequences import make_reader
from ann.models.spiking import SpikingNetwork


class SpikingRecurrent(SpikingNetwork):
    """Leaky integrate-and-fire neurons that hear a sequence and their own last spikes, and a linear reader of spikes.

    In step t, with s the spikes of the step before::

        v <- beta v + W x(t) + U s + b,    s <- 1 if v > threshold else 0,    v <- v - threshold s

    The scores are the sum over all steps of a linear map of the spikes. Trained through time with a surrogate gradient
    (Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 36, 2019); neurons whose threshold adapts remember for
    longer (Bellec et al., NeurIPS 2018).

    Parameters
    ----------
    body : torch.nn.Sequential
        The layers of a time step.
    reader : torch.nn.Module
        From samples (batch, ...) to sequences (batch, length, features).
    length, repeats : int
        Elements of a sequence, and the steps for which each is shown.
    encoding : str
        How elements are given, as in `ann.encode`.
    vocabulary : int
        Number of tokens, where samples are token numbers; else 0.
    """

    def __init__(
        self, body: nn.Sequential, reader: nn.Module, length: int, repeats: int, encoding: str, vocabulary: int
    ):
        self.repeats = check_integer("repeats", repeats, 1)
        super().__init__(body, length * self.repeats, encoding)
        self.reader, self.vocabulary = reader, vocabulary

    def given(self, x: Tensor) -> Tensor:
        """Return what `body` is given of samples (batch, ...) in every step, (steps, batch, features)."""
        return encode_sequence(self.reader(x), self.repeats, self.encoding)


def build_spiking_rnn(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 128,
    repeats: int = 2,
    beta: float = 0.9,
    threshold: float = 1.0,
    slope: float = 10.0,
    surrogate: str = "fast-sigmoid",
    jump: float = 0.0,
    rho: float = 0.95,
    encoding: str = "direct",
    vocabulary: int = 0,
) -> SpikingRecurrent:
    """Build a recurrent network of spiking neurons.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample: (length, features), an image (rows in time), (features,) or tokens (length,).
    classes : int
        Size of the output.
    hidden : int
        Number of neurons.
    repeats : int
        Steps for which each element of a sequence is shown.
    beta, threshold, slope, surrogate
        Parameters of `SoftResetLeaky`.
    jump, rho : float
        What a spike adds to its neuron's threshold, and the decay of that; with a jump the neurons are `AdaptiveLeaky`.
    encoding : str
        How the elements are given, as in `ann.encode`: "direct", "rate", "latency" or "delta".
    vocabulary : int
        Number of tokens, where samples are token numbers.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    reader, length, features = make_reader(shape, vocabulary)
    hidden = check_integer("hidden", hidden, 1)
    neurons = neuron_maker(beta, threshold, slope, surrogate, jump, rho)()
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        forwards=nn.Linear(features, hidden),
        leaky=SelfConnected(neurons, hidden),
        output=nn.Linear(hidden, check_integer("classes", classes, 1), bias=False),
    )
    return SpikingRecurrent(nn.Sequential(layers), reader, length, repeats, encoding, vocabulary)
