"""The spikes of one population, and what can be read off them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snn import checks, statistics
from snn.errors import ValidationError

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True, eq=False)
class SpikeRecord:
    """Spikes of one population, sorted by sample, then time, then neuron.

    Attributes
    ----------
    samples : ndarray of int32 (spikes,)
        Number of the sample, within the batch.
    steps : ndarray of int64 (spikes,)
        A spike's time in steps of dt; from the exact engine the number of its window, whose length dt is.
    neurons : ndarray of int32 (spikes,)
        Its neuron.
    shape : tuple of int
        Shape of the population.
    batch : int
        Samples simulated.
    dt, start, stop : float
        Step, begin and end of the recording in ms; a spike's time t obeys start < t <= stop.
    recorded : ndarray of int64 (neurons,)
        Numbers of the neurons whose spikes are here, ascending: all, or those chosen by `Network.record_spikes`.
    offsets : ndarray of float64 (spikes,), optional
        From the exact engine, a spike's time since its window began, in ms: both together lose nothing in long runs.
    """

    samples: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray
    shape: tuple[int, ...]
    batch: int
    dt: float
    start: float
    stop: float
    recorded: np.ndarray
    offsets: np.ndarray | None = None

    def __repr__(self) -> str:
        samples = f" in {self.batch} samples" * (self.batch > 1)
        return f"<{len(self):,} spikes of {len(self.recorded):,} neurons{samples}, {self.rate():.3g} Hz>"

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def times(self) -> np.ndarray:
        """Spike times in ms, float64 (spikes,)."""
        times = self.steps * self.dt
        return times if self.offsets is None else times + self.offsets

    @property
    def rows(self) -> np.ndarray:
        """Place of each spike's neuron in `recorded`, int64 (spikes,)."""
        everyone = len(self.recorded) == int(np.prod(self.shape))
        return self.neurons.astype(np.int64) if everyone else np.searchsorted(self.recorded, self.neurons)

    def train(self, neuron: int, sample: int = 0) -> np.ndarray:
        """Return the spike times of one neuron in ms.

        Raises
        ------
        ValidationError
            If there is no such neuron or sample, or its spikes were not recorded.
        """
        if neuron not in self.recorded:
            known = "one" if len(self.recorded) else "nothing"
            raise ValidationError("SpikeRecord", "neuron", neuron, f"{known} of the {len(self.recorded):,} recorded")
        if checks.integer("SpikeRecord", "sample", sample, minimum=0) >= self.batch:
            raise ValidationError("SpikeRecord", "sample", sample, f"0 to {self.batch - 1}")
        return self.times[(self.neurons == neuron) & (self.samples == sample)]

    def counts(self) -> np.ndarray:
        """Return the number of spikes of every recorded neuron, int64 (batch, neurons)."""
        width = len(self.recorded)
        flat = self.samples.astype(np.int64) * width + self.rows
        return np.bincount(flat, minlength=self.batch * width).reshape(self.batch, width)

    def rate(self) -> float:
        """Return the mean rate of a recorded neuron in Hz: spikes / (samples * neurons * seconds).

        It is 0 where no time has passed, and nan where no neuron is recorded.
        """
        if not len(self.recorded):
            return float("nan")
        seconds = (self.stop - self.start) / 1000.0
        return len(self) / (self.batch * len(self.recorded) * seconds) if seconds else 0.0

    def rates_by_neuron(self) -> np.ndarray:
        """Return each recorded neuron's mean rate in Hz, spikes / seconds, float64 (batch, neurons).

        This is ``elephant.statistics.mean_firing_rate``. It is 0 where no time has passed.
        """
        seconds = (self.stop - self.start) / 1000.0
        return self.counts() / seconds if seconds else np.zeros((self.batch, len(self.recorded)))

    def rates(self, bin_size: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean rate of a recorded neuron over time, as a histogram.

        Bin j holds the spikes at start + j b < t <= start + (j + 1) b, since a spike is stamped with the end of its
        step; its rate is the number of spikes / (neurons * b). Time after the last whole bin is left out.

        Parameters
        ----------
        bin_size : float
            b in ms, a multiple of dt.

        Returns
        -------
        times : ndarray of float64 (bins,)
            Middle of each bin in ms.
        rates : ndarray of float64 (batch, bins)
            In Hz; nan where no neuron is recorded.

        Raises
        ------
        ValidationError
            If the bin is not a multiple of dt, or longer than the recording.
        """
        return statistics.rates(self, bin_size)

    def intervals(self) -> np.ndarray:
        """Return the intervals between successive spikes of the same neuron in ms, float64 (intervals,).

        They come in the order of sample, neuron and time. For one train this is ``elephant.statistics.isi``.
        """
        return statistics.intervals(self)[0] * self.dt

    def cv_by_neuron(self) -> np.ndarray:
        """Return the coefficient of variation of each recorded neuron's inter-spike intervals, (batch, neurons).

        CV = sqrt(mean((x - mean(x))^2)) / mean(x) over the intervals x of one neuron in one sample: 0 for a regular
        train, 1 for a long Poisson train. It is nan for a neuron with fewer than 3 spikes. This is
        ``elephant.statistics.cv(isi(train))``.
        """
        return statistics.cv_by_neuron(self)

    def cv(self) -> float:
        """Return the mean of `cv_by_neuron` over neurons and samples with at least 3 spikes; nan if there are none."""
        values = self.cv_by_neuron()
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else float("nan")

    def correlation(self, bin_size: float, pairs: int = 10_000) -> float:
        """Return the mean correlation coefficient of pairs of neurons.

        r = cov(a, b) / sqrt(var(a) var(b)) for the spike counts a and b of two neurons in the bins of `rates`, as
        in ``elephant.spike_train_correlation.correlation_coefficient``. In each sample the pairs are taken from the
        recorded neurons whose count is not the same in all bins (r is not defined for the others): all pairs, if
        there are no more than `pairs`; else this many, drawn evenly with replacement, the same in every call. The
        mean is over all those pairs of all samples; nan if there are none.

        Parameters
        ----------
        bin_size : float
            In ms, a multiple of dt.
        pairs : int
            How many pairs at most.

        Raises
        ------
        ValidationError
            If the bin is not a multiple of dt, or longer than the recording, or `pairs` is less than 1.
        """
        return statistics.correlation(self, bin_size, pairs)

    def to_pandas(self) -> DataFrame:
        """Return a row a spike, with the columns sample, neuron and time_ms.

        Raises
        ------
        BackendUnavailable
            If pandas is not installed.
        """
        from snn.recording import exchange

        return exchange.to_pandas({"": self}).drop(columns="population")


def rising(samples: np.ndarray, neurons: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Say which events of binary units are changes to 1; each unit's events are alternately to 1 and to 0.

    Parameters
    ----------
    samples, neurons : ndarray of integers (events,)
        Of the events, by sample and time.
    active : ndarray of integers (samples, units)
        The units' states after them all.
    """
    unit = samples.astype(np.int64) * active.shape[1] + neurons
    order = np.argsort(unit, kind="stable")
    later = np.searchsorted(unit[order], unit[order], side="right") - np.arange(1, len(unit) + 1)
    found = np.empty(len(unit), bool)
    found[order] = (active.ravel()[unit[order]] + later) % 2 == 1
    return found
