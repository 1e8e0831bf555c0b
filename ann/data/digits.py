"""The 8 x 8 digits that come with scikit-learn."""

from __future__ import annotations

from typing import Any

from ann.data.arrays import from_arrays
from ann.data.dataset import Dataset


def load_digits(seed: int) -> Dataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, 360 of them for testing and 144 for validation.

    The test part of the UCI data set "Optical recognition of handwritten digits" (Alpaydin & Kaynak, 1998), split
    here into three stratified parts.

    Parameters
    ----------
    seed : int
        Seed of the splits.
    """
    # scikit-learn takes a second to import.
    from sklearn import datasets

    bunch: Any = datasets.load_digits()
    classes = [str(name) for name in bunch["target_names"]]
    return from_arrays("digits", bunch["images"][:, None] / 16, bunch["target"], classes, seed=seed)
