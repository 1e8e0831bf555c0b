"""Claim: convolution and pooling by hand, and how large what comes out is.

    y[i, j] = sum_{m, n} K[m, n] x[i + m, j + n],    size = floor((n + 2 p - d (k - 1) - 1) / s) + 1

for n inputs, kernel k, padding p, stride s and dilation d along an axis.

Run: python examples/claims/convolution_by_hand.py [PICTURE.png]
"""

import sys
from itertools import product

import numpy as np
import torch
from torch.nn import functional as F

IMAGE = np.add.outer(np.arange(4), np.arange(5)) + 1  # 1 2 3 4 5, then 2 3 4 5 6, ...
KERNEL = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0]])


def convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Lay the kernel on every place, multiply, add."""
    (height, width), (rows, columns) = x.shape, kernel.shape
    places = product(range(height - rows + 1), range(width - columns + 1))
    sums = [(x[i : i + rows, j : j + columns] * kernel).sum() for i, j in places]
    return np.array(sums).reshape(height - rows + 1, width - columns + 1)


def pool(x: np.ndarray, size: int, what) -> np.ndarray:
    """Take the largest, or the mean, of every tile."""
    tiles = x.reshape(x.shape[0] // size, size, x.shape[1] // size, size)
    return what(tiles, axis=(1, 3))


def size_of(n: int, k: int, p: int, s: int, d: int) -> int:
    """Return how many outputs an axis has."""
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def main(picture: str = "convolution_by_hand.png", largest: int = 9) -> dict[str, np.ndarray]:
    """Compute by hand and with PyTorch, and try the formula on all sizes; returns the pictures."""
    import matplotlib.pyplot as plt

    image, kernel = (torch.tensor(a, dtype=torch.float64)[None, None] for a in (IMAGE, KERNEL))
    tile = IMAGE[:, :4]
    found = {
        "input": IMAGE,
        "kernel": KERNEL,
        "convolution": convolve(IMAGE, KERNEL),
        "largest of 2 x 2": pool(tile, 2, np.max),
        "mean of 2 x 2": pool(tile, 2, np.mean),
    }
    assert (F.conv2d(image, kernel)[0, 0].numpy() == found["convolution"]).all()
    assert (F.max_pool2d(image[..., :4], 2)[0, 0].numpy() == found["largest of 2 x 2"]).all()
    assert (F.avg_pool2d(image[..., :4], 2)[0, 0].numpy() == found["mean of 2 x 2"]).all()
    tried = 0
    for n, k, p, s, d in product(range(1, largest), range(1, 4), range(3), range(1, 4), range(1, 3)):
        if (size := size_of(n, k, p, s, d)) > 0 and n + 2 * p >= d * (k - 1) + 1:
            y = F.conv1d(torch.ones(1, 1, n), torch.ones(1, 1, k), padding=p, stride=s, dilation=d)
            assert y.shape[-1] == size, (n, k, p, s, d)
            tried += 1
    print(f"convolution:\n{found['convolution']}\nthe formula holds for all of {tried} sizes")
    figure, axes = plt.subplots(1, len(found), figsize=(14, 3), layout="constrained")
    for ax, (name, values) in zip(axes, found.items(), strict=True):
        ax.imshow(values, cmap="Blues", vmin=0, vmax=2 * values.max())
        for (i, j), value in np.ndenumerate(values):
            ax.text(j, i, f"{value:g}", ha="center", va="center")
        ax.set(title=name, xticks=[], yticks=[])
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
