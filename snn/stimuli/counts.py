"""Encoded samples: integers that a network of staircase neurons is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """An integer an element, such as a pixel, which `snn.Simulation.settle` is given for every sample.

    When an element goes from one count to another it emits as many events +1, or -1, as lie between. It begins at 0.

    Parameters
    ----------
    shape : tuple of int
    """

    shape: tuple[int, ...]
