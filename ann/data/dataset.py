"""A labelled set of images in three parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ann.checks import check_integer
from ann.errors import DataError, ValidationError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their classes, in a part to train on, one to choose by and one to judge by.

    Parameters
    ----------
    name : str
        Name of the data set.
    x_train, x_validation, x_test : numpy.ndarray
        Images, float32 in 0 ... 1, of shape (n, channels, height, width).
    y_train, y_validation, y_test : numpy.ndarray
        Class numbers, int64 in 0 ... len(classes) - 1, of shape (n,).
    classes : tuple of str
        Names of the classes.

    Raises
    ------
    ValidationError
        If a part is empty, or its arrays are not as said above.
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_validation: NDArray[np.float32]
    y_validation: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for part in PARTS:
            self._check_images(f"x_{part}")
            self._check_labels(f"y_{part}", len(getattr(self, f"x_{part}")))

    def _check_images(self, argument: str) -> None:
        x = getattr(self, argument)
        if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim != 4 or x.size == 0:
            raise ValidationError(argument, _describe(x), "float32 images of shape (n, channels, height, width), n > 0")
        if x.shape[1:] != self.shape:
            raise ValidationError(argument, _describe(x), f"images of shape {self.shape}, as in x_train")
        lowest, highest = float(x.min()), float(x.max())
        # Written so that NaN, which compares false, is refused.
        if not (lowest >= 0 and highest <= 1):
            raise ValidationError(argument, f"values from {lowest} to {highest}", "values in 0 ... 1")

    def _check_labels(self, argument: str, n: int) -> None:
        y = getattr(self, argument)
        if not isinstance(y, np.ndarray) or y.dtype != np.int64 or y.shape != (n,):
            raise ValidationError(argument, _describe(y), f"int64 class numbers of shape ({n},), one for each image")
        if y.min() < 0 or y.max() >= self.n_classes:
            raise ValidationError(argument, f"{y.min()} to {y.max()}", f"class numbers in 0 ... {self.n_classes - 1}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image, (channels, height, width)."""
        channels, height, width = self.x_train.shape[1:]
        return channels, height, width

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def subset(self, train: int | None = None, validation: int | None = None, test: int | None = None) -> Dataset:
        """Return the first images of each part, in the order they are in.

        Parameters
        ----------
        train, validation, test : int, optional
            Images to keep of each part; all of it by default.

        Raises
        ------
        ValidationError
            If a part has fewer images, or none would be kept.
        """
        kept = {}
        for part, count in zip(PARTS, (train, validation, test), strict=True):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            count = len(x) if count is None else check_integer(part, count, 1, len(x))
            kept |= {f"x_{part}": x[:count], f"y_{part}": y[:count]}
        return replace(self, **kept)


def split_stratified(
    x: NDArray[np.float32], y: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Split off `count` images at random, with every class in its share.

    Parameters
    ----------
    x, y : numpy.ndarray
        Images, (n, channels, height, width), and class numbers, (n,).
    count : int
        Images to split off.
    seed : int
        Seed of the choice.

    Returns
    -------
    tuple of numpy.ndarray
        Images left, images split off, class numbers left, class numbers split off.

    Raises
    ------
    DataError
        If there are too few images for every class to be on both sides.
    """
    # scikit-learn takes a second to import.
    from sklearn.model_selection import train_test_split

    try:
        left, off = train_test_split(np.arange(len(y)), stratify=y, test_size=count, random_state=seed)
    except ValueError as error:
        raise DataError(f"{len(x)} images are too few to split off {count} with every class: {error}") from error
    return x[left], x[off], y[left], y[off]


def _describe(array: object) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} array of shape {array.shape}"
    return type(array).__name__
