"""N-MNIST: the MNIST digits as events of a moving vision sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ann.data.dataset import Dataset, with_validation
from ann.errors import DataError

SIDE = 34
EVENT = 5  # bytes
OVERFLOW = 240  # as y: the timer ran over
OVERFLOW_TIME = 1 << 13  # microseconds
CLASSES = tuple("0123456789")


def read_events(path: Path) -> np.ndarray:
    """Read a recording of N-MNIST.

    An event is 40 bits: x, y, polarity (1 bit) and the time in microseconds (23 bits, big-endian); y = 240 stands for
    an overflow of the timer, by 2**13 microseconds.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    numpy.ndarray
        int64 of shape (events, 4): x, y, polarity (1 brighter, 0 darker), time in microseconds.

    Raises
    ------
    DataError
        If the file cannot be read or is cut short, or an event lies outside the 34 x 34 pixels.
    """
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if content.size == 0 or content.size % EVENT:
        raise DataError(f"{path} has {content.size} bytes, not a multiple of {EVENT}; fetch it again")
    x, y, high, middle, low = content.reshape(-1, EVENT).astype(np.int64).T
    overflow = y == OVERFLOW
    time = ((high & 127) << 16 | middle << 8 | low) + OVERFLOW_TIME * np.cumsum(overflow)
    events = np.stack([x, y, high >> 7, time], axis=1)[~overflow]
    if events.size and events[:, :2].max() >= SIDE:
        raise DataError(f"{path} has events outside the {SIDE} x {SIDE} pixels; fetch it again")
    return events


def load_nmnist(directory: Path, seed: int) -> Dataset:
    """Load N-MNIST: for every pixel the numbers of events of both polarities, as images (2, 34, 34) up to 1.

    Orchard, Jayawant, Cohen & Thakor, "Converting static image datasets to spiking neuromorphic datasets using
    saccades", Frontiers in Neuroscience 9 (2015). `ann.data.nmnist.read_events` gives the events themselves.

    Parameters
    ----------
    directory : pathlib.Path
        Folder with the folders Train and Test, which have a folder of .bin files for every digit.
    seed : int
        Seed of the choice of the validation samples, a stratified twelfth of the training samples.

    Raises
    ------
    DataError
        If a folder is missing or a file is damaged.
    """
    x, y = _read_part(directory / "Train")
    x_test, y_test = _read_part(directory / "Test")
    return with_validation("n-mnist", (x, y), (x_test, y_test), CLASSES, 12, seed)


def _read_part(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    found = [(path, label) for label in range(10) for path in sorted((folder / str(label)).glob("*.bin"))]
    if not found:
        raise DataError(f"{folder} has no folders 0 ... 9 with .bin files; unpack Train.zip and Test.zip there")
    x = np.zeros((len(found), 2, SIDE, SIDE), dtype=np.float32)
    for sample, (path, _) in enumerate(found):
        columns, rows, polarity, _ = read_events(path).T
        np.add.at(x[sample], (polarity, rows, columns), 1)
        x[sample] /= max(1, x[sample].max())
    return x, np.array([label for _, label in found], dtype=np.int64)
