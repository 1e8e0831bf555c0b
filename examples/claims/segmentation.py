"""Claim: a small encoder-decoder finds the digits in a cluttered scene, pixel by pixel.

Scenes of 24 x 24 pixels hold three digits, bars and noise; the answer says of every pixel whether it belongs to a
digit (V. Badrinarayanan et al., "SegNet", 2015; O. Ronneberger et al., "U-Net", 2015).

Run: python examples/claims/segmentation.py [PICTURE.png]
"""

import sys

import numpy as np
import torch
from torch import nn

import ann

SIDE = 24


def scenes(digits: np.ndarray, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scenes and their masks, both (count, 1, SIDE, SIDE)."""
    images, masks = np.zeros((count, SIDE, SIDE), np.float32), np.zeros((count, SIDE, SIDE), np.float32)
    for image, mask in zip(images, masks, strict=True):
        for _ in range(4):  # bars, as bright as digits
            line, level = rng.integers(SIDE), rng.uniform(0.4, 1.0)
            (image if rng.random() < 0.5 else image.T)[line] = level
        for row, column in rng.permutation([(i, j) for i in (0, 8, 16) for j in (0, 8, 16)])[:3]:
            digit = digits[rng.integers(len(digits)), 0]
            image[row : row + 8, column : column + 8] = np.maximum(image[row : row + 8, column : column + 8], digit)
            mask[row : row + 8, column : column + 8] = digit > 0.3
        image += rng.normal(0.0, 0.1, image.shape).astype(np.float32)
    return torch.tensor(images)[:, None], torch.tensor(masks)[:, None]


def encoder_decoder() -> nn.Sequential:
    """Return two convolutions and poolings down, and two convolutions up."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 2, stride=2), nn.ReLU(), nn.ConvTranspose2d(32, 16, 2, stride=2), nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),
    )  # fmt: skip


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return intersection over union."""
    return ((a & b).sum() / (a | b).sum()).item()


def main(picture: str = "segmentation.png", steps: int = 300, batch: int = 32) -> dict[str, float]:
    """Train; returns the overlap of answer and truth on new scenes, and that of a threshold on brightness."""
    import matplotlib.pyplot as plt

    torch.manual_seed(0)
    data, rng, model = ann.load("digits", seed=0), np.random.default_rng(0), encoder_decoder()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        x, y = scenes(data.x_train, batch, rng)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
        optimizer.step()
    x, y = scenes(data.x_test, 200, np.random.default_rng(1))
    with torch.no_grad():
        answer = model(x) > 0
    found = {"encoder-decoder": overlap(answer, y > 0), "brightness": overlap(x > 0.3, y > 0)}
    for name, value in found.items():
        print(f"{name}: intersection over union {value:.2f}")
    figure, axes = plt.subplots(3, 5, figsize=(8.5, 5.5), layout="constrained")
    for row, name, images in zip(axes, ("scene", "truth", "answer"), (x, y, answer), strict=True):
        for ax, image in zip(row, images, strict=False):
            ax.imshow(image[0], cmap="gray_r")
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
