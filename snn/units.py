"""Units: what a plain number means, and quantities that bring their unit along.

Times are in ms, voltages in mV, currents in pA, capacitances in pF, conductances in nS and rates in Hz, and a plain
number is taken in these. A quantity of Brian2 (anything with dimensions ``dim`` and a value in SI base units) is
converted to them, and refused where it has another dimension. ``20 * ms`` with the names of this module is the plain
number 20.0, for those who like to see the unit.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from snn.errors import ValidationError

ms = mV = pA = pF = nS = Hz = 1.0

_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")
# Size in SI base units, and the powers of metre, kilogram, second and ampere.
_UNITS = {
    "1": (1.0, (0, 0, 0, 0)),
    "ms": (1e-3, (0, 0, 1, 0)),
    "mV": (1e-3, (2, 1, -3, -1)),
    "pA": (1e-12, (0, 0, 0, 1)),
    "pF": (1e-12, (-2, -1, 4, 2)),
    "nS": (1e-9, (-2, -1, 3, 2)),
    "Hz": (1.0, (0, 0, -1, 0)),
}
# Units of parameters and state variables by name, or by how the name begins.
_NAMES = {"v": "mV", "delta_t": "mV", "rate": "Hz"}
_BEGINNINGS = {"v": "mV", "e": "mV", "tau": "ms", "t": "ms", "c": "pF", "i": "pA", "g": "nS"}


def of(name: str) -> str:
    """Return the unit that a parameter or state variable of this name has, "1" where the name does not say.

    ``v`` and names that begin with ``v_`` or ``e_`` are in mV, with ``tau_`` or ``t_`` in ms, with ``c_`` in pF, with
    ``i_`` in pA, with ``g_`` in nS; ``delta_t`` (a slope factor) is in mV, ``rate`` in Hz.
    """
    if name in _NAMES:
        return _NAMES[name]
    beginning, underscore, _ = name.partition("_")
    return _BEGINNINGS.get(beginning, "1") if underscore else "1"


def has_unit(value: object) -> bool:
    """Return whether `value` is a quantity, or a list or tuple that holds one."""
    if isinstance(value, list | tuple):
        return any(has_unit(element) for element in value)
    return hasattr(getattr(value, "dim", None), "get_dimension")


def plain(owner: str, name: str, value: Any, unit: str) -> Any:
    """Return a quantity as plain numbers in `unit`, and everything else as it is.

    Parameters
    ----------
    owner, name : str
        What the quantity is for.
    value : object
        A quantity, or a list that may hold some; anything else is returned.
    unit : str
        Such as "mV", "1" for plain numbers only, or a quotient such as "nS/mV".

    Raises
    ------
    ValidationError
        If a quantity has another dimension.
    """
    if not has_unit(value):
        return value
    if isinstance(value, list | tuple):
        return [plain(owner, f"{name}[{i}]", element, unit) for i, element in enumerate(value)]
    size, powers = _parse(unit)
    if _dimensions(value) != powers:
        expected = "a plain number: it has no unit" if unit == "1" else f"a quantity in {unit}, or a plain number"
        raise ValidationError(owner, name, value, expected)
    # Fifteen digits are what survives the way to base units and back: 0.3 * ms is 0.3, to the last bit.
    converted = np.vectorize(lambda x: float(f"{x:.15g}"), otypes=[np.float64])(np.asarray(value, np.float64) / size)
    return float(converted) if converted.ndim == 0 else converted


def plain_weights(owner: str, name: str, value: Any) -> tuple[Any, str | None]:
    """Return weights as plain numbers, and the unit they came in: mV, pA or nS, None where they were plain."""
    first = value
    while isinstance(first, list | tuple) and has_unit(first):
        first = next(element for element in first if has_unit(element))
    if not has_unit(first):
        return value, None
    for unit in ("mV", "pA", "nS"):
        if _parse(unit)[1] == _dimensions(first):
            return plain(owner, name, value, unit), unit
    raise ValidationError(owner, name, value, "weights in mV, pA or nS, or plain numbers")


def bare(owner: str, name: str, values: tuple[Any, ...]) -> tuple[float, ...]:
    """Return finite numbers of one unit, whichever it is, as floats that can be compared with each other."""
    quantities = [value for value in values if has_unit(value)]
    real = all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in values if not has_unit(v))
    one_unit = len({_dimensions(q) for q in quantities}) == 1 and len(quantities) == len(values)
    if not real or any(np.ndim(v) for v in values) or (quantities and not one_unit):
        raise ValidationError(owner, name, values, "finite numbers, all with one unit or all without")
    floats = tuple(float(value) for value in values)
    if not all(map(math.isfinite, floats)):
        raise ValidationError(owner, name, values, "finite numbers")
    return floats


def _parse(unit: str) -> tuple[float, tuple[float, ...]]:
    """Return the size of a unit in SI base units, and its powers of all base units."""
    numerator, *denominators = unit.split("/")
    size, powers = _UNITS[numerator][0], np.array(_UNITS[numerator][1])
    for denominator in denominators:
        size, powers = size / _UNITS[denominator][0], powers - _UNITS[denominator][1]
    return size, (*map(int, powers), 0, 0, 0)


def _dimensions(quantity: Any) -> tuple[float, ...]:
    """Return the quantity's powers of all base units."""
    return tuple(quantity.dim.get_dimension(base) for base in _BASE)
