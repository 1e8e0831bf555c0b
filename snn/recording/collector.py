"""What an engine records, taken over stretch by stretch while a simulation runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.engines.contract import Spikes
from snn.network import Network
from snn.neurons import McCullochPitts
from snn.program import ExactProgram, Program
from snn.recording.recording import Recording, join
from snn.recording.spikes import SpikeRecord, rising
from snn.recording.trace import Trace


class Collector:
    """Makes recordings of what an engine has recorded.

    Parameters
    ----------
    network : Network
        As it was lowered; what is added to it later does not count.
    program : Program or ExactProgram
    engine
        See `snn.engines.contract`.
    batch : int
    counting : bool
        Whether recordings have numbers of spikes in the place of spikes.
    counted_by_engine : bool
        Whether the engine lists no spikes, but counts them.
    """

    def __init__(
        self,
        network: Network,
        program: Program | ExactProgram,
        engine: Any,
        batch: int,
        counting: bool,
        counted_by_engine: bool,
    ):
        self.program: Any = program
        self.engine, self.batch = engine, batch
        self.counting, self.counted_by_engine = counting, counted_by_engine
        self.exact = isinstance(program, ExactProgram)
        self.dt: float = self.program.window if self.exact else self.program.dt
        self.nodes: dict[str, Any] = network.populations | network.sources
        self.probes = tuple(network.probes)
        self.recorded = {name: network.recorded_neurons(name) for name in program.names}
        self.forget()

    def forget(self) -> None:
        """Begin anew, as the engine does."""
        self.parts: list[Recording] = []
        self.gathered = 0.0  # ms whose record is in the parts

    def gather(self) -> None:
        """Take over what the engine has recorded in its last span, unless that is done."""
        if self.engine.time > self.gathered:
            self.parts.append(self._record(self.gathered))
            self.gathered = self.engine.time

    def recording(self, first_part: int = 0, start: float = 0.0) -> Recording:
        """Return what has been gathered since there were so many parts, at `start` ms."""
        parts = self.parts[first_part:]
        return join(parts) if parts else self._record(start)

    def _record(self, start: float) -> Recording:
        """Return what the engine has recorded since `start`, the time when it was last asked."""
        stop = self.engine.time
        if self.counted_by_engine and stop > start:
            counted, events = self.engine.take_counts()
            for name, recorded in self.recorded.items():
                if len(recorded) < counted[name].shape[1]:
                    counted[name] = counted[name][:, recorded]
            spikes = {}
        else:
            spikes, events = self._lists(start, stop)
            counted = {name: record.counts() for name, record in spikes.items()} if self.counting else None
        if stop > start:
            traced = self.engine.take_traces()
        else:
            widths = [probe.view.stop - probe.view.start for probe in self.probes]
            traced = [(np.zeros(0), np.zeros((self.batch, 0, width))) for width in widths]
        traces = tuple(
            Trace(probe.view.population.name, probe.variable, probe.view.start, probe.every, times, values)
            for probe, (times, values) in zip(self.probes, traced, strict=True)
        )
        spikes = {} if self.counting else spikes
        return Recording(spikes, traces, events, self.program.fan_out, self.dt, start, stop, self.batch, counted)

    def _lists(self, start: float, stop: float) -> tuple[dict[str, SpikeRecord], np.ndarray]:
        """Return the spikes since `start` and the synapses that those of each sample reach."""
        taken = self.engine.take_spikes() if stop > start else {}
        nothing = Spikes(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int32))
        if self.exact:
            nothing = nothing._replace(offsets=np.zeros(0))
        spikes, events = {}, np.zeros(self.batch, np.int64)
        for name in self.program.names:
            found = taken.get(name, nothing)
            reached = self.program.fan_out[name][found.neurons]
            events += np.bincount(found.samples, reached, self.batch).astype(np.int64)  # of all, before any are dropped
            if not self.exact and isinstance(getattr(self.nodes[name], "model", None), McCullochPitts):
                found = _chosen(found, rising(found.samples, found.neurons, self.engine.variable(name, "n")))
            size, recorded = len(self.program.fan_out[name]), self.recorded[name]
            if len(recorded) < size:
                found = _chosen(found, np.isin(np.arange(size), recorded)[found.neurons])
            spikes[name] = SpikeRecord(
                samples=found.samples,
                steps=found.steps,
                neurons=found.neurons,
                shape=self.nodes[name].shape or (),
                batch=self.batch,
                dt=self.dt,
                start=start,
                stop=stop,
                recorded=recorded,
                offsets=found.offsets,
            )
        return spikes, events


def _chosen(spikes: Spikes, kept: np.ndarray) -> Spikes:
    """Return some of the spikes."""
    columns: Any = (None if column is None else column[kept] for column in spikes)
    return Spikes(*columns)
