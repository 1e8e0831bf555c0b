"""A recurrent network of spiking neurons."""

from __future__ import annotations

from torch import Tensor, nn

from ann.checks import check_integer
from ann.models.model import Model
from ann.models.sequences import make_reader
from ann.models.soft_reset import SoftResetLeaky


class SpikingRecurrent(Model):
    """Leaky integrate-and-fire neurons that hear the sequence and their own last spikes, and a linear reader of spikes.

    In step t, with s the spikes of the step before::

        v <- beta v + W x(t) + U s + b,    s <- 1 if v > threshold else 0,    v <- v - threshold s

    The scores are the sum over all steps of a linear map of the spikes. Trained through time with a surrogate gradient
    (Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 36, 2019).

    Parameters
    ----------
    shape, classes, hidden, repeats, beta, threshold, slope, vocabulary
        As in `build_spiking_rnn`.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        hidden: int,
        repeats: int,
        beta: float,
        threshold: float,
        slope: float,
        vocabulary: int,
    ):
        super().__init__()
        self.vocabulary = vocabulary
        self.reader, self.length, features = make_reader(shape, vocabulary)
        self.hidden, self.repeats = check_integer("hidden", hidden, 1), check_integer("repeats", repeats, 1)
        self.forwards = nn.Linear(features, hidden)
        self.recurrent = nn.Linear(hidden, hidden, bias=False)
        self.neurons = SoftResetLeaky(beta, threshold, slope)
        self.output = nn.Linear(hidden, check_integer("classes", classes, 1), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, classes), of samples (batch, ...)."""
        current = self.forwards(self.reader(x))
        self.neurons.reset()
        spikes, scores = current.new_zeros(len(x), self.hidden), current.new_zeros(())
        try:
            for step in range(self.length):
                for _ in range(self.repeats):
                    spikes = self.neurons(current[:, step] + self.recurrent(spikes))
                    scores = scores + self.output(spikes)
        finally:
            # Potentials that hold on to a gradient would keep its graph alive and the module from being copied.
            self.neurons.reset()
        return scores


def build_spiking_rnn(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 128,
    repeats: int = 2,
    beta: float = 0.9,
    threshold: float = 1.0,
    slope: float = 10.0,
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
    beta, threshold, slope : float
        Parameters of `SoftResetLeaky`.
    vocabulary : int
        Number of tokens, where samples are token numbers.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    return SpikingRecurrent(shape, classes, hidden, repeats, beta, threshold, slope, vocabulary)
