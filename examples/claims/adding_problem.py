"""Claim: a plain recurrent network forgets what gated ones (LSTM, GRU) keep.

The adding problem: a sequence of pairs, a number in 0 ... 1 and a mark; the answer is the sum of the two marked
numbers, the first of which lies in the first half. Always answering 1 has a mean squared error of 1/6 (S. Hochreiter
and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; K. Cho et al., EMNLP 2014).

Run: python examples/claims/adding_problem.py [PICTURE.png]
"""

import sys

import torch
from torch import nn


def samples(count: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw sequences (count, length, 2) and their answers (count,)."""
    numbers, marks, rows = torch.rand(count, length), torch.zeros(count, length), torch.arange(count)
    for first, last in ((0, length // 2), (length // 2, length)):
        marks[rows, torch.randint(first, last, (count,))] = 1.0
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)


class Reader(nn.Module):
    """A recurrent layer, and what it makes of its last state."""

    def __init__(self, kind: type[nn.RNNBase], width: int):
        super().__init__()
        self.layer, self.answer = kind(2, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, x):
        """Return what comes out for a batch."""
        return self.answer(self.layer(x)[0][:, -1])[:, 0]


def train(kind: type[nn.RNNBase], length: int, steps: int, width: int) -> list[float]:
    """Return the mean squared error of every step, each on new sequences."""
    torch.manual_seed(1)
    model, errors = Reader(kind, width), []
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(steps):
        x, y = samples(64, length)
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        errors.append(loss.item())
    return errors


def main(picture: str = "adding_problem.png", length: int = 40, steps: int = 2500, width: int = 32) -> dict[str, float]:
    """Train each kind; returns the mean squared error over the last fifty steps."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    found = {}
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        errors = torch.tensor(train(kind, length, steps, width))
        found[kind.__name__] = errors[-50:].mean().item()
        print(f"{kind.__name__:4} mean squared error {found[kind.__name__]:.4f} after {steps} steps")
        ax.semilogy(torch.arange(25, steps + 1, 25), errors.reshape(-1, 25).mean(dim=1), label=kind.__name__)
    ax.axhline(1 / 6, color="grey", linestyle=":", label="always answering 1")
    ax.set(xlabel="training steps (64 sequences each)", ylabel="mean squared error", title=f"Adding, {length} places")
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
