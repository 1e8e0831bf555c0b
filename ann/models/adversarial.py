"""Generative adversarial networks: plain, deep convolutional, conditional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ann.checks import check_integer, check_seed, check_shape, check_sizes
from ann.errors import ValidationError
from ann.models.model import Model
from ann.seeding import seeded

SLOPE = 0.2  # of the leaky ReLUs, as in the paper on DCGAN


class AdversarialNetwork(Model):
    """A generator of samples from noise, and a discriminator that tells them from real ones, taught against each other.

    With D(x) the logit that x is real and G(z) a sample, z standard normal, the discriminator makes::

        softplus(-D(x)) + softplus(D(G(z)))

    small, and the generator softplus(-D(G(z))) (Goodfellow et al., "Generative adversarial nets", NeurIPS 2014, with
    the loss they recommend for G). Both move at once: the objective is the sum, in which each part sees the other
    network as a constant. It says nothing of how good the samples are: keep the last weights.

    Parameters
    ----------
    generator : torch.nn.Module
        From (batch, latent + classes) to samples (batch, ...): noise, then the class as one of `classes` ones.
    discriminator : torch.nn.Module
        From samples (batch, ...), for `classes` > 0 flattened with the class behind them, to logits (batch, 1).
    latent : int
        Numbers of noise.
    classes : int
        Number of classes to choose from; 0 leaves them out.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, latent: int, classes: int = 0):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.latent, self.classes = latent, classes
        self.input_shape = (latent + classes,)

    def forward(self, z: Tensor) -> Tensor:
        """Return samples, (batch, ...), of noise and class, (batch, latent + classes)."""
        return self.generator(z)

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of both networks on real samples (batch, ...) and class numbers (batch,)."""
        noise = torch.randn(len(x), self.latent, device=x.device)
        made = self.generator(self._with_class(noise, y))
        real, fake = self.judge(x, y), self.judge(made.detach(), y)
        constant = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        fooled = functional_call(self.discriminator, constant, self._shown(made, y))
        return (F.softplus(-real) + F.softplus(fake) + F.softplus(-fooled)).mean()

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logits, (batch, 1), that samples (batch, ...) of classes (batch,) are real."""
        return self.discriminator(self._shown(x, y))

    def sample(self, y: int | Sequence[int], seed: int = 0) -> Tensor:
        """Return new samples, (n, ...), made in evaluation mode.

        Parameters
        ----------
        y : int or sequence of int
            How many samples; for a conditional network their class numbers.
        seed : int
            Seed of the noise.

        Raises
        ------
        ValidationError
            If a class number is unknown, or given or missing without reason.
        """
        if self.classes == 0:
            labels = torch.zeros(check_integer("y", y, 1), dtype=torch.int64)
        elif isinstance(y, int):
            raise ValidationError("y", y, "class numbers, one for each sample")
        else:
            labels = torch.tensor([check_integer("y", label, 0, self.classes - 1) for label in y])
        weight = next(self.parameters())
        mode = self.generator.training
        with seeded(check_seed(seed), weight.device), torch.no_grad():
            noise = torch.randn(len(labels), self.latent, device=weight.device)
            try:
                return self.generator.eval()(self._with_class(noise, labels.to(weight.device)))
            finally:
                self.generator.train(mode)

    def _with_class(self, x: Tensor, y: Tensor) -> Tensor:
        return x if self.classes == 0 else torch.cat([x, F.one_hot(y, self.classes).to(x.dtype)], dim=1)

    def _shown(self, x: Tensor, y: Tensor) -> Tensor:
        return x if self.classes == 0 else self._with_class(x.flatten(1), y)


def build_gan(
    shape: tuple[int, ...], classes: int, *, hidden: Sequence[int] = (128, 128), latent: int = 16
) -> AdversarialNetwork:
    """Build a generative adversarial network of dense layers, for values in 0 ... 1.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    classes : int
        Not used: it learns without classes.
    hidden : sequence of int
        Sizes of the hidden layers of both networks.
    latent : int
        Numbers of noise.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    return _build_dense(
        check_sizes("shape", shape), 0, check_sizes("hidden", hidden), check_integer("latent", latent, 1)
    )


def build_conditional_gan(
    shape: tuple[int, ...], classes: int, *, hidden: Sequence[int] = (256, 256), latent: int = 16
) -> AdversarialNetwork:
    """Build a generative adversarial network that draws what it is asked for.

    Mirza & Osindero, "Conditional generative adversarial nets", arXiv:1411.1784 (2014).

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample of values in 0 ... 1.
    classes : int
        Number of classes to choose from.
    hidden : sequence of int
        Sizes of the hidden layers of both networks.
    latent : int
        Numbers of noise.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    classes = check_integer("classes", classes, 1)
    sizes = check_sizes("hidden", hidden)
    return _build_dense(check_sizes("shape", shape), classes, sizes, check_integer("latent", latent, 1))


def _build_dense(shape: tuple[int, ...], classes: int, hidden: tuple[int, ...], latent: int) -> AdversarialNetwork:
    size = math.prod(shape)
    generator: list[nn.Module] = []
    for inputs, outputs in pairwise((latent + classes, *hidden)):
        generator += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    generator += [nn.Linear(hidden[-1], size), nn.Sigmoid(), nn.Unflatten(1, shape)]
    discriminator: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise((size + classes, *hidden)):
        discriminator += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
    discriminator.append(nn.Linear(hidden[-1], 1))
    return AdversarialNetwork(nn.Sequential(*generator), nn.Sequential(*discriminator), latent, classes)


def build_dcgan(
    shape: tuple[int, int, int], classes: int, *, channels: Sequence[int] = (32, 64), latent: int = 32
) -> AdversarialNetwork:
    """Build a deep convolutional generative adversarial network: no pooling and no dense layers.

    Strided and transposed convolutions, batch normalisation but at the discriminator's first and both networks' last
    layer, ReLU in the generator, leaky ReLU in the discriminator (Radford, Metz & Chintala, "Unsupervised
    representation learning with deep convolutional generative adversarial networks", ICLR 2016). The output is a
    sigmoid where theirs is a tangent, since images here go from 0 to 1.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image, (channels, height, width).
    classes : int
        Not used: it learns without classes.
    channels : sequence of int
        Channels of the discriminator's convolutions, each of which halves the sides; these must be divisible so often.
        The generator has them in reverse.
    latent : int
        Numbers of noise.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    first, height, width = check_shape(shape)
    channels, latent = check_sizes("channels", channels), check_integer("latent", latent, 1)
    factor = 1 << len(channels)
    if height % factor or width % factor:
        raise ValidationError("shape", shape, f"sides divisible by {factor}, or fewer channels")
    smallest = (height // factor, width // factor)
    discriminator: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise((first, *channels))):
        discriminator.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=number == 0))
        discriminator += [nn.BatchNorm2d(outputs)] if number else []
        discriminator.append(nn.LeakyReLU(SLOPE))
    discriminator += [nn.Conv2d(channels[-1], 1, smallest), nn.Flatten()]
    generator: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, channels[-1], smallest, bias=False),
        nn.BatchNorm2d(channels[-1]),
        nn.ReLU(),
    ]
    for inputs, outputs in pairwise(reversed(channels)):
        generator += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    generator += [nn.ConvTranspose2d(channels[0], first, 4, 2, 1), nn.Sigmoid()]
    return AdversarialNetwork(nn.Sequential(*generator), nn.Sequential(*discriminator), latent)
