"""Claim: through a deep stack of sigmoids the gradient vanishes; through ReLU, normalised or residual ones it does not.

The slope of a sigmoid is at most 1/4, and gradients are products of as many slopes as there are layers (S.
Hochreiter, 1991; X. Glorot and Y. Bengio, AISTATS 2010; S. Ioffe and C. Szegedy, ICML 2015; K. He et al., CVPR 2016).

Run: python examples/claims/vanishing_gradient.py [PICTURE.png]
"""

import sys

import torch
from torch import nn

WIDTH = 64


class Residual(nn.Module):
    """x + W2 relu(W1 x), with the second matrix small at first."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        nn.init.normal_(self.inner[2].weight, std=0.1 / WIDTH**0.5)

    def forward(self, x):
        """Return what comes out for a batch."""
        return x + self.inner(x)


def he(layer: nn.Linear) -> nn.Linear:
    """Draw weights of variance 2 / fan-in (K. He et al., ICCV 2015)."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


BLOCKS = {
    "sigmoid": lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Sigmoid()),
    "ReLU": lambda: nn.Sequential(he(nn.Linear(WIDTH, WIDTH)), nn.ReLU()),
    "sigmoid, batch-normalised": lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.Sigmoid()),
    "residual": Residual,
}


def gradient(make, depth: int) -> float:
    """Return the gradient's size at the input of a stack, relative to that at its output."""
    torch.manual_seed(0)
    model = nn.Sequential(*[make() for _ in range(depth)]).double()
    x = torch.randn(256, WIDTH, dtype=torch.float64, requires_grad=True)
    y = model(x)
    towards = torch.randn_like(y)
    (grad,) = torch.autograd.grad(y, x, towards)
    return (grad.norm() / towards.norm()).item()


def main(picture: str = "vanishing_gradient.png", depths: tuple[int, ...] = (1, 2, 4, 8, 16, 32)) -> dict[str, float]:
    """Measure each stack; returns the relative gradient at the largest depth."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    found = {}
    for name, make in BLOCKS.items():
        sizes = [gradient(make, depth) for depth in depths]
        found[name] = sizes[-1]
        print(f"{name:26} gradient through {depths[-1]} layers: {sizes[-1]:.2g}")
        ax.loglog(depths, sizes, "o-", label=name, base=10)
    ax.set(xlabel="layers", ylabel="gradient at the input / at the output", title="What is left of a gradient")
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
