"""Neurons that say the product of two counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snn.neurons.staircase import PRODUCT, Levels, StaircaseModel


@dataclass(frozen=True, eq=False)
class Product(StaircaseModel):
    """Neuron that says the product of two counts, for gates and attention.

    Its ports ``a`` and ``b`` (see the `port` of `snn.Network.connect`) sum events with integer weights, so these sums
    are counts, too. When they change, by da and db, it emits one graded event, whose amplitude is the change of the
    product,

        d(a b) = a db + b da + da db.

    At rest it has said a b. Its events are not all-or-none, which a comparison of networks should say; initial values
    are ``a`` and ``b``, integers.
    """

    open_ports: ClassVar[tuple[str, ...]] = ("a", "b")

    def levels_for(self, owner: str, quantum: float) -> Levels:
        """Return what the engine needs: nothing but the kind."""
        return Levels(PRODUCT, np.zeros((1, 0), np.int64))
