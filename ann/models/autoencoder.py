"""Autoencoders: plain, tied, linear, denoising, stacked, convolutional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann.checks import check_integer, check_positive, check_shape, check_sizes
from ann.errors import ValidationError
from ann.models.boltzmann import pretrain_greedily
from ann.models.model import Model


class Autoencoder(Model):
    """An encoder to a short code and a decoder back; what is made small is the mean squared error.

    Rumelhart, Hinton & Williams, in "Parallel distributed processing" (1986); Hinton & Salakhutdinov, Science 313
    (2006).

    Parameters
    ----------
    encoder, decoder : torch.nn.Module
        From samples (batch, ...) to codes (batch, code), and back to (batch, numbers in a sample).
    shape : tuple of int
        Shape of a sample.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, shape: tuple[int, ...]):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.input_shape = check_sizes("shape", shape)

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes, (batch, code), of samples (batch, ...)."""
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        """Return samples, (batch, ...), of codes (batch, code)."""
        return self.decoder(code).unflatten(1, self.input_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return what samples (batch, ...) become by way of their codes, in their shape."""
        return self.decode(self.encode(x))

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean squared error of a batch of samples; `y` is not used."""
        return F.mse_loss(self(x), x)


class DenoisingAutoencoder(Autoencoder):
    """An autoencoder that is given samples with Gaussian noise and is to return them without.

    Vincent, Larochelle, Bengio & Manzagol, "Extracting and composing robust features with denoising autoencoders",
    ICML (2008).

    Parameters
    ----------
    encoder, decoder, shape
        As in `Autoencoder`.
    noise : float
        Standard deviation of the noise.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, shape: tuple[int, ...], noise: float):
        super().__init__(encoder, decoder, shape)
        self.noise = check_positive("noise", noise)

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean squared error between samples and what is made of them with noise; `y` is not used."""
        return F.mse_loss(self(x + self.noise * torch.randn_like(x)), x)


class StackedAutoencoder(Autoencoder):
    """An autoencoder of sigmoid layers that are first taught one by one as restricted Boltzmann machines.

    The machines' weights become those of the encoder, and transposed those of the decoder (Hinton & Salakhutdinov,
    "Reducing the dimensionality of data with neural networks", Science 313, 2006).

    Parameters
    ----------
    encoder, decoder, shape
        As in `Autoencoder`.
    pretraining : int
        Passes through the samples for each layer; 0 leaves pretraining out.
    pretraining_rate : float
        Learning rate of that.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        shape: tuple[int, ...],
        pretraining: int,
        pretraining_rate: float,
    ):
        super().__init__(encoder, decoder, shape)
        self.pretraining = check_integer("pretraining", pretraining, 0)
        self.pretraining_rate = check_positive("pretraining_rate", pretraining_rate)

    def pretrain(self, x: Tensor) -> None:
        """Teach the layers on samples, (n, ...), of values in 0 ... 1."""
        if not self.pretraining:
            return
        encoding, decoding = (
            [layer for layer in half.modules() if isinstance(layer, nn.Linear)] for half in (self.encoder, self.decoder)
        )
        pretrain_greedily(encoding, x, self.pretraining, self.pretraining_rate)
        with torch.no_grad():
            for encoder, decoder in zip(encoding, reversed(decoding), strict=True):
                decoder.weight.copy_(encoder.weight.T)


class Transposed(nn.Module):
    """A layer that uses another layer's weights the other way round, with a bias of its own.

    Parameters
    ----------
    layer : torch.nn.Linear
        The other layer.
    """

    def __init__(self, layer: nn.Linear):
        super().__init__()
        # Within a tuple, so that the weights are the other layer's alone.
        self.tied = (layer,)
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, the other layer's inputs) of (batch, the other layer's outputs)."""
        return F.linear(x, self.tied[0].weight.T, self.bias)


def build_autoencoder(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    code: int = 16,
    tied: bool = False,
    linear: bool = False,
) -> Autoencoder:
    """Build a plain autoencoder: ReLU layers to the code, the same sizes back, a sigmoid at the end.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample of values in 0 ... 1; of any values if it is linear.
    classes : int
        Not used: it learns without classes.
    hidden : sequence of int
        Sizes of the encoder's hidden layers; none goes straight to the code.
    code : int
        Size of the code.
    tied : bool
        Let the decoder use the encoder's weights, transposed.
    linear : bool
        Leave out all activations; then the code spans what the principal components span (Baldi & Hornik, Neural
        Networks 2, 1989).

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    return Autoencoder(*_halves(shape, hidden, code, nn.Identity if linear else nn.ReLU, not linear, tied), shape)


