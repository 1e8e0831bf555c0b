"""Claim: a linear autoencoder finds the plane of principal component analysis.

With the mean squared error the best reconstruction from k numbers is the projection on the first k principal
components, and every minimum is global (P. Baldi and K. Hornik, Neural Networks 2, 1989).

Run: python examples/claims/linear_autoencoder.py [PICTURE.png]
"""

import sys

import numpy as np
import torch
from scipy.linalg import subspace_angles
from torch import nn

import ann


def train(x: torch.Tensor, k: int, steps: int) -> nn.Sequential:
    """Train encoder and decoder without biases on centred samples, all at once."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(x.shape[1], k, bias=False), nn.Linear(k, x.shape[1], bias=False)).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=steps, tolerance_grad=1e-10, tolerance_change=1e-14,
                                  line_search_fn="strong_wolfe")  # fmt: skip

    def loss():
        optimizer.zero_grad()
        value = ((model(x) - x) ** 2).sum(dim=1).mean()
        value.backward()
        return value

    optimizer.step(loss)
    return model


def main(picture: str = "linear_autoencoder.png", k: int = 8, steps: int = 2000) -> float:
    """Train on digits; returns the largest angle in rad between the decoder's plane and that of PCA."""
    import matplotlib.pyplot as plt

    data = ann.load("digits", seed=0)
    x = data.x_train.reshape(len(data.x_train), -1).astype(np.float64)
    mean = x.mean(axis=0)
    model, pca = train(torch.tensor(x - mean), k, steps), ann.principal_components(x, k)
    angles = subspace_angles(model[1].weight.detach().numpy(), pca.components.T)
    test = data.x_test.reshape(len(data.x_test), -1).astype(np.float64)
    with torch.no_grad():
        by_network = model(torch.tensor(test - mean)).numpy() + mean
    by_pca = pca.reconstruct(test)
    errors = [((test - other) ** 2).mean() for other in (by_network, by_pca)]
    print(f"largest angle between the planes: {angles.max():.2g} rad")
    print(f"mean squared error on test images: autoencoder {errors[0]:.6f}, PCA {errors[1]:.6f}")
    figure, axes = plt.subplots(3, 8, figsize=(10, 4), layout="constrained")
    rows = {"image": test, "autoencoder": by_network, "PCA": by_pca}
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(row, images, strict=False):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return float(angles.max())


if __name__ == "__main__":
    main(*sys.argv[1:2])
