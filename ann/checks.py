"""Checks of arguments that several modules share."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from numbers import Real

from ann.errors import ValidationError

# NumPy's legacy seeding, which scikit-learn uses, takes no larger seed.
MAXIMUM_SEED = 2**32 - 1


def check_integer(argument: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int.

    Parameters
    ----------
    argument : str
        Name of the argument, for the message.
    value : object
        What the caller passed.
    minimum : int
        Smallest accepted value.
    maximum : int, optional
        Largest accepted value.

    Raises
    ------
    ValidationError
        If `value` is no integer (a bool is none) or out of range.
    """
    expected = f"an integer of at least {minimum}" + (f" and at most {maximum}" if maximum is not None else "")
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValidationError(argument, value, expected)
    number = operator.index(value)  # pyright: ignore[reportArgumentType]
    if number < minimum or (maximum is not None and number > maximum):
        raise ValidationError(argument, value, expected)
    return number


def check_seed(seed: object) -> int:
    """Return `seed` as an int in 0 ... 2**32 - 1, or raise `ValidationError`."""
    return check_integer("seed", seed, 0, MAXIMUM_SEED)


def check_number(argument: str, value: object, expected: str, accept: Callable[[float], bool]) -> float:
    """Return `value` as a float.

    Parameters
    ----------
    argument : str
        Name of the argument, for the message.
    value : object
        What the caller passed.
    expected : str
        What would do, for the message.
    accept : callable
        Tells whether a number will do; false for NaN.

    Raises
    ------
    ValidationError
        If `value` is no real number (a bool is none) or is not accepted.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not accept(float(value)):
        raise ValidationError(argument, value, expected)
    return float(value)


def check_positive(argument: str, value: object) -> float:
    """Return `value` as a float above 0 and finite, or raise `ValidationError`."""
    return check_number(argument, value, "a positive number", lambda number: 0 < number < math.inf)


def check_sizes(argument: str, sizes: object) -> tuple[int, ...]:
    """Return `sizes` as a tuple of one or more integers of at least 1, or raise `ValidationError`."""
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise ValidationError(argument, sizes, "one or more sizes, for instance (1, 28, 28)")
    return tuple(check_integer(argument, size, 1) for size in sizes)


def check_share(argument: str, value: object) -> float:
    """Return `value` as a float in 0 ... 1 without 1, or raise `ValidationError`."""
    return check_number(argument, value, "a number in 0 ... 1 without 1", lambda share: 0 <= share < 1)


def check_shape(shape: object) -> tuple[int, int, int]:
    """Return `shape` as (channels, height, width), three integers of at least 1, or raise `ValidationError`."""
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise ValidationError("shape", shape, "(channels, height, width), for instance (1, 28, 28)")
    channels, height, width = (check_integer("shape", size, 1) for size in shape)
    return channels, height, width


def check_one_of(argument: str, value: object, names: Iterable[str]) -> str:
    """Return `value` if it is one of `names`, or raise `ValidationError`."""
    names = tuple(names)
    if not isinstance(value, str) or value not in names:
        raise ValidationError(argument, value, "one of " + ", ".join(names))
    return value
