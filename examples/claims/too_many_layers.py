"""Claim: more hidden layers than needed make it worse.

The same width, data and training, one to eight hidden layers of sigmoid units: what one layer learns, a deep plain
stack learns late or not at all.

Run: python examples/claims/too_many_layers.py [PICTURE.png]
"""

import sys

import torch
from torch import nn

import ann


def stack(depth: int, width: int) -> nn.Sequential:
    """Return a network for digits with so many hidden layers."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs in [64, *[width] * (depth - 1)]:
        layers += [nn.Linear(inputs, width), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def main(
    picture: str = "too_many_layers.png", depths: tuple[int, ...] = (1, 2, 3, 4, 6, 8), epochs: int = 20
) -> dict[int, float]:
    """Train each depth; returns its test accuracy."""
    import matplotlib.pyplot as plt

    data, found = ann.load("digits", seed=0), {}
    for depth in depths:
        model = stack(depth, width=64)
        ann.fit(model, data, epochs=epochs, learning_rate=5e-3)
        found[depth] = ann.accuracy(model, data.x_test, data.y_test)
        print(f"{depth} hidden layers: {found[depth]:.1%}")
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    ax.plot(list(found), [100 * accuracy for accuracy in found.values()], "o-")
    ax.set(xlabel="hidden layers of 64 sigmoid units", ylabel="test accuracy on digits (%)", ylim=(0, 100))
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
