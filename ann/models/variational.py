"""The variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann.checks import check_integer, check_seed, check_sizes
from ann.models.model import Model
from ann.seeding import seeded


class VariationalAutoencoder(Model):
    """An encoder to the mean and variance of a normal code, and a decoder of codes drawn from it.

    What is made small is the negative evidence lower bound (nats), with the values of a sample, 0 ... 1, as the
    probabilities of independent bits::

        -E[log p(x | z)] + KL(N(mu, sigma^2) | N(0, 1)),    z = mu + sigma e, e normal

    (Kingma & Welling, "Auto-encoding variational Bayes", ICLR 2014).

    Parameters
    ----------
    shape, hidden, code
        As in `build_variational`.
    """

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int], code: int):
        super().__init__()
        self.input_shape = check_sizes("shape", shape)
        self.code = check_integer("code", code, 1)
        sizes = (math.prod(self.input_shape), *check_sizes("hidden", hidden))
        encoder: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise(sizes):
            encoder += [nn.Linear(inputs, outputs), nn.ReLU()]
        decoder: list[nn.Module] = []
        for inputs, outputs in pairwise((code, *reversed(sizes))):
            decoder += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder)
        self.mean = nn.Linear(sizes[-1], code)
        self.log_variance = nn.Linear(sizes[-1], code)
        self.decoder = nn.Sequential(*decoder[:-1])  # to logits

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes' means, (batch, code), of samples (batch, ...)."""
        return self.mean(self.encoder(x))

    def decode(self, code: Tensor) -> Tensor:
        """Return samples, (batch, ...), of codes (batch, code)."""
        return self.decoder(code).sigmoid().unflatten(1, self.input_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Return what samples (batch, ...) become by way of their codes' means, in their shape."""
        return self.decode(self.encode(x))

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean negative lower bound of a batch of samples, drawing one code each; `y` is not used."""
        features = self.encoder(x)
        mean, log_variance = self.mean(features), self.log_variance(features)
        logits = self.decoder(mean + (log_variance / 2).exp() * torch.randn_like(mean))
        bits = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(dim=1)
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        return (bits + divergence).mean()

    def sample(self, count: int, seed: int = 0) -> Tensor:
        """Return new samples, (count, ...), of codes drawn from the standard normal distribution.

        Parameters
        ----------
        count : int
            How many.
        seed : int
            Seed of the codes.
        """
        device = self.mean.weight.device
        with seeded(check_seed(seed), device), torch.no_grad():
            return self.decode(torch.randn(check_integer("count", count, 1), self.code, device=device))


def build_variational(
    shape: tuple[int, ...], classes: int, *, hidden: Sequence[int] = (256, 128), code: int = 6
) -> VariationalAutoencoder:
    """Build a variational autoencoder.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample of values in 0 ... 1.
    classes : int
        Not used: it learns without classes.
    hidden : sequence of int
        Sizes of the encoder's hidden layers; the decoder has them in reverse.
    code : int
        Size of the code.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    return VariationalAutoencoder(shape, hidden, code)
