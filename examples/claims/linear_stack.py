"""Claim: a stack of linear layers is one linear layer; it takes a non-linearity to say more.

W3 (W2 (W1 x + b1) + b2) + b3 = (W3 W2 W1) x + (W3 W2 b1 + W3 b2 + b3)

Run: python examples/claims/linear_stack.py [PICTURE.png]
"""

import itertools
import sys

import numpy as np
import torch
from torch import nn


def stack(depth: int, width: int, activation: type[nn.Module]) -> nn.Sequential:
    """Return so many linear layers from 2 inputs to 1 output, with the activation after each but the last."""
    sizes = [2, *[width] * (depth - 1), 1]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def distance_from_linear(model: nn.Module, x: torch.Tensor) -> float:
    """Return by how much a model differs from the best linear one, as a share of its outputs' standard deviation."""
    y = model(x).numpy()
    inputs = np.column_stack([x.numpy(), np.ones(len(x))])
    fit, *_ = np.linalg.lstsq(inputs, y, rcond=None)
    return float(np.abs(inputs @ fit - y).max() / y.std())


def main(picture: str = "linear_stack.png", depth: int = 10) -> dict[str, float]:
    """Compare stacks with and without a non-linearity to one linear layer; returns the differences."""
    import matplotlib.pyplot as plt

    torch.manual_seed(0)
    axis = torch.linspace(-3, 3, 100, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    models = {name: stack(depth, 32, kind).double() for name, kind in (("linear", nn.Identity), ("ReLU", nn.ReLU))}
    found = {name: distance_from_linear(model, x) for name, model in models.items()}
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        print(f"{depth} layers, {name}: differs from one linear layer by {found[name]:.2g} standard deviations")
        with torch.no_grad():
            ax.contourf(axis, axis, model(x).reshape(100, 100).T, levels=20)
        ax.set(title=f"{depth} layers, {name}", xlabel="first input", ylabel="second input")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
