"""Checks of arguments, each ending in a `ValidationError` that names the argument, its value and what would do.

They return plain numbers in the project's units, whether a plain number or a quantity was given (see `snn.units`); by
default an argument has no unit, and a quantity is refused.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from snn import units
from snn.errors import ValidationError
from snn.random import Distribution, Uniform

_STEP_TOLERANCE = 1e-9
_MOST_STEPS = 2**53  # beyond it not every number of steps is a float


def number(
    owner: str, name: str, value: Any, *, minimum: float = -math.inf, exclusive: bool = False, unit: str = "1"
) -> float:
    """Return `value` as a finite float not below `minimum` (above it, if `exclusive`)."""
    expected = "a finite number" + (f" {'>' if exclusive else '>='} {minimum:g}" if minimum > -math.inf else "")
    given, value = value, units.plain(owner, name, value, unit)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValidationError(owner, name, given, expected)
    result = float(value)
    if not math.isfinite(result) or result < minimum or (exclusive and result <= minimum):
        raise ValidationError(owner, name, given, expected)
    return result


def end(owner: str, name: str, value: Any, start: float) -> float:
    """Return the end, in ms, of what begins at `start`: a time not before it, or infinity."""
    plain = units.plain(owner, name, value, "ms")
    if not isinstance(plain, numbers.Real) or isinstance(plain, bool) or not float(plain) >= start:
        raise ValidationError(owner, name, value, f"a time in ms not before {start:g}, or infinity")
    return float(plain)


def integer(owner: str, name: str, value: object, *, minimum: int) -> int:
    """Return `value` as an int not below `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < minimum:
        raise ValidationError(owner, name, value, f"an integer >= {minimum}")
    return int(value)


def seed(owner: str, value: object) -> int:
    """Return a seed of random numbers, 0 .. 2^32 - 1."""
    result = integer(owner, "seed", value, minimum=0)
    if result >= 2**32:
        raise ValidationError(owner, "seed", value, "an integer from 0 to 2^32 - 1")
    return result


def array(owner: str, name: str, value: Any, shape: tuple[int, ...] | None = None, *, unit: str = "1") -> np.ndarray:
    """Return `value` as a float64 array of finite numbers, of the given shape if one is given."""
    value = units.plain(owner, name, value, unit)
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biuf":
            raise TypeError
        result = np.array(given, np.float64, order="C")
    except (TypeError, ValueError):
        raise ValidationError(owner, name, value, "an array of numbers") from None
    if shape is not None and result.shape != shape:
        raise ValidationError(owner, name, f"array of shape {result.shape}", f"an array of shape {shape}")
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValidationError(owner, f"{name}{list(where) or ''}", float(result[where]), "finite numbers only")
    return result


def weights(owner: str, name: str, value: Any) -> tuple[np.ndarray, str | None]:
    """Return an array of weights, and the unit that it came in: None for plain numbers."""
    plain, unit = units.plain_weights(owner, name, value)
    return array(owner, name, plain), unit


def plain(owner: str, name: str, value: Any, unit: str) -> Any:
    """Return a quantity, or a distribution of quantities, without its unit, and everything else as it is."""
    if isinstance(value, Distribution):
        bare = {f.name: units.plain(owner, f"{name}.{f.name}", getattr(value, f.name), unit) for f in fields(value)}
        return replace(value, **bare)
    return units.plain(owner, name, value, unit)


def parameter(
    owner: str, name: str, value: Any, *, minimum: float = -math.inf, exclusive: bool = False, unit: str = "1"
) -> float | np.ndarray | Distribution:
    """Return a model's parameter: a number, an array with an element a neuron, or a distribution."""
    value = plain(owner, name, value, unit)
    if isinstance(value, Uniform):
        number(owner, f"{name}.low", value.low, minimum=minimum)
    if isinstance(value, Distribution):
        return value
    if not isinstance(value, list | tuple) and np.ndim(value) == 0:
        return number(owner, name, value, minimum=minimum, exclusive=exclusive)
    result = array(owner, name, value)
    bad = result <= minimum if exclusive else result < minimum
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        sign = ">" if exclusive else ">="
        raise ValidationError(owner, f"{name}{list(where)}", float(result[where]), f"numbers {sign} {minimum:g}")
    return result


def fits(owner: str, name: str, value: object, size: int) -> None:
    """Refuse an array that does not have an element for each of `size` neurons."""
    if isinstance(value, np.ndarray | list | tuple) and np.shape(value) not in ((), (size,)):
        raise ValidationError(owner, name, f"array of shape {np.shape(value)}", f"a number or shape ({size},)")


def parameters(
    model: object,
    *,
    finite: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    positive: tuple[str, ...] = (),
) -> None:
    """Check the parameters of a model with these names, as `parameter` does."""
    owner = type(model).__name__
    for name in finite:
        parameter(owner, name, getattr(model, name))
    for name in not_negative:
        parameter(owner, name, getattr(model, name), minimum=0.0)
    for name in positive:
        parameter(owner, name, getattr(model, name), minimum=0.0, exclusive=True)


def choice(owner: str, name: str, value: object, options: tuple[str, ...]) -> None:
    """Refuse a value that is none of the options."""
    if value not in options:
        shown = [f'"{option}"' for option in options]
        raise ValidationError(owner, name, value, f"{', '.join(shown[:-1])} or {shown[-1]}")


def steps(
    owner: str, name: str, value: ArrayLike, dt: float, *, minimum: int = 0, maximum: int = _MOST_STEPS
) -> np.ndarray:
    """Return times in ms as whole numbers of steps of `dt`, or refuse them with the nearest that would do."""
    exact = np.asarray(value, np.float64) / dt
    whole = np.rint(exact)
    tolerance = _STEP_TOLERANCE + 4 * np.finfo(np.float64).eps * np.abs(exact)
    bad = ~(np.abs(exact - whole) <= tolerance) | (whole < minimum) | (whole > maximum)
    if bad.any():
        wrong = np.atleast_1d(np.asarray(value, np.float64))[np.atleast_1d(bad)][0]
        nearest = min(maximum, max(minimum, round(wrong / dt))) * dt if np.isfinite(wrong / dt) else minimum * dt
        least = f", at least {minimum * dt:g}" if minimum else ", not negative"
        least += f", at most {maximum * dt:g}" if wrong > maximum * dt else ""
        raise ValidationError(
            owner, name, float(wrong), f"a multiple of dt = {dt:g} ms{least} (nearest: {nearest:.12g})"
        )
    return whole.astype(np.int64)
