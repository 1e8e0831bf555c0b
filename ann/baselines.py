"""What can be learnt without labels and without a network: the baselines of the autoencoders, from scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ann.checks import check_integer, check_positive, check_seed
from ann.errors import ValidationError


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The directions in which samples vary most.

    Attributes
    ----------
    mean : ndarray (features,)
        Of the samples.
    components : ndarray (count, features)
        Directions, of length 1 and at right angles, that of the largest variance first.
    """

    mean: NDArray[np.floating]
    components: NDArray[np.floating]

    def encode(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the code of samples (n, ...): how far they are along each component, (n, count)."""
        return (x.reshape(len(x), -1) - self.mean) @ self.components.T

    def reconstruct(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what the code says of samples (n, ...), in their shape."""
        return (self.encode(x) @ self.components + self.mean).reshape(x.shape)


def principal_components(x: NDArray[np.floating], count: int) -> PrincipalComponents:
    """Find principal components: no linear code of `count` numbers loses less of the samples, in mean squared error.

    Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine 2 (1901).

    Parameters
    ----------
    x : ndarray (n, ...)
        Samples.
    count : int
        How many, at least 1 and at most n and the numbers of a sample.

    Raises
    ------
    ValidationError
        If `count` is out of range.
    """
    from sklearn.decomposition import PCA

    flat = _flat(x)
    found = PCA(check_integer("count", count, 1, min(flat.shape)), svd_solver="full").fit(flat)
    return PrincipalComponents(np.asarray(found.mean_), np.asarray(found.components_))


def k_means(x: NDArray[np.floating], clusters: int, seed: int = 0) -> NDArray[np.int64]:
    """Part samples into clusters, each sample in the one whose mean is nearest.

    Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982); the best of ten
    beginnings by k-means++ (Arthur & Vassilvitskii, SODA 2007).

    Parameters
    ----------
    x : ndarray (n, ...)
        Samples.
    clusters : int
        How many, at least 1 and at most n.
    seed : int
        Seed of the beginnings.

    Returns
    -------
    ndarray of int64 (n,)
        Numbers of the clusters, from 0.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    from sklearn.cluster import KMeans

    flat = _flat(x)
    clusters, seed = check_integer("clusters", clusters, 1, len(flat)), check_seed(seed)
    found = KMeans(clusters, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    return found.fit_predict(flat).astype(np.int64)


def dbscan(x: NDArray[np.floating], distance: float, neighbours: int = 5) -> NDArray[np.int64]:
    """Part samples into clusters of whatever shape, wherever they lie dense, and leave the others out.

    Ester, Kriegel, Sander & Xu, "A density-based algorithm for discovering clusters in large spatial databases with
    noise", KDD (1996).

    Parameters
    ----------
    x : ndarray (n, ...)
        Samples.
    distance : float
        Within which samples are neighbours, positive.
    neighbours : int
        How many, itself included, make a sample the inside of a cluster; at least 1.

    Returns
    -------
    ndarray of int64 (n,)
        Numbers of the clusters, from 0; -1 for samples in none.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """
    from sklearn.cluster import DBSCAN

    distance, neighbours = check_positive("distance", distance), check_integer("neighbours", neighbours, 1)
    return DBSCAN(eps=distance, min_samples=neighbours).fit_predict(_flat(x)).astype(np.int64)


def purity(clusters: NDArray[np.integer], y: NDArray[np.integer]) -> float:
    """Return the share of samples whose class is the most frequent one of their cluster, 0 ... 1.

    Manning, Raghavan & Schuetze, "Introduction to information retrieval" (2008), chapter 16. More clusters make it
    larger: compare equal numbers of them.

    Parameters
    ----------
    clusters : ndarray of int (n,)
        Numbers of the clusters; samples in none (-1) count as wrong.
    y : ndarray of int (n,)
        Classes, from 0.

    Raises
    ------
    ValidationError
        If both have not as many elements, or none.
    """
    if clusters.shape != y.shape or clusters.ndim != 1 or not len(y):
        raise ValidationError("clusters", f"shape {clusters.shape}", f"as many as there are classes, shape {y.shape}")
    right = sum(int(np.bincount(y[clusters == one]).max()) for one in np.unique(clusters) if one >= 0)
    return right / len(y)


def _flat(x: NDArray[np.floating]) -> NDArray[np.floating]:
    x = np.asarray(x)
    if x.ndim < 2 or x.size == 0 or not np.isfinite(x).all():
        raise ValidationError("x", f"an array of shape {x.shape}", "finite samples (n, ...), at least one")
    return x.reshape(len(x), -1)
