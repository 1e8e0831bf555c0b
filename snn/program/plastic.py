"""Lowering of synapses whose spikes have shares: rows of their own, and the parameters of their sources."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snn.errors import ValidationError
from snn.program.building import Rows
from snn.program.lists import Listed
from snn.program.tables import Banks, Plastic

_STREAM = 3  # of a projection's streams, the first for the parameters of plasticity


def lower_plastic(
    lists: list[Listed],
    build: Callable[[list[Listed], np.ndarray], Rows],
    bank_slots: np.ndarray,
    sizes: np.ndarray,
    dt: float,
    seed: int,
) -> Plastic:
    """Build the rows of plastic projections, as if each had a source node of its own.

    Parameters
    ----------
    lists : list of Listed
    build : callable
        Builds the rows of lists whose sources are counted in any way, and is told the node of each source.
    bank_slots : ndarray of int64 (banks,)
        First slot of each bank.
    sizes : ndarray of int64 (nodes,)
    dt : float
        Step in ms.
    seed : int

    Raises
    ------
    ValidationError
        If a parameter drawn from a distribution is refused.
    """
    nodes = np.array([one.source for one in lists], np.int64)
    built = build([one._replace(source=i) for i, one in enumerate(lists)], nodes)
    first = np.cumsum([0, *sizes[nodes]])
    parameters = np.zeros((3, int(first[-1])))  # those of sources outside a slice stay 0: they have no synapses
    for one, begin in zip(lists, first.tolist(), strict=False):
        begin += one.projection.source_start
        if one.projection.plasticity is not None:
            parameters[:, begin : begin + one.projection.source_size] = _parameters(one, dt, seed)
    banks = Banks(bank_slots, built.first_bundle)
    alternating = np.array([one.projection.alternating for one in lists], np.int64)
    first = first[:-1].astype(np.int64)
    return Plastic(built.words, built.rows, built.bundles, banks, nodes, alternating, first, *parameters)


def _parameters(one: Listed, dt: float, seed: int) -> np.ndarray:
    p = one.projection
    try:
        return p.plasticity.lower(p.source_size, dt, seed, one.stream + _STREAM)  # pyright: ignore
    except ValidationError as error:
        expected = f"{error.expected}, also where drawn"
        raise ValidationError(f"connect {p.name}, {error.owner}", error.attribute, error.value, expected) from None
