"""Recordings as files: spike reports in the SONATA format, with the rest of the recording beside the spikes.

SONATA: Dai et al., PLOS Computational Biology 16, e1007696, 2020. Its readers find /spikes; /recording is ours.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from snn.errors import FileFormatError, ResourceError
from snn.files import new_file
from snn.recording.spikes import SpikeRecord
from snn.recording.trace import Trace

if TYPE_CHECKING:
    from snn.recording.recording import Recording

_MAGIC = 0x0A7A


def write(recording: Recording, path: str | os.PathLike) -> None:
    """Write a recording; see `snn.Recording.save`."""
    path = Path(path)
    try:
        with new_file(path) as disk, h5py.File(disk, "w") as file:
            file.attrs.create("magic", _MAGIC, dtype=np.uint32)
            file.attrs.create("version", [0, 1], dtype=np.uint32)
            places = _places(list(recording.spikes), recording.batch)
            for name, record in recording.spikes.items():
                for sample, place in enumerate(places[name]):
                    _write_spikes(file.create_group(f"spikes/{place}"), record, sample)
            _write_rest(file.create_group("recording"), recording)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}") from None


def read(path: str | os.PathLike) -> dict[str, Any]:
    """Return the attributes of a recording; see `snn.Recording.load`."""
    path = Path(path)
    try:
        with h5py.File(path) as file:
            return _read(file)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{path} is not a recording, or damaged: {error}") from error


def _places(names: list[str], batch: int) -> dict[str, list[str]]:
    """Return what populations and their samples are called in the file: in HDF5 no name has a "/" or is "."."""
    places, taken = {}, set()
    for name in names:
        place = "_" if name == "." else name.replace("/", "_")
        while True:
            group = [place] if batch == 1 else [f"{place}_{sample}" for sample in range(batch)]
            if taken.isdisjoint(group):
                break
            place += "_"
        places[name] = group
        taken.update(group)
    return places


def _write_spikes(group: h5py.Group, record: SpikeRecord, sample: int) -> None:
    mine = record.samples == sample
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    group.attrs.create("sorting", 2, dtype=sorting)
    _put(group, "timestamps", record.times[mine]).attrs["units"] = "ms"
    _put(group, "node_ids", record.neurons[mine].astype(np.uint64))


def _write_rest(group: h5py.Group, recording: Recording) -> None:
    group.attrs.update(dt=recording.dt, start=recording.start, stop=recording.stop, batch=recording.batch)
    _put(group, "events", recording.events)
    for i, (name, record) in enumerate(recording.spikes.items()):
        population = group.create_group(f"populations/{i}")
        population.attrs.update(name=name, shape=record.shape)
        _put(population, "recorded", record.recorded)
        _put(population, "fan_out", recording.fan_out[name])
        if record.offsets is not None:
            _put(population, "windows", record.steps)
            _put(population, "offsets", record.offsets).attrs["units"] = "ms"
    for i, trace in enumerate(recording.traces):
        traced = group.create_group(f"traces/{i}")
        traced.attrs.update(
            population=trace.population, variable=trace.variable, first=trace.first, every=trace.every, unit=trace.unit
        )
        _put(traced, "times", trace.times)
        _put(traced, "values", trace.values)


def _put(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """Write an array with a checksum, so that a flipped bit is not read as a number."""
    return group.create_dataset(name, data=values, fletcher32=values.size > 0)


def _read(file: h5py.File) -> dict[str, Any]:
    rest: Any = file["recording"]
    scalars = {name: float(rest.attrs[name]) for name in ("dt", "start", "stop")}
    batch, spikes, fan_out = int(rest.attrs["batch"]), {}, {}
    populations = {str(group.attrs["name"]): group for group in _in_order(rest, "populations")}
    places = _places(list(populations), batch)
    for name, population in populations.items():
        found: list[Any] = [file[f"spikes/{place}"] for place in places[name]]
        times, exact = [group["timestamps"][:] for group in found], "offsets" in population
        spikes[name] = SpikeRecord(
            samples=np.repeat(np.arange(batch, dtype=np.int32), [len(train) for train in times]),
            steps=population["windows"][:]
            if exact
            else np.rint(np.concatenate(times) / scalars["dt"]).astype(np.int64),
            neurons=np.concatenate([group["node_ids"][:] for group in found]).astype(np.int32),
            shape=tuple(int(size) for size in population.attrs["shape"]),
            batch=batch,
            **scalars,
            recorded=population["recorded"][:],
            offsets=population["offsets"][:] if exact else None,
        )
        fan_out[name] = population["fan_out"][:]
    traces = tuple(
        Trace(
            str(traced.attrs["population"]),
            str(traced.attrs["variable"]),
            int(traced.attrs["first"]),
            float(traced.attrs["every"]),
            traced["times"][:],
            traced["values"][:],
        )
        for traced in _in_order(rest, "traces")
    )
    events = rest["events"][:]
    return {"spikes": spikes, "traces": traces, "events": events, "fan_out": fan_out, "batch": batch, **scalars}


def _in_order(group: Any, name: str) -> list[Any]:
    """Return the numbered groups of a group, which may be absent."""
    members = group.get(name, {})
    return [members[str(i)] for i in range(len(members))]
