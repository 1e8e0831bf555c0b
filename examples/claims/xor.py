"""Claim: one layer with a step cannot learn "exclusive or"; with a hidden layer it is learnt.

No straight line parts (0, 1) and (1, 0) from (0, 0) and (1, 1), so the perceptron rule goes on making mistakes for
ever (M. Minsky and S. Papert, "Perceptrons", 1969).

Run: python examples/claims/xor.py [PICTURE.png]
"""

import sys

import numpy as np
import torch
from torch import nn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([0, 1, 1, 0])


def perceptron(epochs: int) -> tuple[np.ndarray, list[int]]:
    """Train by the perceptron rule, w += (y - step(w x)) x; returns the weights and the mistakes of every epoch."""
    inputs, w, mistakes = np.column_stack([X, np.ones(4)]), np.zeros(3), []
    for _ in range(epochs):
        mistakes.append(0)
        for x, y in zip(inputs, Y, strict=True):
            error = y - int(x @ w >= 0)
            w += error * x
            mistakes[-1] += int(abs(error))
    return w, mistakes


def hidden_layer(steps: int) -> nn.Module:
    """Train a network with four hidden units by gradient descent."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.tensor(X)), torch.tensor(Y)).backward()
        optimizer.step()
    return model


def main(picture: str = "xor.png", epochs: int = 1000) -> dict[str, float]:
    """Train both; returns the share of the four cases that each tells right."""
    import matplotlib.pyplot as plt

    w, mistakes = perceptron(epochs)
    model = hidden_layer(steps=300)
    axis = np.linspace(-0.5, 1.5, 200)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    answers = {
        "perceptron": lambda x: (np.column_stack([x, np.ones(len(x))]) @ w >= 0).astype(int),
        "one hidden layer": lambda x: model(torch.tensor(x)).argmax(dim=1).numpy(),
    }
    found = {name: float((answer(X) == Y).mean()) for name, answer in answers.items()}
    print(f"mistakes of the perceptron rule in its last ten epochs: {mistakes[-10:]}")
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
    for ax, (name, answer) in zip(axes, answers.items(), strict=True):
        print(f"{name}: {found[name]:.0%} of the cases right")
        ax.contourf(axis, axis, answer(plane).reshape(200, 200), levels=[-0.5, 0.5, 1.5], colors=["#f4d9c6", "#c6dcf4"])
        ax.scatter(*X.T, c=Y, cmap="coolwarm_r", s=120, edgecolors="black")
        ax.set(title=f"{name}: {found[name]:.0%} right", xlabel="first input", ylabel="second input")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
