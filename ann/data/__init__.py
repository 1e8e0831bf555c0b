"""Data sets by name."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ann.checks import check_seed
from ann.data.dataset import Dataset
from ann.data.digits import load_digits
from ann.data.mnist import load_mnist
from ann.errors import ValidationError

__all__ = ["DATASETS", "Dataset", "load"]

# Those that come with a dependency, and those read from a folder the caller names.
BUNDLED = {"digits": load_digits}
FROM_FOLDER = {"mnist": load_mnist}
DATASETS = (*BUNDLED, *FROM_FOLDER)


def load(name: str, directory: str | PathLike[str] | None = None, seed: int = 0) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : str
        One of `DATASETS`.
    directory : path, optional
        Folder with the files of the data set. "mnist" needs it; "digits" comes with scikit-learn and takes none.
    seed : int
        Seed of the random splits, 0 ... 2**32 - 1.

    Raises
    ------
    ValidationError
        If `name` is unknown, or `directory` is missing or not wanted, or `seed` is out of range.
    DataError
        If a file is missing or damaged.
    """
    seed = check_seed(seed)
    if name in FROM_FOLDER:
        if directory is None:
            raise ValidationError("directory", directory, f"the folder that holds the files of {name!r}")
        return FROM_FOLDER[name](Path(directory), seed)
    if name in BUNDLED:
        if directory is not None:
            raise ValidationError("directory", str(directory), f"none: {name!r} is not read from a folder")
        return BUNDLED[name](seed)
    raise ValidationError("name", name, "one of " + ", ".join(DATASETS))
