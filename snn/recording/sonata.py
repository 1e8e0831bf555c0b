"""Spike reports in the SONATA format (Dai et al., PLOS Computational Biology 16, e1007696, 2020)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from snn.errors import ResourceError

if TYPE_CHECKING:
    from snn.recording.recording import Recording
    from snn.recording.spikes import SpikeRecord

_MAGIC = 0x0A7A


def write(recording: Recording, path: str | os.PathLike) -> None:
    """Write the spikes of a recording; see `snn.Recording.save`."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.create("magic", _MAGIC, dtype=np.uint32)
            file.attrs.create("version", [0, 1], dtype=np.uint32)
            for name, record in recording.spikes.items():
                for sample in range(recording.batch):
                    label = name if recording.batch == 1 else f"{name}_{sample}"
                    _write_spikes(file.create_group(f"spikes/{label}"), record, sample)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _write_spikes(group: h5py.Group, record: SpikeRecord, sample: int) -> None:
    mine = record.samples == sample
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    group.attrs.create("sorting", 2, dtype=sorting)
    times = group.create_dataset("timestamps", data=record.times[mine], fletcher32=bool(mine.any()))
    times.attrs["units"] = "ms"
    group.create_dataset("node_ids", data=record.neurons[mine].astype(np.uint64), fletcher32=bool(mine.any()))
