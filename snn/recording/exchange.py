"""Recordings as objects of Neo and pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from snn import extras

if TYPE_CHECKING:
    from neo import Block  # pyright: ignore[reportMissingImports]
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

    from snn.recording.recording import Recording
    from snn.recording.spikes import SpikeRecord


def to_pandas(spikes: Mapping[str, SpikeRecord]) -> DataFrame:
    """Return the spikes of populations as a table; see `snn.Recording.to_pandas`."""
    pandas = extras.load("pandas", "pandas")

    def column(values, dtype):
        return np.concatenate([np.zeros(0, dtype), *values])

    codes = column([np.full(len(record), i) for i, record in enumerate(spikes.values())], np.int64)
    return pandas.DataFrame(
        {
            "sample": column([record.samples for record in spikes.values()], np.int32),
            "population": pandas.Categorical.from_codes(codes, list(spikes)),
            "neuron": column([record.neurons for record in spikes.values()], np.int32),
            "time_ms": column([record.times for record in spikes.values()], np.float64),
        }
    )


def to_neo(recording: Recording) -> Block:
    """Return a recording as a Neo block; see `snn.Recording.to_neo`."""
    neo, quantities = extras.load("neo", "neuro"), extras.load("quantities", "neuro")
    block = neo.Block(name="recording")
    for sample in range(recording.batch):
        segment = neo.Segment(name=f"sample {sample}", index=sample)
        for name, record in recording.spikes.items():
            for neuron, times in zip(record.recorded.tolist(), _trains(record, sample), strict=True):
                segment.spiketrains.append(
                    neo.SpikeTrain(
                        times,
                        units="ms",
                        t_start=record.start,
                        t_stop=record.stop,
                        sampling_rate=1.0 / record.dt / quantities.ms if record.offsets is None else None,
                        name=f"{name}[{neuron}]",
                        population=name,
                        neuron=neuron,
                    )
                )
        for trace in recording.traces:
            segment.analogsignals.append(
                neo.AnalogSignal(
                    trace.values[sample],
                    units=trace.unit if trace.unit in ("mV", "pA", "nS") else "dimensionless",
                    t_start=(trace.times[0] if len(trace.times) else recording.start) * quantities.ms,
                    sampling_period=trace.every * quantities.ms,
                    name=f"{trace.population}.{trace.variable}",
                    array_annotations={"neuron": trace.neurons},
                    population=trace.population,
                    variable=trace.variable,
                )
            )
        block.segments.append(segment)
    return block


def _trains(record: SpikeRecord, sample: int) -> list[np.ndarray]:
    """Return the spike times of each recorded neuron in ms."""
    mine = record.samples == sample
    rows = record.rows[mine]
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(1, len(record.recorded)))
    return np.split(record.times[mine][order], ends) if len(record.recorded) else []
