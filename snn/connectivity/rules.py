"""Projections whose synapses are given: a list, a matrix, or a rule without chance.

A rule has the methods `check`, which refuses populations that do not fit, and `count`, the number of synapses (None
where chance decides). One that is a list of synapses also has `portions`, in how many parts the list can be made, each
without the others, and `edges`, which makes one of them. They take the sizes of source and target and `same`: whether
the two are one population.
"""

from __future__ import annotations

import numpy as np

from snn import checks
from snn.errors import ValidationError

PORTION = 2**17  # synapses, about: what is made of them at a time fits into a second-level cache


def portions_of(items: int, each: float) -> int:
    """Return into how many portions to cut a number of items of so many synapses each."""
    return max(1, min(items, round(items * each / PORTION)))


def portion_of(items: int, portions: int, portion: int) -> tuple[int, int]:
    """Return the first item of a portion, and the one after its last."""
    return items * portion // portions, items * (portion + 1) // portions


def flag(owner: str, name: str, value: object) -> bool:
    """Return `value`, which must be True or False."""
    if not isinstance(value, bool):
        raise ValidationError(owner, name, value, "True or False")
    return value


def partners(size: int, same: bool, autapses: bool) -> int:
    """Return how many neurons of a population one neuron may be connected with: all, or all but itself."""
    return size - 1 if same and not autapses else size


def skip_own(index: np.ndarray, own: np.ndarray, skip: bool) -> np.ndarray:
    """Turn numbers among all neurons but `own` into indices among all, if `skip`."""
    return index + (index >= own) if skip else index


class OneToOne:
    """Source i to target i, for populations of equal size."""

    kind = "one_to_one"

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse populations of different size."""
        if sources != targets:
            raise ValidationError("OneToOne", "target", f"{targets} neurons", f"{sources}, as many as the source has")

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return sources

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: one."""
        return 1

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse, integers."""
        return np.arange(sources), np.arange(sources)


class AllToAll:
    """Every source to every target, as a list of synapses; ordered by target, then source.

    Parameters
    ----------
    autapses : bool
        Whether a neuron also connects to itself, where source and target are the same population.
    """

    kind = "sparse"
    weights = None

    def __init__(self, *, autapses: bool = True):
        self.autapses = flag("AllToAll", "autapses", autapses)

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Accept any two populations."""

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return targets * partners(sources, same, self.autapses)

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: ranges of targets."""
        return portions_of(targets, partners(sources, same, self.autapses))

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        choices = partners(sources, same, self.autapses)
        first, last = portion_of(targets, self.portions(sources, targets, same), portion)
        ends = np.repeat(np.arange(first, last), choices)
        return skip_own(np.tile(np.arange(choices), last - first), ends, choices < sources), ends


class Edges:
    """The synapses listed.

    Parameters
    ----------
    sources, targets : array of int (synapses,)
        Indices within the two populations; a pair may occur more than once.
    """

    kind = "sparse"
    weights: np.ndarray | None = None
    unit: str | None = None

    def __init__(self, sources: object, targets: object):
        ends = []
        for name, value in (("sources", sources), ("targets", targets)):
            try:
                given = np.asarray(value)
            except ValueError:
                raise ValidationError("Edges", name, value, "integers, shape (n,)") from None
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

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse indices outside the populations."""
        for name, index, size in (("sources", self.sources, sources), ("targets", self.targets, targets)):
            bad = (index < 0) | (index >= size)
            if bad.any():
                raise ValidationError("Edges", name, int(index[bad][0]), f"indices from 0 to {size - 1}")

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return len(self.sources)

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions."""
        return portions_of(len(self.sources), 1)

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        first, last = portion_of(len(self.sources), self.portions(sources, targets), portion)
        return self.sources[first:last], self.targets[first:last]


class Sparse(Edges):
    """The synapses of a sparse matrix, its values their weights.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix (targets, sources)
        Weights, in the unit of the target's port.
    """

    def __init__(self, matrix: object):
        from scipy import sparse

        if not sparse.issparse(matrix):
            raise ValidationError("Sparse", "matrix", type(matrix).__name__, "a SciPy sparse array")
        coordinates = sparse.coo_array(matrix)
        super().__init__(coordinates.col, coordinates.row)
        self.weights, self.unit = checks.weights("Sparse", "matrix", coordinates.data)
        self.shape = coordinates.shape

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse a matrix that is not (targets, sources)."""
        if self.shape != (targets, sources):
            raise ValidationError("Sparse", "matrix", f"shape {self.shape}", f"shape {(targets, sources)}")
