"""Lowering of weights and delays: numbers, arrays and distributions to integers; patterns to their geometry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from snn import checks
from snn.connectivity import Conv2d, Dense, Listed, MaxPool2d, OneToOne, SumPool2d
from snn.errors import ValidationError
from snn.jit import compiled
from snn.network import Projection
from snn.program.delays import drawn_delays
from snn.program.tables import LONGEST_DELAY
from snn.random import Distribution


def quantum_of(largest: float, weight_bits: int = 32) -> float:
    """Return the power of two whose multiples stand for weights up to `largest` in size.

    It is 2^(e - weight_bits + 2) with 2^e the first power of two not below `largest`, so rounding costs a weight of 32
    bits at most 2^-30 of the largest one. A port without weights has the quantum 1.
    """
    if largest == 0:
        return 1.0
    mantissa, exponent = math.frexp(largest)
    return math.ldexp(1.0, exponent - (mantissa == 0.5) - weight_bits + 2)


def to_integers(weights: ArrayLike, quantum: float | np.ndarray) -> np.ndarray:
    """Return the nearest int32 multiples of the quantum, or of one quantum each."""
    weights = np.asarray(weights, np.float64)
    flat = np.require(weights.ravel(), requirements=["C", "W"])
    return _multiples(flat, np.atleast_1d(np.asarray(quantum, np.float64))).reshape(weights.shape)


@compiled
def _multiples(weights, quanta):
    # In one loop: arrays in between would take longer to be given memory than to be computed.
    out = np.empty(len(weights), np.int32)
    for i in range(len(weights)):
        out[i] = np.int32(np.rint(weights[i] / quanta[i if len(quanta) > 1 else 0]))
    return out


def has_list(projection: Projection) -> bool:
    """Say whether the projection's synapses are listed one by one."""
    rule = projection.rule
    pattern = projection.whole and not has_shares(projection)
    return isinstance(rule, Listed) or (isinstance(rule, OneToOne | Dense) and not pattern)


def has_shares(projection: Projection) -> bool:
    """Say whether a spike may bring another share of the projection's weights than all."""
    return projection.plasticity is not None or projection.alternating


def given_weights(projection: Projection) -> float | np.ndarray | Distribution:
    """Return the weights that the rule brings, or those of the projection."""
    own = getattr(projection.rule, "weights", None)
    return projection.weight if own is None else own


def weight_bounds(projection: Projection) -> tuple[float, float]:
    """Return two numbers that no weight is outside of."""
    weights = given_weights(projection)
    if isinstance(weights, Distribution):
        return weights.bounds
    weights = np.asarray(weights)
    return (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)


def delay_bounds(projection: Projection, dt: float) -> tuple[int, int]:
    """Return the smallest and the largest delay that can occur, in steps.

    Raises
    ------
    ValidationError
        If a delay given as a number or array is not a multiple of dt, or any is too long.
    """
    least = 1 if hasattr(projection.source, "model") else 0
    if projection.delay is None:
        return least, least
    if isinstance(projection.delay, Distribution):
        low, high = (max(round(bound / dt), least) for bound in projection.delay.bounds)
    else:
        steps = checks.steps(f"connect {projection.name}", "delay", projection.delay, dt, minimum=least)
        low, high = (int(steps.min()), int(steps.max())) if steps.size else (least, least)
    if high > LONGEST_DELAY:
        raise ValidationError(
            f"connect {projection.name}", "delay", projection.delay, f"at most {LONGEST_DELAY * dt:g} ms"
        )
    return low, high


def delays_of(projection: Projection, first: int, count: int, dt: float, seed: int, stream: int) -> np.ndarray:
    """Return the delays in steps of synapses `first` .. `first + count - 1`, int32: one number, or one a synapse."""
    if isinstance(projection.delay, Distribution):
        least = 1 if hasattr(projection.source, "model") else 0
        return drawn_delays(projection.delay, dt, least, seed, stream, first, count)
    if np.ndim(projection.delay) == 0:  # pyright: ignore[reportArgumentType]
        return np.array([delay_bounds(projection, dt)[0]], np.int32)
    return np.rint(np.asarray(projection.delay)[first : first + count] / dt).astype(np.int32)


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


def pattern_fan_out(projection: Projection) -> np.ndarray:
    """Return the number of synapses of each source of a pattern, int64 (sources,)."""
    if isinstance(projection.rule, OneToOne):
        return np.ones(projection.source.size, np.int64)
    return projection.rule.fan_out(projection.source.shape)  # pyright: ignore
