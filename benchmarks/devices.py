"""What benchmarks of graphics cards have in common: options, and comparison with what the CPU said, here or elsewhere.

No file beside this one may be called cuda.py: numba-cuda would take it for a package of NVIDIA's.
"""

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import snn


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which devices are compared, and with what."""
    parser.add_argument("--threads", type=int, default=8, help="of the CPU")
    parser.add_argument("--devices", nargs="+", default=["cpu", "cuda"])
    parser.add_argument("--against", help="lines of a run on the CPU, which is to have said the same")


def known_lines(options: argparse.Namespace) -> list[dict]:
    """Return the lines to compare with."""
    return [json.loads(line) for line in Path(options.against).read_text().splitlines()] if options.against else []


def compare(case: dict, found: dict[str, dict], known: list[dict], digest: str) -> dict:
    """Return the line of a case: whether all devices, and the CPU in known lines, have the same digest.

    It is None where there is nothing to compare.
    """
    digests = [one[digest] for one in found.values()]
    digests += [line["cpu"][digest] for line in known if case.items() <= line.items()]
    return case | found | {"equal": len(set(digests)) == 1 if len(digests) > 1 else None}


def checksum_of(value: Any) -> str:
    """Return a hash of all arrays, numbers and words in tuples, dictionaries and dataclasses."""
    digest = hashlib.sha256()

    def take(value: Any) -> None:
        if dataclasses.is_dataclass(value):
            value = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
        if isinstance(value, dict):
            value = tuple(value.items())
        if isinstance(value, tuple | list):
            for one in value:
                take(one)
        elif isinstance(value, np.ndarray):
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(repr(value).encode())

    take(value)
    return digest.hexdigest()


_COLUMNS = "sample", "window", "offset", "population", "neuron"


def _rows(recording: snn.Recording) -> list[tuple]:
    """Return all spikes as rows, sample after sample in the order of time, population and neuron."""
    rows = []
    for number, record in enumerate(recording.spikes.values()):
        offsets = np.zeros(len(record)) if record.offsets is None else record.offsets
        numbers = np.full(len(record), number)
        columns = record.samples, record.steps, offsets, numbers, record.neurons
        rows += zip(*(column.tolist() for column in columns), strict=True)
    return sorted(rows)


def difference(recordings: dict[str, snn.Recording]) -> dict:
    """Return how many spikes of each of two devices the other has not, and the first place where they part.

    Offsets are told to the last bit (`float.fromhex` reads them).
    """
    names = list(next(iter(recordings.values())).spikes)
    rows = {device: _rows(recording) for device, recording in recordings.items()}
    (one, mine), (other, theirs) = rows.items()
    shorter = min(len(mine), len(theirs))
    place = next((i for i in range(shorter) if mine[i] != theirs[i]), shorter)

    def told(row: tuple) -> dict:
        named = dict(zip(_COLUMNS, row, strict=True))
        return named | {"offset": named["offset"].hex(), "population": names[named["population"]]}

    first = {device: told(found[place]) for device, found in rows.items() if place < len(found)}
    return {
        "only_there": {one: len(set(mine) - set(theirs)), other: len(set(theirs) - set(mine))},
        "same_before": place,
        "first": first,
    }


def tell(line: dict, benchmark: str) -> bool:
    """Print a line; returns whether nothing in it was unequal."""
    print(json.dumps({"benchmark": benchmark, **line}), flush=True)
    return line["equal"] is not False
