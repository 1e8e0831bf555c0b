"""A set of samples in three parts, with classes to tell or numbers to predict."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ann.checks import check_integer
from ann.errors import DataError, ValidationError

PARTS = ("train", "validation", "test")
IMAGE_RANK = 4


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their targets, in a part to train on, one to choose by and one to judge by.

    Parameters
    ----------
    name : str
        Name of the data set.
    x_train, x_validation, x_test : numpy.ndarray
        Samples of shape (n, ...): images (n, channels, height, width), float32 in 0 ... 1; sequences (n, length,
        features) and rows of a table (n, features), float32; or tokens (n, length), int64 numbers of `vocabulary`.
    y_train, y_validation, y_test : numpy.ndarray
        Class numbers, int64 in 0 ... len(classes) - 1, of shape (n,); or, where there are no classes, numbers to
        predict, float32 of shape (n, outputs).
    classes : tuple of str
        Names of the classes; none where numbers are to be predicted.
    vocabulary : tuple of str
        What each token stands for; none where samples are numbers.

    Raises
    ------
    ValidationError
        If a part is empty, or its arrays are not as said above.
    """

    name: str
    x_train: NDArray
    y_train: NDArray
    x_validation: NDArray
    y_validation: NDArray
    x_test: NDArray
    y_test: NDArray
    classes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in PARTS:
            self._check_samples(f"x_{part}")
            self._check_targets(f"y_{part}", len(getattr(self, f"x_{part}")))

    def _check_samples(self, argument: str) -> None:
        x = getattr(self, argument)
        wanted, what = (np.int64, "int64 tokens") if self.vocabulary else (np.float32, "float32 samples")
        if not isinstance(x, np.ndarray) or x.dtype != wanted or x.ndim < 2 or x.size == 0:
            raise ValidationError(argument, _describe(x), f"{what} of shape (n, ...), n > 0")
        if x.shape[1:] != self.shape:
            raise ValidationError(argument, _describe(x), f"samples of shape {self.shape}, as in x_train")
        lowest, highest = x.min(), x.max()
        # Written so that NaN, which compares false, is refused.
        if self.vocabulary:
            low, high, inside = 0, len(self.vocabulary) - 1, True
        else:
            low, high, inside = 0, 1, x.ndim == IMAGE_RANK
        if inside and not (lowest >= low and highest <= high):
            raise ValidationError(argument, f"values from {lowest} to {highest}", f"values in {low} ... {high}")
        if not np.isfinite(lowest) or not np.isfinite(highest):
            raise ValidationError(argument, f"values from {lowest} to {highest}", "finite values")

    def _check_targets(self, argument: str, n: int) -> None:
        y = getattr(self, argument)
        if not self.classes:
            if not isinstance(y, np.ndarray) or y.dtype != np.float32 or y.ndim != 2 or len(y) != n or y.size == 0:
                raise ValidationError(argument, _describe(y), f"float32 numbers of shape ({n}, outputs)")
            if y.shape[1] != self.y_train.shape[1] or not np.isfinite(y).all():
                raise ValidationError(argument, _describe(y), "finite numbers, as many a sample as in y_train")
            return
        if not isinstance(y, np.ndarray) or y.dtype != np.int64 or y.shape != (n,):
            raise ValidationError(argument, _describe(y), f"int64 class numbers of shape ({n},), one for each sample")
        if y.min() < 0 or y.max() >= self.n_classes:
            raise ValidationError(argument, f"{y.min()} to {y.max()}", f"class numbers in 0 ... {self.n_classes - 1}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, for instance (channels, height, width)."""
        return self.x_train.shape[1:]

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 where numbers are to be predicted."""
        return len(self.classes)

    @property
    def n_outputs(self) -> int:
        """Size of a model's output: a score for each class, or the numbers to predict."""
        return self.n_classes or self.y_train.shape[1]

    def subset(self, train: int | None = None, validation: int | None = None, test: int | None = None) -> Dataset:
        """Return the first samples of each part, in the order they are in.

        Parameters
        ----------
        train, validation, test : int, optional
            Samples to keep of each part; all of it by default.

        Raises
        ------
        ValidationError
            If a part has fewer samples, or none would be kept.
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
    """Split off `count` samples at random, with every class in its share.

    Parameters
    ----------
    x, y : numpy.ndarray
        Samples, (n, ...), and class numbers, (n,).
    count : int
        Samples to split off.
    seed : int
        Seed of the choice.

    Returns
    -------
    tuple of numpy.ndarray
        Samples left, samples split off, class numbers left, class numbers split off.

    Raises
    ------
    DataError
        If there are too few samples for every class to be on both sides.
    """
    # scikit-learn takes a second to import.
    from sklearn.model_selection import train_test_split

    try:
        left, off = train_test_split(np.arange(len(y)), stratify=y, test_size=count, random_state=seed)
    except ValueError as error:
        raise DataError(f"{len(x)} samples are too few to split off {count} with every class: {error}") from error
    return x[left], x[off], y[left], y[off]


def with_validation(
    name: str,
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
    classes: tuple[str, ...],
    one_in: int,
    seed: int,
) -> Dataset:
    """Return a data set that comes in two parts, with some of the training samples for validation.

    Parameters
    ----------
    name : str
        Name of the data set.
    train, test : tuple of numpy.ndarray
        Samples, (n, ...), and class numbers, (n,).
    classes : tuple of str
        Names of the classes.
    one_in : int
        A stratified share of the training samples, one in so many, is for validation.
    seed : int
        Seed of the choice.

    Raises
    ------
    DataError
        If there are too few samples for every class to be on both sides.
    """
    x_train, x_validation, y_train, y_validation = split_stratified(*train, len(train[0]) // one_in, seed)
    return Dataset(name, x_train, y_train, x_validation, y_validation, *test, classes)


def _describe(array: object) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} array of shape {array.shape}"
    return type(array).__name__
