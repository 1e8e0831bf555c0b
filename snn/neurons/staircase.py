"""Staircase neurons: they say how large the sum of their input is, in steps, and are silent when that is said.

A staircase neuron keeps the sum u of its input, and the level S that it has said so far: the number of its events +1
less that of its events -1. Whenever the level that belongs to u is another, it emits +1 or -1 until S is that level.
So where nothing is in flight, S is a function of the sum of the input alone, not of its order or its delays, and a
network of such neurons says what a quantised artificial network computes. (After the sigma-delta networks of P.
O'Connor and M. Welling, "Sigma delta quantized networks", ICLR 2017, and the signed spikes of K. You et al.,
"SpikeZIP-TF", ICML 2024.)

Sums are integers: u is U times the quantum of the population's port (see `snn.program`), and so are the thresholds
that the functions here compare them with. What they return is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.jit import inlined
from snn.neurons.model import Lowered, Model, Values

TABLE, NEAREST, PRODUCT = range(3)
LARGEST_SUM = 2**59  # |U| is below
LARGEST_LEVEL = 2**40


@inlined
def nearest(u, step, per_step, low, high):
    """Return the level clip(floor(u / step + 1/2), low, high), of integers.

    Parameters
    ----------
    u : int
        The sum, below `LARGEST_SUM` in size.
    step : int
    per_step : float
        1 / step, rounded.
    low, high : int
        Not beyond `LARGEST_LEVEL` in size.
    """
    level = np.int64(math.floor(u * per_step + 0.5))  # up to one off, or far beyond all bounds
    twice = 2 * (u - step * level)
    level += np.int64(twice >= step) - np.int64(twice < -step)
    return min(max(level, low), high)


@inlined
def nearest_level(u, parameters, at):
    """Return the level of a neuron that rounds.

    From `at` on, `parameters` has its step where u >= 0, that where u < 0, its lowest and its highest level.
    """
    step = parameters[at] if u >= 0 else parameters[at + 1]
    return nearest(u, step, 1.0 / step, parameters[at + 2], parameters[at + 3])


@inlined
def table_level(u, parameters, at, thresholds):
    """Return the level of the last threshold that is not above u.

    Parameters
    ----------
    u : int
    parameters : ndarray of int64
        From `at` on: the thresholds, ascending, then one level more than these: the first is that below all of them.
    thresholds : int
        Their number.
    """
    low, high = 0, thresholds
    while low < high:
        middle = (low + high) >> 1
        if parameters[at + middle] <= u:
            low = middle + 1
        else:
            high = middle
    return parameters[at + thresholds + low]


@inlined
def level_of(kind, parameters, at, width, u, other):
    """Return the level that belongs to a sum.

    Parameters
    ----------
    kind : int
        TABLE, NEAREST or PRODUCT.
    parameters : ndarray of int64
        From `at` on the `width` numbers of the neuron.
    u, other : int
        The sum, and that of the second port of a product.
    """
    if kind == NEAREST:
        return nearest_level(u, parameters, at)
    if kind == TABLE:
        return table_level(u, parameters, at, (width - 1) >> 1)
    return u * other


class Levels(NamedTuple):
    """A staircase made ready for the quantum of its port.

    Attributes
    ----------
    kind : int
        TABLE, NEAREST or PRODUCT.
    parameters : ndarray of int64 (rows, width)
        Neuron i has row i modulo rows.
    """

    kind: int
    parameters: np.ndarray


@dataclass(frozen=True, eq=False)
class StaircaseModel(Model):
    """Base of the models whose networks come to rest, see `snn.Simulation.settle`."""

    fixed: ClassVar[tuple[str, ...]] = ("s",)

    def unit(self, name: str) -> str:
        """Return "1": nothing here has a unit."""
        return "1"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the one port."""
        return "u"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Refuse a time grid."""
        raise ValidationError(type(self).__name__, "engine", "grid", 'engine="exact": staircase neurons have no steps')

    def check_size(self, owner: str, size: int) -> None:
        """Refuse parameters with more rows than the population has channels or neurons."""
        rows = self._rows()
        if size % rows:
            expected = f"a number of rows that divides {size}: of neurons, or of channels"
            raise ValidationError(owner, "rows of parameters", rows, expected)

    def _rows(self) -> int:
        return 1

    def levels_for(self, owner: str, quantum: float) -> Levels:
        """Return what the engine needs, for sums in multiples of `quantum`."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Quantizer(StaircaseModel):
    """Staircase neuron that rounds the sum u of its input to the nearest multiple of a step.

    At rest it has said

        S = clip(floor(f(u) / step + 1/2), low, high),    f(u) = u for u >= 0, negative_slope * u below.

    With ``low=0`` it is a quantised ReLU, with ``low=0, high=K`` one with K levels (a clipped one, as ReLU6), with
    ``negative_slope`` a leaky one. The initial value ``u`` is a bias.

    Parameters
    ----------
    step : float or ndarray (rows,)
        What one event stands for, above 0. In an array neuron i has row i modulo rows, so that in a population of the
        shape (height, width, channels) there may be one for each channel.
    low, high : int or None
        Bounds of S; None for none.
    negative_slope : float or ndarray (rows,)
        At least 0.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.

    Notes
    -----
    `step` and ``step / negative_slope`` are rounded to the nearest multiple of the port's quantum, which is at most
    2^-30 of its largest weight; the level is then exact, by integer arithmetic.
    """

    step: Any = 1.0
    low: int | None = None
    high: int | None = None
    negative_slope: Any = 1.0

    def __post_init__(self):
        super().__post_init__()
        owner = "Quantizer"
        for name in ("step", "negative_slope"):
            value = checks.array(owner, name, getattr(self, name))
            if value.ndim > 1 or value.size == 0:
                raise ValidationError(owner, name, f"array of shape {value.shape}", "a number, or shape (rows,)")
            checks.parameter(owner, name, np.atleast_1d(value), minimum=0.0, exclusive=name == "step")
            object.__setattr__(self, name, value)
        if self.step.ndim and self.negative_slope.ndim and self.step.shape != self.negative_slope.shape:
            given, expected = f"array of shape {self.negative_slope.shape}", f"shape {self.step.shape}, that of step"
            raise ValidationError(owner, "negative_slope", given, expected)
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                checks.integer(owner, name, getattr(self, name), minimum=-LARGEST_LEVEL)
        low, high = self.bounds
        if not low <= high <= LARGEST_LEVEL:
            raise ValidationError(owner, "(low, high)", (self.low, self.high), "low <= high, or None")

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest level."""
        low = -LARGEST_LEVEL if self.low is None else int(self.low)
        return low, LARGEST_LEVEL if self.high is None else int(self.high)

    def _rows(self) -> int:
        return max(self.step.size, self.negative_slope.size)

    def levels_for(self, owner: str, quantum: float) -> Levels:
        """Return what the engine needs, for sums in multiples of `quantum`."""
        steps = np.rint(np.broadcast_to(self.step / quantum, self._rows()))
        if steps.min() < 1 or steps.max() > LARGEST_SUM:
            wrong = float(self.step.min() if steps.min() < 1 else self.step.max())
            expected = f"{quantum:.3g} (the quantum of the largest weight to it) to {quantum * LARGEST_SUM:.3g}"
            raise ValidationError(owner, "step", wrong, expected)
        with np.errstate(divide="ignore"):
            below = np.clip(np.rint(self.step / quantum / self.negative_slope), 1, 2 * LARGEST_SUM)
        columns = np.broadcast_arrays(steps, below, *self.bounds)
        return Levels(NEAREST, np.stack(columns, axis=1).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Staircase(StaircaseModel):
    """Staircase neuron of any step function, given by thresholds.

    At rest it has said the level of the last threshold that is not above u, the sum of its input: ``levels[k]`` for
    ``thresholds[k] <= u < thresholds[k + 1]``, and ``below`` where u is below all of them. Levels may rise and fall.
    The initial value ``u`` is a bias. Without thresholds and with ``below=0`` it never says anything: its sum is there
    to be read.

    Parameters
    ----------
    thresholds : array (k,) or (rows, k)
        Ascending; infinity for none. With rows, neuron i has row i modulo rows, so that in a population of the shape
        (height, width, channels) there may be a row for each channel.
    levels : array of int, of the same shape, optional
        The level from each threshold on; below + 1, below + 2 and so on by default.
    below : int
        The level below the first threshold.

    Raises
    ------
    ValidationError
        If thresholds do not ascend, or levels are not integers.

    Examples
    --------
    >>> import math, snn
    >>> snn.Staircase.of(math.tanh, step=0.5, between=(-4.0, 4.0)).levels
    array([-1,  0,  1,  2])
    """

    thresholds: Any
    levels: Any = None
    below: int = 0

    def __post_init__(self):
        super().__post_init__()
        owner = "Staircase"
        below = checks.integer(owner, "below", self.below, minimum=-LARGEST_LEVEL)
        finite = checks.array(owner, "thresholds", np.where(np.isposinf(self.thresholds), 0.0, self.thresholds))
        thresholds = np.where(np.isposinf(self.thresholds), np.inf, finite)
        if thresholds.ndim not in (1, 2) or thresholds.shape[0] == 0 < thresholds.ndim - 1:
            raise ValidationError(owner, "thresholds", f"array of shape {thresholds.shape}", "shape (k,) or (rows, k)")
        falls = thresholds[..., 1:] < thresholds[..., :-1]
        if falls.any():
            where = tuple(int(i) for i in np.argwhere(falls)[0])
            value = float(thresholds[..., 1:][where])
            raise ValidationError(owner, f"thresholds[{where[-1] + 1}]", value, "thresholds in ascending order")
        levels = np.broadcast_to(below + 1 + np.arange(thresholds.shape[-1]), thresholds.shape)
        if self.levels is not None:
            levels = np.asarray(self.levels)
            if levels.shape != thresholds.shape or (levels.size and levels.dtype.kind not in "iu"):
                given = f"{levels.dtype} array of shape {levels.shape}"
                raise ValidationError(owner, "levels", given, f"integers, shape {thresholds.shape}")
        if max(below, *map(abs, (int(levels.min(initial=0)), int(levels.max(initial=0))))) > LARGEST_LEVEL:
            raise ValidationError(owner, "levels", levels, f"levels up to {LARGEST_LEVEL} in size")
        object.__setattr__(self, "thresholds", thresholds)
        object.__setattr__(self, "levels", levels.astype(np.int64))

    @classmethod
    def of(
        cls, function: Callable[[float], float], step: Any, between: tuple[float, float], *, samples: int = 1024
    ) -> Staircase:
        """Return the staircase of ``floor(function(u) / step + 1/2)``.

        Parameters
        ----------
        function : callable
            Of one number, such as ``math.tanh``.
        step : float or array (rows,)
            What one event stands for, above 0; with an array there is a row of thresholds for each.
        between : (float, float)
            The range of u; outside, the level is that at the nearer end.
        samples : int
            Into how many parts the range is cut. Within each the function is taken to rise or fall only, and a part at
            whose ends the levels are equal to have one level. A function that rises or falls throughout needs one.

        Returns
        -------
        Staircase
            Each threshold is the very float from which on the level is another.

        Raises
        ------
        ValidationError
            If the function's value is not a finite number.
        """
        owner = "Staircase.of"
        low, high = checks.array(owner, "between", between, (2,)).tolist()
        if low >= high:
            raise ValidationError(owner, "between", between, "two numbers, the second one larger")
        parts = checks.integer(owner, "samples", samples, minimum=1)
        steps = np.atleast_1d(checks.array(owner, "step", step))
        checks.parameter(owner, "step", steps, minimum=0.0, exclusive=True)
        found = [list(_changes(function, one, np.linspace(low, high, parts + 1).tolist())) for one in steps.tolist()]
        belows = [_level(function, one, low) for one in steps.tolist()]
        # Rows may begin at different levels: each row starts, below any u there is, from the lowest of them all.
        rows = [[(-np.finfo(float).max, below), *row] for below, row in zip(belows, found, strict=True)]
        if len(set(belows)) == 1:
            rows = found
        width = max(map(len, rows))
        thresholds = np.full((len(rows), width), np.inf)
        levels = np.zeros((len(rows), width), np.int64)
        for i, row in enumerate(rows):
            for k, (threshold, level) in enumerate(row):
                thresholds[i, k], levels[i, k] = threshold, level
        if np.ndim(step) == 0:
            thresholds, levels = thresholds[0], levels[0]
        return cls(thresholds, levels, min(belows))

    def _rows(self) -> int:
        return 1 if self.thresholds.ndim == 1 else len(self.thresholds)

    def levels_for(self, owner: str, quantum: float) -> Levels:
        """Return what the engine needs, for sums in multiples of `quantum`."""
        with np.errstate(over="ignore"):
            thresholds = np.atleast_2d(np.clip(np.ceil(self.thresholds / quantum), -LARGEST_SUM, LARGEST_SUM))
        levels = np.atleast_2d(self.levels)
        below = np.full((len(levels), 1), self.below)
        return Levels(TABLE, np.concatenate([thresholds.astype(np.int64), below, levels], axis=1))


def _level(function: Callable[[float], float], step: float, u: float) -> int:
    value = float(function(u))
    if not math.isfinite(value):
        raise ValidationError("Staircase.of", f"function({u!r})", value, "a finite number")
    return math.floor(value / step + 0.5)


def _changes(function: Callable[[float], float], step: float, ends: list[float]) -> Iterator[tuple[float, int]]:
    """Yield every float from which on the level is another, and that level, by bisection between two ends each."""
    levels = [_level(function, step, end) for end in ends]
    parts = list(zip(ends, levels, ends[1:], levels[1:], strict=False))[::-1]
    while parts:
        start, before, stop, after = parts.pop()
        middle = start + (stop - start) / 2
        if before == after:
            continue
        if not start < middle < stop:
            yield stop, after
            continue
        level = _level(function, step, middle)
        parts += [(middle, level, stop, after), (start, before, middle, level)]
