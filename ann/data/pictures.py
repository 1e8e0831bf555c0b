"""Pictures: the two that come with scikit-learn, cut up, and folders of one's own."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ann.data.arrays import from_arrays
from ann.data.dataset import Dataset
from ann.errors import DataError

PATCH = 16
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def load_sample_images(seed: int) -> Dataset:
    """Load 2,080 pieces of two colour photographs, 16 x 16 pixels each, to tell which one a piece is of.

    The photographs of a temple and of a flower that come with scikit-learn, 427 x 640 pixels, cut without overlap.
    """
    # scikit-learn takes a second to import.
    from sklearn import datasets

    bunch: Any = datasets.load_sample_images()
    pieces, labels = [], []
    for label, picture in enumerate(bunch["images"]):
        rows, columns = (side // PATCH for side in picture.shape[:2])
        cut = picture[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, 3)
        pieces.append(cut.transpose(0, 2, 4, 1, 3).reshape(-1, 3, PATCH, PATCH))
        labels += [label] * (rows * columns)
    classes = [Path(name).stem for name in bunch["filenames"]]
    return from_arrays("sample-images", np.concatenate(pieces) / np.float32(255), labels, classes, seed=seed)


def read_images(folder: str | PathLike[str], *, seed: int = 0) -> Dataset:
    """Read a folder that has a folder of pictures for every class, and split it as `from_arrays` does.

    Parameters
    ----------
    folder : path
        The folder; the names of those in it are the classes. Pictures are PNG, JPEG, BMP, GIF or WebP, all of one size;
        they become grey (1, height, width) if all are grey, else colour (3, height, width).
    seed : int
        Seed of the split.

    Raises
    ------
    DataError
        If there are no pictures, one cannot be read, or sizes differ.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one that has a folder of pictures for every class")
    kinds = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (path, label)
        for label, kind in enumerate(kinds)
        for path in sorted(kind.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise DataError(f"{folder} has no folder with pictures ({', '.join(SUFFIXES)}) in it")
    pixels = [_read(path) for path, _ in found]
    for (path, _), picture in zip(found, pixels, strict=True):
        if picture.shape[1:] != pixels[0].shape[1:]:
            size, first = (" x ".join(str(side) for side in shape.shape[1:]) for shape in (picture, pixels[0]))
            raise DataError(f"{path} has {size} pixels and {found[0][0]} {first}; bring all to one size")
    channels = max(len(picture) for picture in pixels)
    x = np.stack([np.broadcast_to(picture, (channels, *picture.shape[1:])) for picture in pixels]) / np.float32(255)
    return from_arrays(folder.name, x, [label for _, label in found], [kind.name for kind in kinds], seed=seed)


def _read(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            grey = picture.mode in ("1", "L", "I;16")
            pixels = np.asarray(picture.convert("L" if grey else "RGB"))
    # Pillow meets damage with whatever error its reader of the format has.
    except Exception as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error
    return pixels[np.newaxis] if grey else pixels.transpose(2, 0, 1)
