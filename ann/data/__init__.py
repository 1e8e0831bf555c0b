"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from ann.checks import check_one_of, check_seed
from ann.data.arrays import from_arrays, read_csv, read_numpy
from ann.data.cifar import load_cifar10
from ann.data.dataset import Dataset
from ann.data.digits import load_digits
from ann.data.download import SOURCES, fetch
from ann.data.mnist import load_fashion_mnist, load_mnist
from ann.data.nmnist import load_nmnist
from ann.data.pictures import load_sample_images, read_images
from ann.data.series import load_sunspots, load_text
from ann.data.speech import load_heidelberg_digits, load_japanese_vowels
from ann.data.tables import load_breast_cancer, load_diabetes, load_iris, load_wine
from ann.errors import ValidationError

__all__ = [
    "BUNDLED",
    "DATASETS",
    "FROM_FOLDER",
    "SOURCES",
    "Dataset",
    "from_arrays",
    "load",
    "read_csv",
    "read_images",
    "read_numpy",
]

# Those that come with a dependency, or with Python,
BUNDLED: Mapping[str, Callable[[int], Dataset]] = MappingProxyType(
    {
        "digits": load_digits,
        "iris": load_iris,
        "wine": load_wine,
        "breast-cancer": load_breast_cancer,
        "diabetes": load_diabetes,
        "sample-images": load_sample_images,
        "text": load_text,
        "sunspots": load_sunspots,
    }
)
# and those read from a folder the caller names.
FROM_FOLDER: Mapping[str, Callable[[Path, int], Dataset]] = MappingProxyType(
    {
        "mnist": load_mnist,
        "fashion-mnist": load_fashion_mnist,
        "cifar10": load_cifar10,
        "shd": load_heidelberg_digits,
        "n-mnist": load_nmnist,
        "japanese-vowels": load_japanese_vowels,
    }
)
DATASETS = (*BUNDLED, *FROM_FOLDER)


def load(name: str, directory: str | PathLike[str] | None = None, seed: int = 0, *, download: bool = False) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    name : str
        One of `DATASETS`.
    directory : path, optional
        Folder with the files of the data set: for "mnist", "fashion-mnist", "cifar10", "shd", "n-mnist" and
        "japanese-vowels". The others come with a dependency or with Python and take none.
    seed : int
        Seed of the random splits, 0 ... 2**32 - 1.
    download : bool
        Fetch files that are not in `directory` yet from where they were published, check their sums, and unpack them.

    Raises
    ------
    ValidationError
        If `name` is unknown, `directory` is missing or not wanted, `seed` is out of range, or nothing can be fetched.
    DataError
        If a file is missing or damaged, or cannot be fetched.
    """
    check_one_of("name", name, DATASETS)
    seed = check_seed(seed)
    if name in BUNDLED:
        if directory is not None:
            raise ValidationError("directory", str(directory), f"none: {name!r} is not read from a folder")
        if download:
            raise ValidationError("download", download, f"False: {name!r} is here already")
        return BUNDLED[name](seed)
    if directory is None:
        raise ValidationError("directory", directory, f"the folder that holds the files of {name!r}")
    if download:
        check_one_of("name", name, SOURCES)
        fetch(SOURCES[name], Path(directory))
    return FROM_FOLDER[name](Path(directory), seed)
