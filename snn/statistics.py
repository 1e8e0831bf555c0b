"""Statistics of spike trains; defined where they are public, at `snn.recording.SpikeRecord`.

For others there is Elephant (Denker et al., "Collaborative HPC-enabled workflows on the HBP Collaboratory using the
Elephant framework", 2018), which takes what `snn.Recording.to_neo` returns.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.random import uniforms

if TYPE_CHECKING:
    from scipy import sparse

    from snn.recording import SpikeRecord

_PAIR_SEED = 0  # the pairs of neurons are drawn once and for all
_PAIR_STREAM = 0


def rates(record: SpikeRecord, bin_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the bins in ms and the mean rates in Hz, (batch, bins)."""
    width, bins = _bins(record, bin_size)
    at, inside = _binned(record, width, bins)
    counts = np.bincount(record.samples[inside] * np.int64(bins) + at, minlength=record.batch * bins)
    neuron_seconds = len(record.recorded) * width * _unit(record) / 1000.0
    times = record.start + (np.arange(bins) + 0.5) * (width * _unit(record))
    if not neuron_seconds:
        return times, np.full((record.batch, bins), np.nan)
    return times, counts.reshape(record.batch, bins) / neuron_seconds


def intervals(record: SpikeRecord) -> tuple[np.ndarray, np.ndarray]:
    """Return the inter-spike intervals in units of dt, and whose they are: sample * neurons recorded + row."""
    who = record.samples.astype(np.int64) * len(record.recorded) + record.rows
    order = np.argsort(who, kind="stable")  # in time, as the spikes of a sample are
    who, steps = who[order], record.steps[order]
    same = who[1:] == who[:-1]
    lengths = np.diff(steps)
    if record.offsets is not None:
        lengths = lengths + np.diff(record.offsets[order]) / record.dt
    return lengths[same], who[1:][same]


def cv_by_neuron(record: SpikeRecord) -> np.ndarray:
    """Return the coefficients of variation of inter-spike intervals, (batch, neurons)."""
    lengths, who = intervals(record)
    shape = record.batch, len(record.recorded)
    number = np.bincount(who, minlength=shape[0] * shape[1])
    some = np.maximum(number, 1)
    mean = np.bincount(who, lengths, len(number)) / some
    variance = np.bincount(who, (lengths - mean[who]) ** 2, len(number)) / some
    return np.where(number >= 2, np.sqrt(variance) / np.where(number, mean, 1.0), np.nan).reshape(shape)


def correlation(record: SpikeRecord, bin_size: float, pairs: int) -> float:
    """Return the mean correlation coefficient of pairs of neurons."""
    from scipy.sparse import csr_array

    pairs = checks.integer("correlation", "pairs", pairs, minimum=1)
    width, bins = _bins(record, bin_size)
    at, inside = _binned(record, width, bins)
    samples, rows = record.samples[inside], record.rows[inside]
    ends = np.searchsorted(samples, np.arange(record.batch + 1))
    found = []
    for begin, end in itertools.pairwise(ends):
        place = rows[begin:end], at[begin:end]
        counts = csr_array((np.ones(end - begin, np.int64), place), shape=(len(record.recorded), bins))
        found.append(_correlations(counts, pairs))
    together = np.concatenate(found)
    return float(together.mean()) if len(together) else float("nan")


def _correlations(counts: sparse.csr_array, most: int) -> np.ndarray:
    """Return the coefficients of pairs of rows; sums are integers, so that equal rows have exactly 1."""
    bins = counts.shape[1]  # pyright: ignore[reportOptionalSubscript]
    total = counts.sum(axis=1)
    spread = bins * counts.multiply(counts).sum(axis=1) - total**2
    varying = np.flatnonzero(spread)
    a, b = _pairs(len(varying), most)
    a, b = varying[a], varying[b]
    together = counts[a].multiply(counts[b]).sum(axis=1)
    return (bins * together - total[a] * total[b]) / np.sqrt(spread[a].astype(np.float64) * spread[b])


def _pairs(count: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of different numbers below `count`: all, or `most` drawn evenly."""
    if count * (count - 1) // 2 <= most:
        return np.triu_indices(count, 1)
    a = (uniforms(_PAIR_SEED, _PAIR_STREAM, most, 0) * count).astype(np.int64)
    b = (uniforms(_PAIR_SEED, _PAIR_STREAM, most, 1) * (count - 1)).astype(np.int64)
    return a, b + (b >= a)


def _unit(record: SpikeRecord) -> float:
    """Return the ms that the width of a bin counts in: a step, or without a grid a ms."""
    return record.dt if record.offsets is None else 1.0


def _bins(record: SpikeRecord, bin_size: float) -> tuple[float, int]:
    """Return a bin's width in units, and how many fit into the recording."""
    if record.offsets is None:
        width = int(checks.steps("SpikeRecord", "bin_size", bin_size, record.dt, minimum=1))
        bins = round((record.stop - record.start) / record.dt) // width
    else:
        width = checks.number("SpikeRecord", "bin_size", bin_size, minimum=0.0, exclusive=True, unit="ms")
        bins = int((record.stop - record.start) / width * (1 + 1e-12))
    if not bins:
        expected = f"at most the {record.stop - record.start:g} ms recorded"
        raise ValidationError("SpikeRecord", "bin_size", bin_size, expected)
    return width, bins


def _binned(record: SpikeRecord, width: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bin of each spike that lies in one, and which spikes do."""
    if record.offsets is None:
        at = (record.steps - round(record.start / record.dt) - 1) // width
    else:
        at = np.maximum(np.ceil((record.times - record.start) / width).astype(np.int64) - 1, 0)
    inside = at < bins
    return at[inside], inside
