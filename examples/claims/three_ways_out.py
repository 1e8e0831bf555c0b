"""Claim: the step function has no gradient, and there are three ways out.

All three train step units to tell malignant from benign tumours: the perceptron rule needs no gradient; an evolution
strategy tries random changes (T. Salimans et al., arXiv:1703.03864); a surrogate gradient pretends the step were
smooth on the way back (E. Neftci et al., IEEE Signal Processing Magazine 36, 2019).

Run: python examples/claims/three_ways_out.py [PICTURE.png]
"""

import sys

import torch
from snntorch import surrogate
from torch import nn

import ann

HIDDEN = 16


def shapes(features: int) -> list[tuple[int, ...]]:
    """Return the shapes of weights and biases of a hidden layer of step units and of one step unit."""
    return [(features, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,)]


def answers(weights: list[torch.Tensor], x: torch.Tensor, step) -> torch.Tensor:
    """Return what the output unit is given; its step is > 0."""
    a, b, c, d = weights
    return (step(x @ a + b) @ c + d)[:, 0]


def by_surrogate(x: torch.Tensor, y: torch.Tensor, steps: int) -> list[torch.Tensor]:
    """Train all weights by Adam, with the slope of a fast sigmoid for the step's."""
    weights = [nn.Parameter(0.3 * torch.randn(shape)) for shape in shapes(x.shape[1])]
    optimizer, step = torch.optim.Adam(weights, 1e-2), surrogate.fast_sigmoid(slope=5)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(answers(weights, x, step), y).backward()
        optimizer.step()
    return [weight.detach() for weight in weights]


def by_evolution(
    x: torch.Tensor, y: torch.Tensor, steps: int, pairs: int = 32, size: float = 0.1
) -> list[torch.Tensor]:
    """Move the weights towards random changes that do well, tried both ways and ranked."""
    weights = [0.3 * torch.randn(shape) for shape in shapes(x.shape[1])]
    for _ in range(steps):
        changes = [[size * torch.randn_like(weight) for weight in weights] for _ in range(pairs)]
        tried = [[w + sign * c for w, c in zip(weights, change, strict=True)] for change in changes for sign in (1, -1)]
        scores = torch.stack([((answers(one, x, _step) > 0) == (y > 0)).float().mean() for one in tried])
        ranks = scores.argsort().argsort().float() / (2 * pairs - 1) - 0.5
        gains = ranks[::2] - ranks[1::2]
        for i in range(len(weights)):
            weights[i] = (
                weights[i] + sum(g * change[i] for g, change in zip(gains, changes, strict=True)) / (pairs * size) * 0.2
            )
    return weights


def by_perceptron_rule(x: torch.Tensor, y: torch.Tensor, epochs: int) -> torch.Tensor:
    """Train one step unit; returns the mean of its weights on the way (the averaged perceptron)."""
    x, w = torch.cat([x, torch.ones(len(x), 1)], dim=1), torch.zeros(x.shape[1] + 1)
    total = torch.zeros_like(w)
    for _ in range(epochs):
        for sample, label in zip(x, y, strict=True):
            w = w + (label - (w @ sample > 0).float()) * sample
            total += w
    return total


def _step(u: torch.Tensor) -> torch.Tensor:
    return (u > 0).float()


def main(picture: str = "three_ways_out.png", steps: int = 300, epochs: int = 20) -> dict[str, float]:
    """Train by each; returns its test accuracy."""
    import matplotlib.pyplot as plt

    torch.manual_seed(0)
    data = ann.load("breast-cancer", seed=0)
    x, y = torch.tensor(data.x_train), torch.tensor(data.y_train, dtype=torch.float32)
    test = torch.tensor(data.x_test)
    u = torch.linspace(-2, 2, 400)  # the jump lies in the middle of an interval
    slopes = _step(u).diff() / u.diff()
    w = by_perceptron_rule(x, y, epochs)
    told = {
        "perceptron rule": test @ w[:-1] + w[-1],
        "evolution strategy": answers(by_evolution(x, y, steps), test, _step),
        "surrogate gradient": answers(by_surrogate(x, y, steps), test, _step),
    }
    found = {name: float(((u > 0).numpy() == data.y_test).mean()) for name, u in told.items()}
    print(f"the step has a slope at {int((slopes != 0).sum())} of {len(slopes)} places")
    for name, accuracy in found.items():
        print(f"{name}: test accuracy {accuracy:.1%}")
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    ax.bar(list(found), [100 * accuracy for accuracy in found.values()])
    ax.set(ylabel="test accuracy, breast cancer (%)", ylim=(50, 100))
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
