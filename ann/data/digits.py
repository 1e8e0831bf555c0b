"""The 8 x 8 digits that come with scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ann.data.dataset import Dataset, split_stratified

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1


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
    x = (bunch["images"] / 16).astype(np.float32)[:, np.newaxis]
    y = bunch["target"].astype(np.int64)
    x, x_test, y, y_test = split_stratified(x, y, math.ceil(TEST_SHARE * len(x)), seed)
    x_train, x_validation, y_train, y_validation = split_stratified(x, y, math.ceil(VALIDATION_SHARE * len(x)), seed)
    classes = tuple(str(name) for name in bunch["target_names"])
    return Dataset("digits", x_train, y_train, x_validation, y_validation, x_test, y_test, classes)
