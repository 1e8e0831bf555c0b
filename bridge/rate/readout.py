"""How an output that grows step by step is read, from a step on and no longer than needed; and what layers said."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from bridge.errors import ValidationError, positive_integer
from bridge.rate.emitted import Layer
from snn.recording import Recording, SpikeRecord


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


def counts_by_layer(
    recording: Recording, layers: Sequence[Layer], steps: int, until: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Count the spikes of every neuron by layer, int64 (batch, neurons); a layer said in windows has them side by side.

    Parameters
    ----------
    recording : Recording
    layers : sequence of Layer
        Of which those that are read are left out.
    steps : int
        T, the steps of a window.
    until : ndarray of int (samples,), optional
        Count the first samples alone, and no further than to these steps.
    """
    said: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        if layer.kind != "readout":
            said[layer.population].append(layer)
    found = {}
    for population, one_after_other in said.items():
        (one, *others) = one_after_other
        if one.population == one.name and one.windows == 1 and until is None:
            found[one.name] = recording.counts(population)
            continue
        windows = one.windows + len(others)
        counts = counts_in_windows(recording.spikes[population], one.first, windows, steps, until)
        if others:
            found |= {layer.name: counts[:, (layer.first - one.first) // steps] for layer in one_after_other}
        else:
            found[one.name] = counts.reshape(len(counts), -1)
    return {layer.name: found[layer.name] for layer in layers if layer.name in found}


def counts_in_windows(
    record: SpikeRecord, first: int, windows: int, steps: int, until: np.ndarray | None = None
) -> np.ndarray:
    """Count the spikes of every neuron in windows of T steps, from a step on: int64 (batch, windows, neurons).

    Where `until` is given, of the first samples alone, and no further than to these steps.
    """
    size, batch = math.prod(record.shape), record.batch if until is None else len(until)
    window = (record.steps - first) // steps
    kept = (window >= 0) & (window < windows) & (record.samples < batch)
    if until is not None:
        kept[kept] = record.steps[kept] <= until[record.samples[kept]]
    where = (record.samples[kept].astype(np.int64) * windows + window[kept]) * size + record.neurons[kept]
    return np.bincount(where, minlength=batch * windows * size).reshape(batch, windows, size)


def spikes_so_far(record: SpikeRecord, first: int, windows: int, steps: int) -> np.ndarray:
    """Count the spikes of every neuron up to each step of windows of T steps: (batch, windows, T, neurons)."""
    counts = np.zeros((record.batch, windows * steps, math.prod(record.shape)))
    inside = (record.steps >= first) & (record.steps < first + windows * steps)
    counts[record.samples[inside], record.steps[inside] - first, record.neurons[inside]] = 1.0
    return counts.reshape(record.batch, windows, steps, -1).cumsum(axis=2)


def beside(values: np.ndarray) -> np.ndarray:
    """Put windows side by side, as if all were said at once: (batch, windows, T, n) to (batch, T, windows n)."""
    return np.moveaxis(values, 1, 2).reshape(len(values), values.shape[2], -1)
