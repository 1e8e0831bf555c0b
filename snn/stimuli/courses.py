"""Courses: what changes in time, in bins of equal length."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn import checks
from snn.errors import ValidationError


def course(owner: str, name: str, given: Any, bin: Any, duration: Any, unit: str) -> tuple[np.ndarray, float]:
    """Return a value for every bin, (bins, ...), and the length of a bin in ms.

    Parameters
    ----------
    owner, name : str
        What the course is for.
    given : array (bins, ...) or callable
        The values, or a function of the time in ms, of which the value in the middle of every bin is taken.
    bin : float
        Length of a bin in ms.
    duration : float or None
        In ms, a multiple of `bin`: how far a function is followed; nothing for an array.
    unit : str
        Unit of the values.

    Raises
    ------
    ValidationError
        If values are not finite numbers, there are none, or the bins do not fill the duration.
    """
    length = checks.number(owner, "bin", bin, minimum=0.0, exclusive=True, unit="ms")
    if callable(given):
        whole = checks.number(owner, "duration", duration, minimum=length, unit="ms")
        bins = round(whole / length)
        if abs(whole / length - bins) > 1e-9 * max(1.0, whole / length):
            raise ValidationError(owner, "duration", duration, f"a multiple of bin = {length:g} ms")
        given = [given(float(middle)) for middle in (np.arange(bins) + 0.5) * length]
    elif duration is not None:
        raise ValidationError(owner, "duration", duration, "nothing: only a function of time needs it")
    values = checks.array(owner, name, given, unit=unit)
    if values.ndim == 0 or values.size == 0:
        raise ValidationError(owner, name, f"array of shape {values.shape}", "a value for every bin, (bins, ...)")
    return values, length
