"""The CIFAR-10 images, from the binary version of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ann.data.dataset import Dataset, with_validation
from ann.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
FOLDER = "cifar-10-batches-bin"


def load_cifar10(directory: Path, seed: int) -> Dataset:
    """Load CIFAR-10: 45,000 colour images of 32 x 32 pixels to train on, 5,000 for validation, 10,000 for testing.

    Krizhevsky, "Learning multiple layers of features from tiny images" (2009). A record of the binary version is a byte
    with the class, then 1,024 bytes each of red, green and blue, row by row. The Python version is pickled, and pickles
    are not read.

    Parameters
    ----------
    directory : pathlib.Path
        Folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin, or with the folder cifar-10-batches-bin.
    seed : int
        Seed of the choice of the validation images, a stratified tenth of the training images.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    if (directory / FOLDER).is_dir():
        directory = directory / FOLDER
    x, y = _read(directory, TRAIN)
    x_test, y_test = _read(directory, TEST)
    return with_validation("cifar10", (x, y), (x_test, y_test), CLASSES, 10, seed)


def _read(directory: Path, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    records = []
    for name in names:
        path = directory / name
        try:
            content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror or error}); the binary version of CIFAR-10 is needed"
            ) from error
        if content.size == 0 or content.size % RECORD:
            raise DataError(f"{path} has {content.size} bytes, not a multiple of {RECORD}; fetch it again")
        records.append(content.reshape(-1, RECORD))
        if records[-1][:, 0].max() >= len(CLASSES):
            raise DataError(f"{path} holds class {records[-1][:, 0].max()}; only 0 ... 9 are known; fetch it again")
    content = np.concatenate(records)
    return content[:, 1:].reshape(-1, *SHAPE) / np.float32(255), content[:, 0].astype(np.int64)
