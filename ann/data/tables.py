"""The tables that come with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann.data.arrays import from_arrays
from ann.data.dataset import Dataset


def load_iris(seed: int) -> Dataset:
    """Load 150 irises of three species: length and width of sepals and petals, standardised.

    Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936).
    """
    return _load("iris", seed)


def load_wine(seed: int) -> Dataset:
    """Load 178 wines of three cultivars: 13 chemical measurements, standardised (Aeberhard & Forina, UCI, 1992)."""
    return _load("wine", seed)


def load_breast_cancer(seed: int) -> Dataset:
    """Load 569 tumours, malignant or benign: 30 measurements of cell nuclei, standardised.

    Street, Wolberg & Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", SPIE 1905 (1993).
    """
    return _load("breast-cancer", seed)


def load_diabetes(seed: int) -> Dataset:
    """Load 442 patients: ten measurements, standardised, and the disease's progress within a year, in hundreds.

    Efron, Hastie, Johnstone & Tibshirani, "Least angle regression", Annals of Statistics 32 (2004).
    """
    return _load("diabetes", seed)


def _load(name: str, seed: int) -> Dataset:
    # scikit-learn takes a second to import.
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{name.replace('-', '_')}")()
    if "target_names" not in bunch:
        return from_arrays(name, bunch["data"], np.asarray(bunch["target"]) / 100, seed=seed, standardise=True)
    classes = [str(label) for label in bunch["target_names"]]
    return from_arrays(name, bunch["data"], bunch["target"], classes, seed=seed, standardise=True)
