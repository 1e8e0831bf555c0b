"""What a simulation has recorded: spikes and traces, in memory and as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from snn.errors import ResourceError, ValidationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SONATA_MAGIC = 0x0A7A


@dataclass(frozen=True, eq=False)
class SpikeRecord:
    """Spikes of one population, sorted by sample, then time, then neuron.

    Attributes
    ----------
    samples : ndarray of int32 (spikes,)
        Number of the sample, within the batch.
    steps : ndarray of int64 (spikes,)
        A spike's time in steps of dt.
    neurons : ndarray of int32 (spikes,)
        Its neuron.
    shape : tuple of int
        Shape of the population.
    batch : int
        Samples simulated.
    dt, start, stop : float
        Step, begin and end of the recording in ms.
    """

    samples: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray
    shape: tuple[int, ...]
    batch: int
    dt: float
    start: float
    stop: float

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def times(self) -> np.ndarray:
        """Spike times in ms, float64 (spikes,)."""
        return self.steps * self.dt

    def counts(self) -> np.ndarray:
        """Return the number of spikes of every neuron, int64 (batch, neurons)."""
        size = int(np.prod(self.shape))
        flat = self.samples.astype(np.int64) * size + self.neurons
        return np.bincount(flat, minlength=self.batch * size).reshape(self.batch, size)

    def rate(self) -> float:
        """Return the mean rate of a neuron in Hz."""
        seconds = (self.stop - self.start) / 1000.0
        return len(self) / (self.batch * int(np.prod(self.shape)) * seconds) if seconds else 0.0

    def train(self, neuron: int, sample: int = 0) -> np.ndarray:
        """Return the spike times of one neuron in ms."""
        return self.times[(self.neurons == neuron) & (self.samples == sample)]


@dataclass(frozen=True, eq=False)
class Trace:
    """A recorded state variable.

    Attributes
    ----------
    population, variable : str
    first : int
        Number of the first neuron recorded.
    times : ndarray of float64 (times,)
        In ms.
    values : ndarray of float64 (batch, times, neurons)
    """

    population: str
    variable: str
    first: int
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and traces of a stretch of simulated time.

    Attributes
    ----------
    spikes : dict of str to SpikeRecord
        By population; stimuli that are populations of trains are there too.
    traces : tuple of Trace
        In the order of the network's `record` calls.
    fan_out : dict of str to ndarray
        Number of synapses of every neuron.
    dt, start, stop : float
        Step, begin and end in ms.
    batch : int
        Samples simulated.
    """

    spikes: dict[str, SpikeRecord]
    traces: tuple[Trace, ...]
    fan_out: dict[str, np.ndarray]
    dt: float
    start: float
    stop: float
    batch: int

    def trace(self, population: str, variable: str = "v") -> Trace:
        """Return the first trace of a variable of a population."""
        for trace in self.traces:
            if (trace.population, trace.variable) == (population, variable):
                return trace
        known = ", ".join(f"{t.population}.{t.variable}" for t in self.traces) or "none; call Network.record first"
        raise ValidationError("Recording", "trace", f"{population}.{variable}", f"a recorded one: {known}")

    def synaptic_events(self) -> np.ndarray:
        """Return how many synapses were reached by the spikes of each sample, int64 (batch,)."""
        total = np.zeros(self.batch, np.int64)
        for name, record in self.spikes.items():
            np.add.at(total, record.samples, self.fan_out[name][record.neurons])
        return total

    def save(self, path: str | os.PathLike) -> None:
        """Write the spikes as a SONATA spike report (HDF5), readable by libsonata, for a batch of one.

        For several samples each is a population of its own, ``name/sample``. The file appears whole or not at all.

        Raises
        ------
        ResourceError
            If the file cannot be written.
        """
        path = Path(path)
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            os.close(handle)
        except OSError as error:
            raise ResourceError(f"cannot write {path}: {error.strerror}") from None
        try:
            with h5py.File(temporary, "w") as file:
                file.attrs.create("magic", _SONATA_MAGIC, dtype=np.uint32)
                file.attrs.create("version", [0, 1], dtype=np.uint32)
                for name, record in self.spikes.items():
                    for sample in range(self.batch):
                        label = name if self.batch == 1 else f"{name}_{sample}"
                        _write_spikes(file.create_group(f"spikes/{label}"), record, sample)
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            Path(temporary).replace(path)
        except OSError as error:
            raise ResourceError(f"cannot write {path}: {error}") from None
        finally:
            Path(temporary).unlink(missing_ok=True)

    def plot_raster(self, *populations: str, sample: int = 0, axes: Axes | None = None) -> Axes:
        """Draw a dot for every spike of a sample, one population above the other; returns the axes."""
        from snn.plotting import raster

        return raster(self, populations or tuple(self.spikes), sample, axes)

    def plot_trace(self, population: str, variable: str = "v", sample: int = 0, axes: Axes | None = None) -> Axes:
        """Draw a recorded variable over time; returns the axes."""
        from snn.plotting import trace

        return trace(self.trace(population, variable), sample, axes)


def _write_spikes(group: h5py.Group, record: SpikeRecord, sample: int) -> None:
    mine = record.samples == sample
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    group.attrs.create("sorting", 2, dtype=sorting)
    times = group.create_dataset("timestamps", data=record.times[mine], fletcher32=bool(mine.any()))
    times.attrs["units"] = "ms"
    group.create_dataset("node_ids", data=record.neurons[mine].astype(np.uint64), fletcher32=bool(mine.any()))


def join(parts: Iterable[Recording]) -> Recording:
    """Put recordings of stretches that follow one another together."""
    parts = list(parts)
    first, last = parts[0], parts[-1]
    spikes = {}
    for name, record in first.spikes.items():
        samples, steps, neurons = (
            np.concatenate([getattr(part.spikes[name], column) for part in parts])
            for column in ("samples", "steps", "neurons")
        )
        if first.batch > 1 and len(parts) > 1:
            order = np.argsort(samples, kind="stable")
            samples, steps, neurons = samples[order], steps[order], neurons[order]
        spikes[name] = SpikeRecord(samples, steps, neurons, record.shape, first.batch, first.dt, first.start, last.stop)
    traces = tuple(
        Trace(
            same[0].population,
            same[0].variable,
            same[0].first,
            np.concatenate([trace.times for trace in same]),
            np.concatenate([trace.values for trace in same], axis=1),
        )
        for same in zip(*(part.traces for part in parts), strict=True)
    )
    return Recording(spikes, traces, first.fan_out, first.dt, first.start, last.stop, first.batch)
