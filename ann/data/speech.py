"""Spoken digits as spikes, and spoken vowels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ann.data.dataset import Dataset, with_validation
from ann.errors import DataError

# Heidelberg digits: the last spike of all comes before 1.4 s.
BIN = 0.02  # s
BINS = 70
UNITS = 700
CHANNELS_TOGETHER = 5

VOWEL_CHANNELS = 12


def load_heidelberg_digits(directory: Path, seed: int) -> Dataset:
    """Load the Spiking Heidelberg Digits: 20 spoken digits, English and German, as spikes of a model of the cochlea.

    Cramer, Stradmann, Schemmel & Zenke, "The Heidelberg spiking data sets for the systematic evaluation of spiking
    neural networks", IEEE Transactions on Neural Networks and Learning Systems 33 (2022). Sequences of 70 bins of
    20 ms; a feature is the number of spikes of five neighbouring of the 700 units, (n, 70, 140).

    Parameters
    ----------
    directory : pathlib.Path
        Folder with shd_train.h5 and shd_test.h5.
    seed : int
        Seed of the choice of the validation samples, a stratified tenth of the training samples.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    x, y, classes = _read_spikes(directory / "shd_train.h5")
    x_test, y_test, test_classes = _read_spikes(directory / "shd_test.h5")
    if test_classes != classes:
        raise DataError(f"{directory}: the classes of shd_train.h5 and shd_test.h5 differ; take both from one source")
    return with_validation("shd", (x, y), (x_test, y_test), classes, 10, seed)


def _read_spikes(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    import h5py

    arrays: dict[str, Any] = {}
    try:
        with h5py.File(path) as file:
            for name in ("spikes/times", "spikes/units", "labels", "extra/keys"):
                dataset: Any = file[name]
                arrays[name] = dataset[()]
        classes = tuple(name.decode() for name in arrays["extra/keys"])
    # HDF5 meets damage with many errors.
    except (OSError, KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as Spiking Heidelberg Digits: {error}") from error
    times, units, y = arrays["spikes/times"], arrays["spikes/units"], arrays["labels"].astype(np.int64)
    x = np.zeros((len(times), BINS, UNITS // CHANNELS_TOGETHER), dtype=np.float32)
    for sample, (when, where) in enumerate(zip(times, units, strict=True)):
        bins, where = np.floor(when.astype(np.float64) / BIN).astype(np.int64), where.astype(np.int64)
        if len(bins) != len(where) or (bins < 0).any() or (where < 0).any() or (where >= UNITS).any():
            raise DataError(f"{path}: sample {sample} has spikes before 0 s or of units beyond {UNITS - 1}")
        inside = bins < BINS
        np.add.at(x[sample], (bins[inside], where[inside] // CHANNELS_TOGETHER), 1)
    if len(y) != len(x) or not len(x) or y.min() < 0 or y.max() >= len(classes):
        raise DataError(f"{path}: the labels do not fit the samples or the {len(classes)} classes")
    return x, y, classes


def load_japanese_vowels(directory: Path, seed: int) -> Dataset:
    """Load the Japanese vowels: nine speakers saying "ae", 12 cepstral coefficients over 25 times, (n, 25, 12).

    Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", Pattern Recognition
    Letters 20 (1999), in the version of equal length of timeseriesclassification.com.

    Parameters
    ----------
    directory : pathlib.Path
        Folder with JapaneseVowels_eq_TRAIN.ts and JapaneseVowels_eq_TEST.ts.
    seed : int
        Seed of the choice of the validation samples, a stratified tenth of the training samples.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    x, labels = _read_series(directory / "JapaneseVowels_eq_TRAIN.ts")
    x_test, test_labels = _read_series(directory / "JapaneseVowels_eq_TEST.ts")
    classes = tuple(sorted(set(labels)))
    if not set(test_labels) <= set(classes) or x.shape[1:] != x_test.shape[1:]:
        raise DataError(f"{directory}: the test file has other speakers or lengths than the training file")
    y, y_test = (np.array([classes.index(label) for label in part], dtype=np.int64) for part in (labels, test_labels))
    return with_validation("japanese-vowels", (x, y), (x_test, y_test), classes, 10, seed)


def _read_series(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read the .ts format: after the line @data a sample a line, channels and then the class separated by colons."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        begin = [line.strip().lower() for line in lines].index("@data")
        rows = [line.strip().split(":") for line in lines[begin + 1 :] if line.strip()]
        x = np.array([[channel.split(",") for channel in row[:-1]] for row in rows], dtype=np.float32)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as series of equal length: {error}") from error
    if x.ndim != 3 or x.shape[1] != VOWEL_CHANNELS:
        raise DataError(f"{path} holds series of shape {x.shape[1:]}; {VOWEL_CHANNELS} channels are needed")
    return x.transpose(0, 2, 1).copy(), [row[-1] for row in rows]
