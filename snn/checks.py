"""Checks of arguments, each ending in a `ValidationError` that names the argument, its value and what would do."""

from __future__ import annotations

import math
import numbers

import numpy as np
from numpy.typing import ArrayLike

from snn.errors import ValidationError
from snn.random import Distribution

_STEP_TOLERANCE = 1e-9


def number(owner: str, name: str, value: object, *, minimum: float = -math.inf, exclusive: bool = False) -> float:
    """Return `value` as a finite float not below `minimum` (above it, if `exclusive`)."""
    expected = "a finite number" + (f" {'>' if exclusive else '>='} {minimum:g}" if minimum > -math.inf else "")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValidationError(owner, name, value, expected)
    result = float(value)
    if not math.isfinite(result) or result < minimum or (exclusive and result <= minimum):
        raise ValidationError(owner, name, value, expected)
    return result


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


def array(owner: str, name: str, value: object, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return `value` as a float64 array of finite numbers, of the given shape if one is given."""
    try:
        result = np.array(value, np.float64, order="C")
    except (TypeError, ValueError):
        raise ValidationError(owner, name, value, "an array of numbers") from None
    if shape is not None and result.shape != shape:
        raise ValidationError(owner, name, f"array of shape {result.shape}", f"an array of shape {shape}")
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValidationError(owner, f"{name}{list(where)}", float(result[where]), "finite numbers only")
    return result


def parameter(
    owner: str, name: str, value: object, *, minimum: float = -math.inf, exclusive: bool = False
) -> float | np.ndarray | Distribution:
    """Return a model's parameter: a number, an array with an element a neuron, or a distribution."""
    if isinstance(value, Distribution):
        return value
    if np.ndim(value) == 0:  # pyright: ignore[reportArgumentType]
        return number(owner, name, value, minimum=minimum, exclusive=exclusive)
    result = array(owner, name, value)
    bad = result <= minimum if exclusive else result < minimum
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        sign = ">" if exclusive else ">="
        raise ValidationError(owner, f"{name}{list(where)}", float(result[where]), f"numbers {sign} {minimum:g}")
    return result


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


def steps(owner: str, name: str, value: ArrayLike, dt: float, *, minimum: int = 0) -> np.ndarray:
    """Return times in ms as whole numbers of steps of `dt`, or refuse them with the nearest that would do."""
    exact = np.asarray(value, np.float64) / dt
    whole = np.rint(exact)
    tolerance = _STEP_TOLERANCE + 4 * np.finfo(np.float64).eps * np.abs(exact)
    bad = ~(np.abs(exact - whole) <= tolerance) | (whole < minimum)
    if bad.any():
        wrong = np.atleast_1d(np.asarray(value, np.float64))[np.atleast_1d(bad)][0]
        nearest = max(minimum, round(wrong / dt)) * dt if np.isfinite(wrong) else minimum * dt
        least = f", at least {minimum * dt:g}" if minimum else ", not negative"
        raise ValidationError(
            owner, name, float(wrong), f"a multiple of dt = {dt:g} ms{least} (nearest: {nearest:.12g})"
        )
    return whole.astype(np.int64)
