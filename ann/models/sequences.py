"""Networks of sequences: convolution in time, recurrence, and attention.

An image is read row by row, a table value by value, tokens through an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ann.checks import check_integer, check_one_of, check_share, check_sizes
from ann.errors import ValidationError
from ann.models.model import Model

EMBEDDING = 32


class Rows(nn.Module):
    """Images (batch, channels, height, width) as sequences of their rows (batch, height, channels width)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows."""
        return x.permute(0, 2, 1, 3).flatten(2)


class Values(nn.Module):
    """Rows of a table (batch, features) as sequences of single values (batch, features, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the values."""
        return x.unsqueeze(2)


def make_reader(shape: tuple[int, ...], vocabulary: int) -> tuple[nn.Module, int, int]:
    """Return what turns samples into sequences, and the length and the features of these.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    vocabulary : int
        Number of tokens, where samples are token numbers; else 0.

    Returns
    -------
    tuple
        Module from (batch, *shape) to (batch, length, features); length; features.

    Raises
    ------
    ValidationError
        If samples of such a shape are no sequences.
    """
    shape = check_sizes("shape", shape)
    if check_integer("vocabulary", vocabulary, 0):
        if len(shape) != 1:
            raise ValidationError("shape", shape, "(length,), since samples are tokens")
        return nn.Embedding(vocabulary, EMBEDDING), shape[0], EMBEDDING
    if len(shape) == 1:
        return Values(), shape[0], 1
    if len(shape) == 2:
        return nn.Identity(), *shape
    if len(shape) == 3:
        return Rows(), shape[1], shape[0] * shape[2]
    raise ValidationError("shape", shape, "(length,), (length, features) or (channels, height, width)")


class TimeConvolution(Model):
    """A convolutional network along time: blocks of convolution, batch normalisation, ReLU and max-pooling by two.

    Parameters
    ----------
    shape, classes, channels, vocabulary
        As in `build_cnn1d`.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, channels: Sequence[int], vocabulary: int):
        super().__init__()
        self.vocabulary = vocabulary
        self.reader, length, inputs = make_reader(shape, vocabulary)
        layers: list[nn.Module] = []
        for outputs in check_sizes("channels", channels):
            layers += [nn.Conv1d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
            if length > 1:
                layers.append(nn.MaxPool1d(2))
                length //= 2
            inputs = outputs
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.output = nn.Linear(inputs * length, check_integer("classes", classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, classes), of samples (batch, ...)."""
        return self.output(self.body(self.reader(x).transpose(1, 2)))


class Recurrent(Model):
    """A recurrent network and a linear layer that reads its last state, and the first of one that runs backwards.

    Parameters
    ----------
    shape, classes, hidden, layers, vocabulary
        As in `build_rnn`.
    make : type
        torch.nn.RNN, LSTM or GRU.
    bidirectional : bool
        Whether a second network reads backwards.
    **options
        Further arguments of `make`.
    """

    def __init__(
        self,
        make: type[nn.RNNBase],
        shape: tuple[int, ...],
        classes: int,
        hidden: int,
        layers: int,
        vocabulary: int,
        bidirectional: bool = False,
        **options: Any,
    ):
        super().__init__()
        self.vocabulary = vocabulary
        self.reader, _, features = make_reader(shape, vocabulary)
        hidden, layers = check_integer("hidden", hidden, 1), check_integer("layers", layers, 1)
        self.recurrent = make(
            input_size=features,
            hidden_size=hidden,
            num_layers=layers,
            batch_first=True,
            bidirectional=bidirectional,
            **options,
        )
        self.hidden, self.bidirectional = hidden, bidirectional
        self.output = nn.Linear(hidden * (2 if bidirectional else 1), check_integer("classes", classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, classes), of samples (batch, ...)."""
        states = self.recurrent(self.reader(x))[0]
        last = states[:, -1]
        if self.bidirectional:
            # Each of the two has then read all of the sequence.
            last = torch.cat([last[:, : self.hidden], states[:, 0, self.hidden :]], dim=1)
        return self.output(last)


class Transformer(Model):
    """A transformer encoder over a sequence with learnt positions, and a linear reader of the mean of all places.

    Parameters
    ----------
    shape, classes, width, heads, layers, dropout, vocabulary
        As in `build_transformer`.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        width: int,
        heads: int,
        layers: int,
        dropout: float,
        vocabulary: int,
    ):
        super().__init__()
        self.vocabulary = vocabulary
        self.reader, length, features = make_reader(shape, vocabulary)
        width, heads = check_integer("width", width, 1), check_integer("heads", heads, 1)
        if width % heads:
            raise ValidationError("width", width, f"a multiple of the {heads} heads")
        self.embed = nn.Linear(features, width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.encoder = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, heads, 2 * width, check_share("dropout", dropout), batch_first=True)
                for _ in range(check_integer("layers", layers, 1))
            )
        )
        self.output = nn.Linear(width, check_integer("classes", classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, (batch, classes), of samples (batch, ...)."""
        return self.output(self.encoder(self.embed(self.reader(x)) + self.positions).mean(dim=1))


def build_cnn1d(
    shape: tuple[int, ...], classes: int, *, channels: Sequence[int] = (64, 128), vocabulary: int = 0
) -> TimeConvolution:
    """Build a convolutional network along time.

    Waibel, Hanazawa, Hinton, Shikano & Lang, "Phoneme recognition using time-delay neural networks", IEEE Transactions
    on Acoustics, Speech, and Signal Processing 37 (1989), with today's layers.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample: (length, features), an image (rows in time), (features,) or tokens (length,).
    classes : int
        Size of the output.
    channels : sequence of int
        Channels of each block.
    vocabulary : int
        Number of tokens, where samples are token numbers.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    return TimeConvolution(shape, classes, channels, vocabulary)


def build_rnn(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 64,
    layers: int = 1,
    activation: str = "tanh",
    vocabulary: int = 0,
) -> Recurrent:
    """Build an Elman network: h <- f(W x + U h + b).

    Elman, "Finding structure in time", Cognitive Science 14 (1990).

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample: (length, features), an image (rows in time), (features,) or tokens (length,).
    classes : int
        Size of the output.
    hidden : int
        Size of the state.
    layers : int
        Networks one on top of the other.
    activation : str
        f, "tanh" or "relu".
    vocabulary : int
        Number of tokens, where samples are token numbers.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    check_one_of("activation", activation, ("tanh", "relu"))
    return Recurrent(nn.RNN, shape, classes, hidden, layers, vocabulary, nonlinearity=activation)


def build_bidirectional(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: int = 64,
    layers: int = 1,
    activation: str = "tanh",
    vocabulary: int = 0,
) -> Recurrent:
    """Build two Elman networks, one that reads forwards and one that reads backwards.

    Schuster & Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal Processing 45 (1997).

    Parameters
    ----------
    shape, classes, hidden, layers, activation, vocabulary
        As in `build_rnn`.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    check_one_of("activation", activation, ("tanh", "relu"))
    return Recurrent(nn.RNN, shape, classes, hidden, layers, vocabulary, True, nonlinearity=activation)


def build_lstm(
    shape: tuple[int, ...], classes: int, *, hidden: int = 128, layers: int = 1, vocabulary: int = 0
) -> Recurrent:
    """Build a network of long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9, 1997).

    Parameters
    ----------
    shape, classes, hidden, layers, vocabulary
        As in `build_rnn`.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    return Recurrent(nn.LSTM, shape, classes, hidden, layers, vocabulary)


def build_gru(
    shape: tuple[int, ...], classes: int, *, hidden: int = 128, layers: int = 1, vocabulary: int = 0
) -> Recurrent:
    """Build a network of gated recurrent units (Cho et al., EMNLP 2014).

    Parameters
    ----------
    shape, classes, hidden, layers, vocabulary
        As in `build_rnn`.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    return Recurrent(nn.GRU, shape, classes, hidden, layers, vocabulary)


def build_transformer(
    shape: tuple[int, ...],
    classes: int,
    *,
    width: int = 64,
    heads: int = 4,
    layers: int = 2,
    dropout: float = 0.1,
    vocabulary: int = 0,
) -> Transformer:
    """Build a transformer encoder (Vaswani et al., "Attention is all you need", NeurIPS 2017).

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample: (length, features), an image (rows in time), (features,) or tokens (length,).
    classes : int
        Size of the output.
    width : int
        Features inside, a multiple of `heads`.
    heads : int
        Heads of attention.
    layers : int
        Encoder layers.
    dropout : float
        Probability, 0 ... 1 without 1, that a value is dropped in training.
    vocabulary : int
        Number of tokens, where samples are token numbers.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    return Transformer(shape, classes, width, heads, layers, dropout, vocabulary)
