"""Claim: an autoencoder's decoder draws new samples of a rare class.

A variational autoencoder learns all digits, of which one class is rare. Codes around those of the few rare images,
decoded, are new images of that class (D. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014).

Run: python examples/claims/rare_class.py [PICTURE.png]
"""

import sys

import numpy as np
import torch
from torch import nn

import ann

RARE, KEPT, CODE = 8, 20, 10


class Variational(nn.Module):
    """Encoder to the mean and log-variance of a code, and decoder."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * CODE))
        self.decoder = nn.Sequential(nn.Linear(CODE, 128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid())

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Return squared error and 0.05 times the divergence of the codes from a normal density, a sample."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return (((self.decoder(code) - x) ** 2).sum(dim=1) + 0.05 * divergence).mean()


@torch.no_grad()
def draw(model: Variational, examples: torch.Tensor, count: int) -> torch.Tensor:
    """Decode points on the lines between the codes of examples, and a little beside them."""
    codes = model.encoder(examples)[:, :CODE]
    a, b = (codes[torch.randint(len(codes), (count,))] for _ in range(2))
    share = torch.rand(count, 1)
    return model.decoder(share * a + (1 - share) * b + 0.1 * torch.randn(count, CODE))


def main(picture: str = "rare_class.png", epochs: int = 150, count: int = 200) -> dict[str, float]:
    """Train, draw, and let a network that knows all digits judge what is drawn."""
    import matplotlib.pyplot as plt

    data = ann.load("digits", seed=0)
    judge, recipe = ann.build("mlp", data.shape, data.n_classes, seed=0), ann.RECIPES["mlp", "digits"]
    ann.fit(judge, data, epochs=min(epochs, recipe.epochs))
    rare = np.flatnonzero(data.y_train == RARE)
    chosen = np.concatenate([np.flatnonzero(data.y_train != RARE), rare[:KEPT]])
    x = torch.tensor(data.x_train[chosen]).flatten(1)
    torch.manual_seed(0)
    model = Variational()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            model.loss(x[part]).backward()
            optimizer.step()
    examples = x[-KEPT:]
    drawn = draw(model, examples, count)
    found = {
        "told to be of the class": float((ann.predict(judge, drawn.reshape(-1, 1, 8, 8).numpy()) == RARE).mean()),
        # In units of how far apart the examples themselves are.
        "distance to the nearest example": (
            torch.cdist(drawn, examples).min(dim=1).values.mean()
            / (torch.cdist(examples, examples) + 1e9 * torch.eye(KEPT)).min(dim=1).values.mean()
        ).item(),
    }
    for name, value in found.items():
        print(f"{name}: {value:.2f}")
    figure, axes = plt.subplots(2, 10, figsize=(10, 2.4), layout="constrained")
    for row, name, images in zip(axes, ("examples", "drawn"), (examples, drawn), strict=True):
        for ax, image in zip(row, images, strict=False):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
