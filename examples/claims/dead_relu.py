"""Claim: rectified units die, leaky ones come back.

A unit that is below zero for every sample has no gradient and never changes again; a leaky unit's slope below zero is
small, but not nothing (A. Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013). Here
all hidden units begin below zero, as one step at far too high a learning rate may leave them.

Run: python examples/claims/dead_relu.py [PICTURE.png]
"""

import sys

import torch
from torch import nn

import ann


@torch.no_grad()
def silent(model: nn.Sequential, x: torch.Tensor) -> float:
    """Return the share of hidden units that are below zero for every sample."""
    return (model[:2](x).max(dim=0).values <= 0).float().mean().item()


def course(activation: nn.Module, epochs: int) -> tuple[list[float], float]:
    """Train from silence; returns the share of silent units before and after every epoch, and the test accuracy."""
    data = ann.load("digits", seed=0)
    x, y = torch.tensor(data.x_train), torch.tensor(data.y_train)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 200), activation, nn.Linear(200, 10))
    nn.init.constant_(model[1].bias, -4.0)
    shares, optimizer = [silent(model, x)], torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
        shares.append(silent(model, x))
    return shares, ann.accuracy(model, data.x_test, data.y_test)


def main(picture: str = "dead_relu.png", epochs: int = 30) -> dict[str, tuple[float, float]]:
    """Train both kinds; returns the share of units silent at the end, and the test accuracy."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    found = {}
    for name, activation in (("ReLU", nn.ReLU()), ("leaky ReLU", nn.LeakyReLU(0.05))):
        shares, accuracy = course(activation, epochs)
        found[name] = shares[-1], accuracy
        print(f"{name:10} silent: {shares[0]:.0%}, after {epochs} epochs {shares[-1]:.0%}; accuracy {accuracy:.1%}")
        ax.plot([100 * share for share in shares], label=f"{name} (test accuracy {accuracy:.1%})")
    ax.set(xlabel="epochs", ylabel="hidden units silent for every image (%)", ylim=(0, 105))
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
