"""State variables over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_UNITS = {"v": "mV", "i": "pA", "g": "nS"}  # by the first part of a variable's name


@dataclass(frozen=True, eq=False)
class Trace:
    """A recorded state variable.

    Attributes
    ----------
    population, variable : str
    first : int
        Number of the first neuron recorded.
    every : float
        Time between two values in ms.
    times : ndarray of float64 (times,)
        In ms.
    values : ndarray of float64 (batch, times, neurons)
    """

    population: str
    variable: str
    first: int
    every: float
    times: np.ndarray
    values: np.ndarray

    def __repr__(self) -> str:
        _, times, neurons = self.values.shape
        return f"<trace of {self.population}.{self.variable}: {neurons:,} neurons, {times:,} times>"

    @property
    def unit(self) -> str:
        """Unit of the values; empty where they have none."""
        return "steps" if self.variable == "refractory" else _UNITS.get(self.variable.split("_")[0], "")

    @property
    def neurons(self) -> np.ndarray:
        """Numbers of the neurons recorded, int64 (neurons,)."""
        return self.first + np.arange(self.values.shape[2])
