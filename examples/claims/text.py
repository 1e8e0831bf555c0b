"""Claim: a one-dimensional convolution and a recurrent network both learn from the same text what comes next.

The text is Python's own documentation, character by character; 32 of them are given, the next is to be told. Chance,
and always telling the most frequent character, are what the two are measured against.

Run: python examples/claims/text.py [PICTURE.png]
"""

import sys

import numpy as np
import torch
from torch import nn

import ann


class Convolutional(nn.Module):
    """Embedding, two convolutions with stride 2, and a linear layer."""

    def __init__(self, characters: int, width: int = 64):
        super().__init__()
        self.embedding = nn.Embedding(characters, 16)
        self.layers = nn.Sequential(
            nn.Conv1d(16, width, 4, stride=2), nn.ReLU(), nn.Conv1d(width, width, 4, stride=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(width * 6, characters),
        )  # fmt: skip

    def forward(self, x):
        """Return what comes out for a batch."""
        return self.layers(self.embedding(x).transpose(1, 2))


class Recurrent(nn.Module):
    """Embedding, a layer of gated recurrent units, and a linear layer on its last state."""

    def __init__(self, characters: int, width: int = 96):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(characters, 16), nn.GRU(16, width, batch_first=True)
        self.answer = nn.Linear(width, characters)

    def forward(self, x):
        """Return what comes out for a batch."""
        return self.answer(self.layer(self.embedding(x))[0][:, -1])


def main(picture: str = "text.png", epochs: int = 4, samples: int | None = None) -> dict[str, float]:
    """Train both; returns the share of the characters of the last part of the text told right."""
    import matplotlib.pyplot as plt

    data = ann.load("text").subset(train=samples, test=samples)
    frequent = np.bincount(data.y_train).argmax()
    found = {"most frequent character": float((data.y_test == frequent).mean())}
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, kind in (("convolution", Convolutional), ("recurrent", Recurrent)):
        torch.manual_seed(0)
        model = kind(len(data.vocabulary))
        record = ann.fit(model, data, epochs=epochs, batch_size=64, learning_rate=3e-3)
        found[name] = ann.accuracy(model, data.x_test, data.y_test)
        ax.plot(range(1, epochs + 1), 100 * np.array(record.validation_accuracy), "o-", label=name)
    for name, accuracy in found.items():
        print(f"{name}: {accuracy:.1%} of the characters told")
    ax.axhline(100 * found["most frequent character"], color="grey", linestyle=":", label="most frequent character")
    ax.set(
        xlabel="epoch", ylabel="characters told (%)", ylim=(0, None), title="The next character, of text not yet seen"
    )
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
