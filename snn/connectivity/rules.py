"""Projections that are a list of synapses, given or drawn."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from snn import checks
from snn.errors import ValidationError
from snn.jit import compiled
from snn.random import philox


class OneToOne:
    """Source i to target i, for populations of equal size."""

    kind = "one_to_one"

    def check(self, sources: int, targets: int) -> None:
        """Refuse populations of different size."""
        if sources != targets:
            raise ValidationError("OneToOne", "target", f"{targets} neurons", f"{sources}, as many as the source has")


class Edges:
    """The synapses listed.

    Parameters
    ----------
    sources, targets : array of int (synapses,)
        Indices within the two populations; a pair may occur more than once.
    """

    kind = "sparse"
    weights: np.ndarray | None = None

    def __init__(self, sources: object, targets: object):
        ends = []
        for name, value in (("sources", sources), ("targets", targets)):
            given = np.asarray(value)
            if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
                raise ValidationError(
                    "Edges", name, f"{given.dtype} array of shape {given.shape}", "integers, shape (n,)"
                )
            ends.append(given.astype(np.int64))
        self.sources, self.targets = ends
        if len(self.sources) != len(self.targets):
            raise ValidationError(
                "Edges", "targets", f"{len(self.targets)} indices", f"{len(self.sources)}, as in sources"
            )

    def check(self, sources: int, targets: int) -> None:
        """Refuse indices outside the populations."""
        for name, index, size in (("sources", self.sources, sources), ("targets", self.targets, targets)):
            bad = (index < 0) | (index >= size)
            if bad.any():
                raise ValidationError("Edges", name, int(index[bad][0]), f"indices from 0 to {size - 1}")

    def edges(self, sources: int, targets: int, seed: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse, int64 each."""
        return self.sources, self.targets


class Sparse(Edges):
    """The synapses of a sparse matrix, its values their weights.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix (targets, sources)
        Weights, in the unit of the target's port.
    """

    def __init__(self, matrix: object):
        if not sparse.issparse(matrix):
            raise ValidationError("Sparse", "matrix", type(matrix).__name__, "a SciPy sparse array")
        coordinates = sparse.coo_array(matrix)
        super().__init__(coordinates.col, coordinates.row)
        self.weights = checks.array("Sparse", "matrix", coordinates.data)
        self.shape = coordinates.shape

    def check(self, sources: int, targets: int) -> None:
        """Refuse a matrix that is not (targets, sources)."""
        if self.shape != (targets, sources):
            raise ValidationError("Sparse", "matrix", f"shape {self.shape}", f"shape {(targets, sources)}")


@compiled
def _draw_sources(sources, targets, degree, seed, stream):
    out = np.empty(targets * degree, np.int64)
    for target in range(targets):
        for draw in range((degree + 3) // 4):
            words = philox(seed, stream, target, draw, 0, 0)
            for j in range(min(4, degree - 4 * draw)):
                # The upper half of word * sources is uniform on 0 .. sources - 1 to within sources / 2^32.
                out[target * degree + 4 * draw + j] = np.int64((words[j] * np.uint64(sources)) >> np.uint64(32))
    return out


class FixedInDegree:
    """Every target draws its sources at random, with replacement.

    A pair may be drawn more than once and a neuron may draw itself.

    Parameters
    ----------
    degree : int
        Number of synapses onto each target.
    """

    kind = "sparse"
    weights = None

    def __init__(self, degree: int):
        self.degree = checks.integer("FixedInDegree", "degree", degree, minimum=0)

    def check(self, sources: int, targets: int) -> None:
        """Accept any two populations."""

    def edges(self, sources: int, targets: int, seed: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse, int64 each."""
        drawn = _draw_sources(sources, targets, self.degree, seed, stream)
        return drawn, np.repeat(np.arange(targets, dtype=np.int64), self.degree)
