"""Data sets from arrays, and from files of arrays and tables."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ann.checks import check_seed
from ann.data.dataset import Dataset, split_stratified
from ann.errors import DataError, ValidationError

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1  # of what is not for testing
MAXIMUM_BYTES = 1 << 33


def from_arrays(
    name: str, x: ArrayLike, y: ArrayLike, classes: Sequence[str] = (), *, seed: int = 0, standardise: bool = False
) -> Dataset:
    """Split samples at random: 20 % for testing, and a tenth of the rest for validation.

    Parameters
    ----------
    name : str
        Name of the data set.
    x : array_like
        Samples of shape (n, ...).
    y : array_like
        Class numbers of shape (n,) where there are classes, and then every part has its share of each class; else
        numbers to predict, (n,) or (n, outputs).
    classes : sequence of str
        Names of the classes; none where numbers are to be predicted.
    seed : int
        Seed of the split, 0 ... 2**32 - 1.
    standardise : bool
        Take the training part's mean from every feature and divide by its standard deviation.

    Raises
    ------
    ValidationError
        If the lengths differ, or an array is not as `Dataset` needs it.
    DataError
        If there are too few samples.
    """
    seed = check_seed(seed)
    samples, targets = (_numbers(argument, given) for argument, given in (("x", x), ("y", y)))
    samples = samples.astype(np.float32)
    if len(targets) != len(samples):
        raise ValidationError("y", f"{len(targets)} targets", f"one for each of the {len(samples)} samples")
    targets = targets.astype(np.int64) if classes else targets.astype(np.float32).reshape(len(samples), -1)
    rest_x, test_x, rest_y, test_y = _split(samples, targets, TEST_SHARE, seed, bool(classes))
    train_x, validation_x, train_y, validation_y = _split(rest_x, rest_y, VALIDATION_SHARE, seed, bool(classes))
    parts = [train_x, validation_x, test_x]
    if standardise:
        mean, deviation = train_x.mean(axis=0), train_x.std(axis=0)
        # A feature that never changes says nothing, and stays 0.
        parts = [(part - mean) / np.where(deviation > 0, deviation, 1) for part in parts]
    train_x, validation_x, test_x = (part.astype(np.float32) for part in parts)
    return Dataset(name, train_x, train_y, validation_x, validation_y, test_x, test_y, tuple(classes))


def _numbers(argument: str, given: ArrayLike) -> NDArray:
    array = np.asarray(given)
    if array.dtype.kind not in "biuf" or array.size == 0:
        numbered = " (classes as 0, 1, ..., their names in classes)" if argument == "y" else ""
        raise ValidationError(
            argument, f"{array.dtype} array of shape {array.shape}", f"real numbers, at least one{numbered}"
        )
    return array


def _split(x: NDArray, y: NDArray, share: float, seed: int, stratified: bool) -> tuple[NDArray, ...]:
    count = math.ceil(share * len(x))
    if stratified:
        return split_stratified(x, y, count, seed)
    if len(x) < 2:
        raise DataError(f"{len(x)} samples are too few to split off {count}")
    order = np.random.default_rng(seed).permutation(len(x))
    left, off = order[count:], order[:count]
    return x[left], x[off], y[left], y[off]


def read_csv(path: str | PathLike[str], target: str, *, seed: int = 0) -> Dataset:
    """Read a table of numbers with a line of names at its top, and split it as `from_arrays` does, standardised.

    Parameters
    ----------
    path : path
        A file of comma-separated values, in UTF-8.
    target : str
        Name of the column to tell. Where it holds numbers with a decimal point they are predicted; anything else, also
        whole numbers, names classes.
    seed : int
        Seed of the split.

    Raises
    ------
    ValidationError
        If there is no column of that name.
    DataError
        If the file cannot be read, a line has too few or too many values, or a feature is not a number.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path} has {len(rows)} lines; the names of the columns and at least one sample are needed")
    names, rows = [name.strip() for name in rows[0]], rows[1:]
    if target not in names:
        raise ValidationError("target", target, f"a column of {path}: " + ", ".join(names))
    column = names.index(target)
    features = []
    for number, row in enumerate(rows, start=2):
        try:
            if len(row) != len(names):
                raise ValueError(f"{len(row)} values for {len(names)} columns")
            features.append([float(value) for i, value in enumerate(row) if i != column])
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    told = [row[column].strip() for row in rows]
    if any("." in value for value in told):
        try:
            return from_arrays(path.stem, features, [float(value) for value in told], seed=seed, standardise=True)
        except ValueError as error:
            if isinstance(error, ValidationError):
                raise
            raise DataError(f"{path}, column {target}: {error}") from error
    classes = tuple(sorted(set(told)))
    numbers = [classes.index(value) for value in told]
    return from_arrays(path.stem, features, numbers, classes, seed=seed, standardise=True)


def read_numpy(path: str | PathLike[str], *, seed: int = 0) -> Dataset:
    """Read samples `x` and targets `y` from a NumPy archive, and split them as `from_arrays` does.

    Parameters
    ----------
    path : path
        A file written by ``numpy.savez(path, x=..., y=...)``. Integers in `y`, of shape (n,), are class numbers;
        anything else is to be predicted. Pickled objects in it are refused.
    seed : int
        Seed of the split.

    Raises
    ------
    ValidationError
        If the arrays are not as `Dataset` needs them.
    DataError
        If the file cannot be read, lacks an array, holds objects, or unfolds to more than 8 GiB.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAXIMUM_BYTES:
            raise DataError(f"{path} unfolds to {size} bytes; up to {MAXIMUM_BYTES} are read")
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as an archive of x and y: {error}") from error
    if y.dtype.kind in "iu" and y.ndim == 1:
        if y.size == 0 or y.min() < 0:
            raise DataError(f"{path}: class numbers in y must be 0 or more")
        return from_arrays(path.stem, x, y, tuple(str(number) for number in range(int(y.max()) + 1)), seed=seed)
    return from_arrays(path.stem, x, y, seed=seed)