def build_denoising(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    code: int = 16,
    noise: float = 0.2,
) -> DenoisingAutoencoder:
    """Build a denoising autoencoder.

    Parameters
    ----------
    shape, classes, hidden, code
        As in `build_autoencoder`.
    noise : float
        Standard deviation of the noise in training.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    return DenoisingAutoencoder(*_halves(shape, hidden, code, nn.ReLU, True, False), shape, noise)


def build_stacked(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (128, 64),
    code: int = 16,
    pretraining: int = 10,
    pretraining_rate: float = 3e-3,
) -> StackedAutoencoder:
    """Build a deep autoencoder of sigmoid layers with greedy pretraining.

    Parameters
    ----------
    shape, classes, hidden, code
        As in `build_autoencoder`.
    pretraining, pretraining_rate
        As in `StackedAutoencoder`.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    halves = _halves(shape, hidden, code, nn.Sigmoid, True, False, squash_code=True)
    return StackedAutoencoder(*halves, shape, pretraining, pretraining_rate)


def build_convolutional(
    shape: tuple[int, int, int], classes: int, *, channels: Sequence[int] = (32, 64), code: int = 16
) -> Autoencoder:
    """Build a convolutional autoencoder: strided convolutions down, transposed ones up.

    Masci, Meier, Ciresan & Schmidhuber, "Stacked convolutional auto-encoders for hierarchical feature extraction",
    ICANN (2011).

    Parameters
    ----------
    shape : tuple of int
        Shape of an image of values in 0 ... 1, (channels, height, width).
    classes : int
        Not used: it learns without classes.
    channels : sequence of int
        Channels of the convolutions, each of which halves the sides; these must be divisible so often.
    code : int
        Size of the code.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    first, height, width = check_shape(shape)
    channels, code = check_sizes("channels", channels), check_integer("code", code, 1)
    down, up = conv_halves((first, height, width), channels)
    inner = channels[-1] * (height >> len(channels)) * (width >> len(channels))
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(inner, code))
    decoder = nn.Sequential(nn.Linear(code, inner), nn.ReLU(), *up, nn.Sigmoid(), nn.Flatten())
    return Autoencoder(encoder, decoder, shape)


def conv_halves(shape: tuple[int, int, int], channels: tuple[int, ...]) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return strided convolutions that halve an image for each of `channels`, and transposed ones that undo it.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    channels : tuple of int
        Channels of the convolutions.

    Returns
    -------
    tuple of list
        Layers from images to maps, and from maps, flattened, to images.

    Raises
    ------
    ValidationError
        If a side cannot be halved so often.
    """
    first, height, width = shape
    factor = 1 << len(channels)
    if height % factor or width % factor:
        raise ValidationError("shape", shape, f"sides divisible by {factor}, or fewer channels")
    down: list[nn.Module] = []
    up: list[nn.Module] = [nn.Unflatten(1, (channels[-1], height // factor, width // factor))]
    for inputs, outputs in pairwise((first, *channels)):
        down += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
    for inputs, outputs in pairwise((*reversed(channels), first)):
        up += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU()]
    return down, up[:-1]


def _halves(
    shape: tuple[int, ...],
    hidden: Sequence[int],
    code: int,
    activation: type[nn.Module],
    squash_output: bool,
    tied: bool,
    squash_code: bool = False,
) -> tuple[nn.Sequential, nn.Sequential]:
    hidden = [check_integer("hidden", size, 1) for size in hidden]
    sizes = [math.prod(check_sizes("shape", shape)), *hidden, check_integer("code", code, 1)]
    down = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)]
    back = [Transposed(layer) if tied else nn.Linear(layer.out_features, layer.in_features) for layer in reversed(down)]
    encoder: list[nn.Module] = [nn.Flatten()]
    for layer in down:
        encoder += [layer, activation()]
    decoder: list[nn.Module] = []
    for layer in back:
        decoder += [layer, activation()]
    last = [nn.Sigmoid()] if squash_output else []
    return nn.Sequential(*(encoder if squash_code else encoder[:-1])), nn.Sequential(*decoder[:-1], *last)
