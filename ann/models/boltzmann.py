"""Restricted Boltzmann machines, and the deep belief network made of them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann.checks import check_integer, check_positive, check_sizes
from ann.models.model import Model, Stack

BATCH_SIZE = 32


class BoltzmannMachine(Model):
    """A restricted Boltzmann machine of binary units, taught by contrastive divergence.

    Its energy is E(v, h) = -b v - c h - h W v, and its free energy F(v) = -b v - sum log(1 + exp(c + W v)). The
    objective is the mean of F over the samples less that over what `steps` rounds of Gibbs sampling make of them; its
    gradient is contrastive divergence (Hinton, Neural Computation 14, 2002). It says nothing of how good the machine
    is: keep the last weights.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample of values in 0 ... 1, which count as probabilities.
    hidden : int
        Number of hidden units.
    steps : int
        Rounds of Gibbs sampling.

    Attributes
    ----------
    weight, hidden_bias, visible_bias : torch.nn.Parameter
        W (hidden, visible), c (hidden,), b (visible,).
    """

    def __init__(self, shape: tuple[int, ...], hidden: int = 128, steps: int = 1):
        super().__init__()
        self.input_shape = check_sizes("shape", shape)
        visible = math.prod(self.input_shape)
        self.steps = check_integer("steps", steps, 1)
        self.weight = nn.Parameter(0.01 * torch.randn(check_integer("hidden", hidden, 1), visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.visible_bias = nn.Parameter(torch.zeros(visible))

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities of the hidden units, (batch, hidden), given samples (batch, ...)."""
        return F.linear(x.flatten(1), self.weight, self.hidden_bias).sigmoid()

    def visible(self, hidden: Tensor) -> Tensor:
        """Return the probabilities of the visible units, (batch, visible), given hidden ones (batch, hidden)."""
        return F.linear(hidden, self.weight.T, self.visible_bias).sigmoid()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the probabilities of the hidden units make of samples, in the samples' shape."""
        return self.visible(self(x)).reshape(x.shape)

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F, (batch,), of visible units (batch, visible)."""
        return -v @ self.visible_bias - F.softplus(F.linear(v, self.weight, self.hidden_bias)).sum(dim=1)

    def sample(self, v: Tensor, steps: int) -> Tensor:
        """Return the visible probabilities, (batch, visible), after rounds of Gibbs sampling from (batch, visible)."""
        for _ in range(steps):
            v = self.visible(torch.bernoulli(self(v)))
        return v

    def objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean difference of the free energies of samples and of what they become; `y` is not used."""
        v = x.flatten(1)
        with torch.no_grad():
            other = self.sample(v, self.steps)
        return (self.free_energy(v) - self.free_energy(other)).mean()


def pretrain_greedily(layers: Iterable[nn.Linear], x: Tensor, epochs: int, learning_rate: float) -> None:
    """Teach each layer to be a restricted Boltzmann machine of what the layers before it say (Hinton et al. 2006).

    Parameters
    ----------
    layers : iterable of torch.nn.Linear
        Layers that are each followed by a sigmoid; they get the machines' weights and hidden biases.
    x : torch.Tensor
        Samples, (n, ...), of values in 0 ... 1.
    epochs : int
        Passes through the samples for each layer.
    learning_rate : float
        Of Adam.
    """
    v = x.flatten(1)
    for layer in layers:
        machine = BoltzmannMachine((layer.in_features,), layer.out_features).to(v.device)
        optimizer = torch.optim.Adam(machine.parameters(), learning_rate)
        for _ in range(epochs):
            for chosen in torch.randperm(len(v)).to(v.device).split(BATCH_SIZE):
                optimizer.zero_grad()
                machine.objective(v[chosen], v[chosen]).backward()
                optimizer.step()
        with torch.no_grad():
            layer.weight.copy_(machine.weight)
            layer.bias.copy_(machine.hidden_bias)
            v = machine(v)


class DeepBeliefNetwork(Stack):
    """Sigmoid layers that are pretrained greedily as restricted Boltzmann machines, and a linear layer for the classes.

    Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18 (2006).

    Parameters
    ----------
    sizes : sequence of int
        Numbers in a sample, then the sizes of the hidden layers.
    classes : int
        Size of the output.
    pretraining : int
        Passes through the samples for each hidden layer before training; 0 leaves pretraining out.
    pretraining_rate : float
        Learning rate of that.
    """

    def __init__(self, sizes: Sequence[int], classes: int, pretraining: int, pretraining_rate: float):
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            layers[f"linear{number}"] = nn.Linear(inputs, outputs)
            layers[f"sigmoid{number}"] = nn.Sigmoid()
        layers["output"] = nn.Linear(sizes[-1], classes)
        super().__init__(layers)
        self.pretraining = check_integer("pretraining", pretraining, 0)
        self.pretraining_rate = check_positive("pretraining_rate", pretraining_rate)

    def pretrain(self, x: Tensor) -> None:
        """Teach the hidden layers on samples, (n, ...), of values in 0 ... 1."""
        hidden = [layer for layer in self if isinstance(layer, nn.Linear)][:-1]
        pretrain_greedily(hidden, x, self.pretraining, self.pretraining_rate)


def build_rbm(shape: tuple[int, ...], classes: int, *, hidden: int = 128, steps: int = 1) -> BoltzmannMachine:
    """Build a restricted Boltzmann machine.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    classes : int
        Not used: it learns without classes.
    hidden, steps : int
        As in `BoltzmannMachine`.

    Raises
    ------
    ValidationError
        If a size is no integer of at least 1.
    """
    return BoltzmannMachine(shape, hidden, steps)


def build_dbn(
    shape: tuple[int, ...],
    classes: int,
    *,
    hidden: Sequence[int] = (256, 128),
    pretraining: int = 10,
    pretraining_rate: float = 3e-3,
) -> DeepBeliefNetwork:
    """Build a deep belief network for classification.

    Parameters
    ----------
    shape : tuple of int
        Shape of a sample.
    classes : int
        Size of the output.
    hidden : sequence of int
        Sizes of the hidden layers.
    pretraining, pretraining_rate
        As in `DeepBeliefNetwork`.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    sizes = (math.prod(check_sizes("shape", shape)), *check_sizes("hidden", hidden))
    return DeepBeliefNetwork(sizes, check_integer("classes", classes, 1), pretraining, pretraining_rate)
