"""How an output that grows step by step is read: from a step on, and no longer than needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from bridge.errors import ValidationError, positive_integer
from snn.recording import SpikeRecord


@dataclass(frozen=True, kw_only=True)
class Readout:
    """Which steps of the output are read.

    With c(t) the output so far after step t of T, what is read up to step t is the mean from step r on, as if all T
    steps had been like these,

        m(t) = (c(t) - c(r - 1)) T / (t - r + 1)

    Parameters
    ----------
    first : int
        r, from 1 to T: a delayed read-out leaves out the steps in which early spikes are missing.
    margin : float, optional
        An early exit: read up to the first step in which the largest of m(t) exceeds the second largest by at least so
        much, in units of the output; by default, or where none does, up to the last.
    """

    first: int = 1
    margin: float | None = None

    def check(self, steps: int, outputs: int) -> None:
        """Refuse what does not go with so many steps and outputs.

        Raises
        ------
        ValidationError
            Naming the argument.
        """
        if positive_integer("read_from", self.first) > steps:
            raise ValidationError(f"read_from must be at most T = {steps}, not {self.first}")
        if self.margin is None:
            return
        number = isinstance(self.margin, Real) and not isinstance(self.margin, bool)
        if not number or not 0.0 < self.margin < math.inf:
            raise ValidationError(f"margin must be a positive number, not {self.margin!r}")
        if outputs < 2:
            raise ValidationError("margin needs a network of at least two outputs")

    def read(self, course: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read the output so far, (samples, T, outputs); returns scores and, from 1, the last step read of each."""
        mean = self._mean(course, course.shape[1])
        last = np.full(len(course), mean.shape[1] - 1)
        if self.margin is not None:
            decided = self._decided(mean)
            last = np.where(decided.any(axis=1), decided.argmax(axis=1), last)
        return mean[np.arange(len(course)), last], last + self.first

    def decided(self, course: np.ndarray, steps: int) -> np.ndarray:
        """Say which samples are decided after the first steps of T, given their output (samples, steps, outputs)."""
        return np.asarray(self._decided(self._mean(course, steps)).any(axis=1))

    def _mean(self, course: np.ndarray, steps: int) -> np.ndarray:
        """Return m(t) from step r on."""
        first = self.first
        before = course[:, first - 2] if first > 1 else np.zeros_like(course[:, 0])
        read = np.arange(1, course.shape[1] - first + 2)
        return (course[:, first - 1 :] - before[:, None]) * (steps / read)[:, None]

    def _decided(self, mean: np.ndarray) -> np.ndarray:
        """Say for each sample and step whether the margin is reached."""
        second, largest = np.moveaxis(np.partition(mean, -2, axis=2)[..., -2:], -1, 0)
        return largest - second >= self.margin


def held(course: np.ndarray, steps: int, last: np.ndarray) -> np.ndarray:
    """Return an output (samples, T, outputs) that stays as it was after the last step of each sample, from 1."""
    step = np.minimum(np.arange(steps), last[:, None] - 1)
    return np.take_along_axis(course, step[..., None], axis=1)


def counts_until(record: SpikeRecord, last: np.ndarray) -> np.ndarray:
    """Count the spikes of every neuron up to a step of its sample's own: int64 (samples, neurons)."""
    size = math.prod(record.shape)
    kept = record.samples < len(last)
    kept[kept] = record.steps[kept] <= last[record.samples[kept]]
    where = record.samples[kept].astype(np.int64) * size + record.neurons[kept]
    return np.bincount(where, minlength=len(last) * size).reshape(len(last), size)
