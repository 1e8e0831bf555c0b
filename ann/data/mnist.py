"""The MNIST digits, and what comes in files like theirs, from the four files of the original distribution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ann.data.dataset import Dataset, with_validation
from ann.data.idx import find_idx, read_idx
from ann.errors import DataError

CLASSES = tuple("0123456789")
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# 5,000 of the 60,000.
VALIDATION_ONE_IN = 12


def load_mnist(directory: Path, seed: int) -> Dataset:
    """Load MNIST: 55,000 images of 28 x 28 pixels to train on, 5,000 for validation, 10,000 for testing.

    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998).

    Parameters
    ----------
    directory : pathlib.Path
        Folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each plain or with ".gz".
    seed : int
        Seed of the choice of the validation images, a stratified twelfth of the training images.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the files do not fit one another.
    """
    return _load("mnist", directory, seed, CLASSES)


def load_fashion_mnist(directory: Path, seed: int) -> Dataset:
    """Load Fashion-MNIST: articles of clothing, in numbers and sizes as MNIST's digits, from files of the same names.

    Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
    arXiv:1708.07747 (2017).

    Parameters
    ----------
    directory, seed
        As in `load_mnist`.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the files do not fit one another.
    """
    return _load("fashion-mnist", directory, seed, FASHION_CLASSES)


def _load(name: str, directory: Path, seed: int, classes: tuple[str, ...]) -> Dataset:
    x, y = _read_part(directory, "train")
    x_test, y_test = _read_part(directory, "t10k")
    if x.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{directory}: the training images are {x.shape[2]} x {x.shape[3]} pixels and the test images "
            f"{x_test.shape[2]} x {x_test.shape[3]}; the files are not of one data set"
        )
    return with_validation(name, (x, y), (x_test, y_test), classes, VALIDATION_ONE_IN, seed)


def _read_part(directory: Path, prefix: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images_path = find_idx(directory, f"{prefix}-images-idx3-ubyte")
    labels_path = find_idx(directory, f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, rank=3), read_idx(labels_path, rank=1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images and {labels_path} {len(labels)} labels; "
            "take both from the same distribution"
        )
    if labels.max() >= len(CLASSES):
        raise DataError(f"{labels_path} holds the label {labels.max()}; only 0 ... 9 are known; fetch it again")
    return images[:, np.newaxis].astype(np.float32) / np.float32(255), labels.astype(np.int64)
