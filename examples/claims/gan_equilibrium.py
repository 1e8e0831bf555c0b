"""Claim: a generative adversarial network comes to rest where the discriminator can no longer tell.

At the equilibrium the generator draws from the density of the data, and the discriminator says 1/2 everywhere (I.
Goodfellow et al., "Generative adversarial nets", NeurIPS 2014). Here: a normal density with mean 4 and deviation
1.25.

Run: python examples/claims/gan_equilibrium.py [PICTURE.png]
"""

import itertools
import sys

import numpy as np
import torch
from torch import nn

MEAN, DEVIATION = 4.0, 1.25


def stack(*sizes: int) -> nn.Sequential:
    """Return linear layers with leaky rectifiers between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers[:-1])


def train(steps: int, batch: int = 256) -> tuple[nn.Module, nn.Module]:
    """Let generator and discriminator learn in turn; returns the generator, averaged late on, and the other."""
    torch.manual_seed(0)
    generator, discriminator = stack(1, 16, 16, 1), stack(1, 32, 32, 1)
    averaged = torch.optim.swa_utils.AveragedModel(generator)
    optimizers = [torch.optim.Adam(m.parameters(), 1e-3, betas=(0.5, 0.9)) for m in (generator, discriminator)]
    judge, real, false = nn.functional.binary_cross_entropy_with_logits, torch.ones(batch, 1), torch.zeros(batch, 1)
    for step in range(steps):
        data, drawn = MEAN + DEVIATION * torch.randn(batch, 1), generator(torch.randn(batch, 1))
        optimizers[1].zero_grad()
        (judge(discriminator(data), real) + judge(discriminator(drawn.detach()), false)).backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        judge(discriminator(generator(torch.randn(batch, 1))), real).backward()
        optimizers[0].step()
        if step >= steps // 2:
            averaged.update_parameters(generator)
    return averaged, discriminator


@torch.no_grad()
def main(picture: str = "gan_equilibrium.png", steps: int = 6000) -> dict[str, float]:
    """Train; returns mean and deviation of what is drawn, and how far from 1/2 the discriminator's answers are."""
    import matplotlib.pyplot as plt

    with torch.enable_grad():
        generator, discriminator = train(steps)
    drawn, data = generator(torch.randn(20_000, 1)), MEAN + DEVIATION * torch.randn(20_000, 1)
    answers = torch.sigmoid(discriminator(data))
    found = {
        "mean": drawn.mean().item(),
        "deviation": drawn.std().item(),
        "from one half": (answers - 0.5).abs().mean().item(),
    }
    print(", ".join(f"{name} {value:.3f}" for name, value in found.items()), f"(data: {MEAN}, {DEVIATION})")
    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    bins = np.linspace(-1, 9, 101)
    ax.hist(data.numpy().ravel(), bins, density=True, alpha=0.5, label="data")
    ax.hist(drawn.numpy().ravel(), bins, density=True, alpha=0.5, label="drawn by the generator")
    ax.plot(
        bins, torch.sigmoid(discriminator(torch.tensor(bins[:, None], dtype=torch.float32))), "k", label="discriminator"
    )
    ax.set(xlabel="x", ylabel="density; probability of being data", ylim=(0, 1))
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
