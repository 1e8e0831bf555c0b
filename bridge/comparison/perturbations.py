"""What images and networks are put through, in strengths that mean the same for every network.

Images hold 0 ... 1, (images, channels, height, width), and do so afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import nn

EYES = 0.4  # of an object's height, from its top: where the eyes of a face are
BAR = 0.0  # what is under the bar: black


@dataclass(frozen=True)
class Perturbation:
    """A way to make it harder.

    Attributes
    ----------
    name, title : str
    strength, unit : str
        What the strengths are, with their unit, and the same in a word or two.
    strengths : tuple of float
        From the least to the hardest.
    of : {"images", "neurons", "weights"}
        What is changed.
    draws : int
        How often random choices are repeated; noise is drawn anew for each image anyway, a lesion is not.
    """

    name: str
    title: str
    strength: str
    unit: str
    strengths: tuple[float, ...]
    of: Literal["images", "neurons", "weights"]
    draws: int = 1


PERTURBATIONS = (
    Perturbation("gaussian", "Gaussian noise", "standard deviation (of full scale)", "sd", (0.1, 0.2, 0.3), "images"),
    Perturbation("salt_and_pepper", "salt and pepper", "pixels replaced (%)", "% of pixels", (5, 10, 20), "images"),
    Perturbation(
        "occlusion", "eyes covered", "height of the bar (% of the object's)", "% of height", (10, 20, 30), "images"
    ),
    Perturbation("lesions", "lesions", "hidden units silenced (%)", "% of units", (10, 20, 40), "neurons", draws=3),
    Perturbation("weights", "coarse weights", "weight precision (bits)", "bits", (8, 4, 3), "weights"),
)


def gaussian(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise of a standard deviation, independent for every value: clip(x + s n, 0, 1).

    The "Gaussian noise" of Hendrycks & Dietterich (ICLR 2019).
    """
    return np.clip(x + strength * rng.standard_normal(x.shape), 0.0, 1.0).astype(x.dtype)


def salt_and_pepper(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Make a share (%) of the pixels black or white, half of them each, all channels of a pixel alike.

    The "impulse noise" of Hendrycks & Dietterich (ICLR 2019).
    """
    drawn, share = rng.random((len(x), 1, *x.shape[2:])), strength / 100
    return np.where(drawn < share / 2, 0.0, np.where(drawn < share, 1.0, x)).astype(x.dtype)


def occlusion(x: np.ndarray, strength: float, rng: np.random.Generator | None = None) -> np.ndarray:
    """Lay a black bar over an object, as over the eyes of a face in a photograph.

    The object is the smallest box that holds all values of at least half the image's largest. The bar is as wide as
    it, lies with its middle at 40 % of its height from the top, where the eyes of a face are, and is as high as the
    strength says, in % of the box's height. A row of pixels that it covers in part is darkened in that proportion, so
    that small images have fine strengths, too. Nothing about it is random.
    """
    covered = x.copy()
    height = x.shape[2]
    for image in covered:
        bright = (image >= image.max() / 2).any(axis=0)
        rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
        top, tall = rows[0], rows[-1] + 1 - rows[0]
        first = top + tall * (EYES - strength / 200)
        last = top + tall * (EYES + strength / 200)
        row = np.arange(height)
        share = np.clip(np.minimum(row + 1, last) - np.maximum(row, first), 0.0, 1.0)[:, None]
        part = image[:, :, columns[0] : columns[-1] + 1]
        part[:] = share * BAR + (1 - share) * part
    return covered


IMAGES: Mapping[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "gaussian": gaussian,
    "salt_and_pepper": salt_and_pepper,
    "occlusion": occlusion,
}


def lesions(sizes: list[int], strength: float, seed: tuple[int, ...]) -> list[np.ndarray]:
    """Choose the units of every layer that are silenced, a share (%) of each layer's.

    Layers of one size at one place in two networks lose the same units.

    Parameters
    ----------
    sizes : list of int
        Units of each hidden layer.
    strength : float
        In %; of n units round(n s / 100) are silenced.
    seed : tuple of int

    Returns
    -------
    list of ndarray of bool (units,)
        True where silenced.
    """
    chosen = []
    for place, size in enumerate(sizes):
        silenced = np.zeros(size, bool)
        order = np.random.default_rng([*seed, place]).permutation(size)
        silenced[order[: round(size * strength / 100)]] = True
        chosen.append(silenced)
    return chosen


def coarse(module: nn.Module, bits: int) -> nn.Module:
    """Return a copy of a module with the weights of its dense and convolutional layers at so many bits.

    w -> s round(w / s), s = max |w| / (2^(bits - 1) - 1), for every output channel by itself: uniform, symmetric,
    the nearest level, nothing trained again (Krishnamoorthi, arXiv:1806.08342, 2018). Biases and normalisation keep
    their precision, as they would in 32-bit sums.
    """
    import torch
    from torch import nn

    copied = copy.deepcopy(module)
    with torch.no_grad():
        for part in copied.modules():
            if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
                rows = part.weight.reshape(len(part.weight), -1)
                step = rows.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
                step[step == 0] = 1.0
                part.weight.copy_(((rows / step).round() * step).reshape(part.weight.shape))
    return copied
