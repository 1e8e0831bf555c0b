"""Lowering of projections: weights to integers, lists of synapses to rows, patterns to their geometry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from snn import checks
from snn.connectivity import Conv2d, Dense, Listed, MaxPool2d, OneToOne, SumPool2d
from snn.jit import compiled
from snn.network import Projection
from snn.random import Distribution

LARGEST = 30  # weights are integers of at most 2^30


def quantum_of(largest: float) -> float:
    """Return the power of two whose multiples stand for weights up to `largest` in size.

    It is 2^(e - 30) with 2^e the first power of two not below `largest`, so rounding costs a weight at most
    2^-30 of the largest one. A port without weights has the quantum 1.
    """
    if largest == 0:
        return 1.0
    mantissa, exponent = math.frexp(largest)
    return math.ldexp(1.0, exponent - (mantissa == 0.5) - LARGEST)


def to_integers(weights: ArrayLike, quantum: float) -> np.ndarray:
    """Return the nearest int32 multiples of the quantum."""
    return np.rint(np.asarray(weights, np.float64) / quantum).astype(np.int32)


def weights_of(projection: Projection, edges: int, seed: int, stream: int) -> np.ndarray:
    """Return the projection's weights as float64: a number for pools, else an array in the rule's order."""
    own = getattr(projection.rule, "weights", None)
    if own is not None:
        return own if projection.whole else own.ravel()
    if isinstance(projection.weight, Distribution):
        return projection.weight.sample(edges, seed, stream)
    if isinstance(projection.rule, SumPool2d | MaxPool2d):
        return np.float64(projection.weight)  # pyright: ignore[reportReturnType]
    return np.broadcast_to(np.asarray(projection.weight, np.float64), edges)


def delays_of(projection: Projection, edges: int, dt: float, seed: int, stream: int) -> np.ndarray:
    """Return the delay in steps: one number, or one a synapse."""
    from_stimulus = not hasattr(projection.source, "model")
    least = 0 if from_stimulus else 1
    if projection.delay is None:
        return np.array(least, np.int64)
    if isinstance(projection.delay, Distribution):
        drawn = projection.delay.sample(edges, seed, stream)
        return np.maximum(np.rint(drawn / dt), least).astype(np.int64)
    return checks.steps(f"connect {projection.name}", "delay", projection.delay, dt, minimum=least)


def geometry(rule: object, source: tuple[int, ...], target: tuple[int, ...]) -> list[int]:
    """Return what a delivery kernel must know about a pattern.

    Height, width and channels of source and target, then size, stride and padding of the window; for a dense
    projection the number of targets; else nothing. Twelve numbers.
    """
    if isinstance(rule, Conv2d | SumPool2d | MaxPool2d):
        return [*source, *target, *rule.size, *rule.stride, *rule.padding]
    if isinstance(rule, Dense):
        return [target[0] if len(target) == 1 else math.prod(target), *([0] * 11)]
    return [0] * 12


def pattern_weights(rule: object, integers: np.ndarray) -> np.ndarray:
    """Return a pattern's integer weights in the order in which a spike of one source needs them."""
    if isinstance(rule, Dense):
        return integers.T.ravel()
    if isinstance(rule, Conv2d):
        return integers.transpose(2, 0, 1, 3).ravel()
    return integers.ravel()


@compiled
def _fill_rows(
    sources, targets, weights, delay_index, slots, bounds, n_sources, n_delays, rows, out_slots, out_weights
):
    slices = len(bounds) - 1
    slice_of = np.empty(bounds[slices], np.int64)
    for s in range(slices):
        slice_of[bounds[s] : bounds[s + 1]] = s
    for e in range(len(sources)):
        d = delay_index[e if len(delay_index) > 1 else 0]
        rows[(slice_of[targets[e]] * n_delays + d) * n_sources + sources[e] + 1] += 1
    for i in range(len(rows) - 1):
        rows[i + 1] += rows[i]
    place = rows[:-1].copy()
    for e in range(len(sources)):
        d = delay_index[e if len(delay_index) > 1 else 0]
        i = (slice_of[targets[e]] * n_delays + d) * n_sources + sources[e]
        out_slots[place[i]] = slots[e if len(slots) > 1 else 0] + targets[e]
        out_weights[place[i]] = weights[e]
        place[i] += 1


def rows_of(
    sources: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    delays: np.ndarray,
    slots: np.ndarray,
    bounds: np.ndarray,
    n_sources: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sort synapses by slice of the target, delay and source.

    Parameters
    ----------
    sources, targets : ndarray of int64 (synapses,)
    weights : ndarray of int32 (synapses,)
    delays : ndarray of int64 () or (synapses,)
        In steps.
    slots : ndarray of int64 (1,) or (synapses,)
        What to add to a target to get its slot.
    bounds : ndarray of int64 (slices + 1,)
        Where the target's slices begin, and its size.
    n_sources : int

    Returns
    -------
    rows, targets, weights, delays : ndarray
        As in `snn.program.tables.Synapses`; the different delays, ascending.
    """
    different, index = np.unique(np.atleast_1d(delays), return_inverse=True)
    rows = np.zeros((len(bounds) - 1) * len(different) * n_sources + 1, np.int64)
    out_targets, out_weights = np.empty(len(sources), np.int32), np.empty(len(sources), np.int32)
    _fill_rows(
        sources,
        targets,
        weights,
        index.ravel(),
        slots,
        bounds,
        n_sources,
        len(different),
        rows,
        out_targets,
        out_weights,
    )
    return rows, out_targets, out_weights, different


def edges_of(projection: Projection, seed: int, stream: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return source and target of every synapse, or None for a pattern that has no list."""
    p, rule = projection, projection.rule
    if isinstance(rule, Listed):
        sources, targets = rule.edges(p.source_size, p.target_size, seed, stream, p.same)
    elif isinstance(rule, OneToOne) and not p.whole:
        sources = targets = np.arange(p.target_size)
    elif isinstance(rule, Dense) and not p.whole:
        targets, sources = (index.ravel() for index in np.indices(rule.weights.shape))
    else:
        return None
    return sources + p.source_start, targets + p.target_start


def fan_out(projection: Projection, edges: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Return the number of synapses of each source, int64 (sources,)."""
    if edges is not None:
        return np.bincount(edges[0], minlength=projection.source.size).astype(np.int64)
    if isinstance(projection.rule, OneToOne):
        return np.ones(projection.source.size, np.int64)
    return projection.rule.fan_out(projection.source.shape)  # pyright: ignore
