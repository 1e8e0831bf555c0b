"""Everything a simulation has recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from snn.errors import ValidationError
from snn.recording import exchange, sonata
from snn.recording.spikes import SpikeRecord
from snn.recording.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from neo import Block  # pyright: ignore[reportMissingImports]
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and traces of a stretch of simulated time.

    Attributes
    ----------
    spikes : dict of str to SpikeRecord
        By population; stimuli that are populations of trains are there too.
    traces : tuple of Trace
        In the order of the network's `record` calls.
    events : ndarray of int64 (batch,)
        Synapses reached by the spikes of each sample, those not recorded among them.
    fan_out : dict of str to ndarray
        Number of synapses of every neuron.
    dt, start, stop : float
        Step (of the exact engine, the length of its windows), begin and end in ms.
    batch : int
        Samples simulated.
    counted : dict of str to ndarray of int64 (batch, neurons), optional
        Where spikes are counted and not listed (see `snn.Simulation`), the number of each recorded neuron; there is
        nothing in `spikes` then.
    """

    spikes: dict[str, SpikeRecord]
    traces: tuple[Trace, ...]
    events: np.ndarray
    fan_out: dict[str, np.ndarray]
    dt: float
    start: float
    stop: float
    batch: int
    counted: dict[str, np.ndarray] | None = None

    def __repr__(self) -> str:
        lines = [f"Recording: {self.start:g} to {self.stop:g} ms" + (f", {self.batch} samples" * (self.batch > 1))]
        if self.counted is not None:
            lines += [f"  {name}: {int(counts.sum()):,} spikes, counted" for name, counts in self.counted.items()]
        lines += [f"  {name}: {record!r}" for name, record in self.spikes.items()]
        return "\n".join([*lines, *(f"  {trace!r}" for trace in self.traces)])

    def counts(self, population: str) -> np.ndarray:
        """Return the number of spikes of every recorded neuron of a population, int64 (batch, neurons)."""
        names = self.spikes if self.counted is None else self.counted
        if population not in names:
            raise ValidationError("Recording", "population", population, f"one of {', '.join(names)}")
        return self.spikes[population].counts() if self.counted is None else self.counted[population]

    def trace(self, population: str, variable: str = "v") -> Trace:
        """Return the first trace of a variable of a population."""
        for trace in self.traces:
            if (trace.population, trace.variable) == (population, variable):
                return trace
        known = (
            ", ".join(f"{t.population}.{t.variable}" for t in self.traces)
            or "none; call Network.record before the Simulation is made"
        )
        raise ValidationError("Recording", "trace", f"{population}.{variable}", f"a recorded one: {known}")

    def synaptic_events(self) -> np.ndarray:
        """Return how many synapses were reached by the spikes of each sample, recorded or not, int64 (batch,)."""
        return self.events

    def save(self, path: str | os.PathLike) -> None:
        """Write the recording to an HDF5 file: a SONATA spike report, readable by libsonata, with the rest beside it.

        Each sample of several is a population of its own there, ``name_sample``, and a name such as L2/3 is L2_3. The
        file appears whole or not at all; all data carry checksums. `load` reads it back.

        Raises
        ------
        ResourceError
            If the file cannot be written.
        ValidationError
            If spikes were counted and not listed.
        """
        if self.counted is not None:
            raise ValidationError("Recording", "spikes", "counted", 'spikes="listed" of the Simulation, to save them')
        sonata.write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Recording:
        """Read what `save` has written.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        FileFormatError
            If it is something else, or damaged.
        """
        return cls(**sonata.read(path))

    def to_pandas(self) -> DataFrame:
        """Return a row a spike, with the columns sample, population (a category), neuron and time_ms.

        Raises
        ------
        BackendUnavailable
            If pandas is not installed.
        """
        return exchange.to_pandas(self.spikes)

    def to_neo(self) -> Block:
        """Return a Neo block, as Elephant takes it: a segment a sample, in it a spike train a recorded neuron.

        Spike trains carry the annotations `population` and `neuron`, and come in the order of populations, then
        neurons. A trace is an analog signal with the annotations `population` and `variable` and the array
        annotation `neuron`. Times are in ms; `t_start` and `t_stop` are those of the recording.

        Raises
        ------
        BackendUnavailable
            If Neo is not installed.
        """
        return exchange.to_neo(self)

    def plot_raster(self, *populations: str, sample: int = 0, axes: Axes | None = None) -> Axes:
        """Draw a dot for every spike of a sample, the first population uppermost.

        At most about 4,000 neurons and 100,000 spikes are drawn: where there are more, every n-th neuron of each
        population, and the title says so. A population has at least a twentieth of the height.

        Parameters
        ----------
        *populations : str
            Their names; by default all with recorded neurons.
        sample : int
        axes : matplotlib Axes, optional
            New ones by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValidationError
            If there is no such population or sample.
        """
        from snn import plotting

        return plotting.raster(self, populations, sample, axes)

    def plot_rates(self, *populations: str, bin_size: float = 10.0, sample: int = 0, axes: Axes | None = None) -> Axes:
        """Draw the mean rate of populations over time, as `SpikeRecord.rates` gives it.

        Parameters
        ----------
        *populations : str
            Their names; by default all with recorded neurons.
        bin_size : float
            In ms, a multiple of dt.
        sample : int
        axes : matplotlib Axes, optional
            New ones by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValidationError
            If there is no such population or sample, or the bin does not fit.
        """
        from snn import plotting

        return plotting.rates(self, populations, bin_size, sample, axes)

    def plot_trace(self, population: str, variable: str = "v", sample: int = 0, axes: Axes | None = None) -> Axes:
        """Draw a recorded variable over time: a line a neuron, or beyond ten thin lines and their mean.

        Parameters
        ----------
        population, variable : str
        sample : int
        axes : matplotlib Axes, optional
            New ones by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValidationError
            If it was not recorded, or there is no such sample.
        """
        from snn import plotting

        return plotting.trace(self.trace(population, variable), sample, axes)


def join(parts: Iterable[Recording]) -> Recording:
    """Put recordings of stretches that follow one another together."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    first, last = parts[0], parts[-1]
    spikes = {}
    for name, record in first.spikes.items():
        names = ["samples", "steps", "neurons", *([] if record.offsets is None else ["offsets"])]
        columns = {n: np.concatenate([getattr(part.spikes[name], n) for part in parts]) for n in names}
        if first.batch > 1:
            order = np.argsort(columns["samples"], kind="stable")
            columns = {n: column[order] for n, column in columns.items()}
        spikes[name] = replace(record, **columns, stop=last.stop)
    traces = tuple(
        replace(
            same[0],
            times=np.concatenate([trace.times for trace in same]),
            values=np.concatenate([trace.values for trace in same], axis=1),
        )
        for same in zip(*(part.traces for part in parts), strict=True)
    )
    events = np.sum([part.events for part in parts], axis=0)
    counted = None
    if first.counted is not None:
        counted = {name: np.sum([(part.counted or {})[name] for part in parts], axis=0) for name in first.counted}
    return replace(first, spikes=spikes, traces=traces, events=events, stop=last.stop, counted=counted)
