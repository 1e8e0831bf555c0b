"""Sheets: positions in two dimensions, and who is near whom."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import fma, product
from snn.errors import ValidationError
from snn.jit import compiled
from snn.random import uniforms

_STREAM = 1  # what a network draws comes from later streams
_PER_CELL = 8  # neurons in a cell, at least, where they lie evenly
_MARGIN = 1e-9  # of a cell's side: rounding never hides a cell that is within reach


class Sheet(NamedTuple):
    """Neurons sorted into rectangular cells that cover a sheet.

    Attributes
    ----------
    order : ndarray of int64 (neurons,)
        The neurons by cell, row by row, then by number.
    x, y : ndarray of float64 (neurons,)
        Their positions, in this order.
    begins : ndarray of int64 (cells + 1,)
        Where each cell's neurons begin in the order.
    columns, rows : int
        How many cells lie side by side, and one above the other.
    width, height : float
    periodic : bool
        Whether the right edge is the left one, and the upper the lower.
    """

    order: np.ndarray
    x: np.ndarray
    y: np.ndarray
    begins: np.ndarray
    columns: int
    rows: int
    width: float
    height: float
    periodic: bool


def make_sheet(positions: np.ndarray, extent: tuple[float, float], periodic: bool, scale: float) -> Sheet:
    """Sort neurons into cells whose sides are at most `scale` / 2, unless too few neurons would be in each.

    Parameters
    ----------
    positions : ndarray of float64 (neurons, 2)
    extent : (float, float)
    periodic : bool
    scale : float
        A length over which things change.
    """
    width, height = extent
    most = math.sqrt(len(positions) / _PER_CELL / (width * height))  # cells a length, in each direction
    columns, rows = (max(1, int(min(side * most, math.ceil(2.0 * side / scale)))) for side in extent)
    # Floor division is exact, so that no neuron lies beyond its cell's edges; a quotient may be rounded up to the next.
    column = np.minimum(positions[:, 0] // (width / columns), columns - 1).astype(np.int64)
    row = np.minimum(positions[:, 1] // (height / rows), rows - 1).astype(np.int64)
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    begins = np.searchsorted(cell[order], np.arange(columns * rows + 1))
    x, y = (np.ascontiguousarray(positions[order, axis]) for axis in (0, 1))
    return Sheet(order, x, y, begins, columns, rows, float(width), float(height), periodic)


@compiled
def _span(at, reach, length, cells, periodic):
    """Return the first and last cell that may be in reach along one side; periodic ones may lie beyond the edges."""
    # Not all numbers that a reach may be are integers; beyond three times the length there is nothing new.
    side, reach = length / cells, min(reach, 3.0 * length)
    first = np.int64(np.floor((at - reach) / side - _MARGIN))
    last = np.int64(np.floor((at + reach) / side + _MARGIN))
    if not periodic:
        return max(first, 0), min(last, cells - 1)
    return (first, last) if last - first < cells else (0, cells - 1)


@compiled
def _gap(at, cell, length, cells, periodic):
    """Return the distance along one side from a place to the nearest one of a cell."""
    side = length / cells
    low, high = product(side, cell), length if cell == cells - 1 else product(side, cell + 1)
    if low <= at <= high:
        return 0.0
    below, above = low - at, at - high
    if not periodic:
        return max(below, above)
    return min(below if below > 0.0 else below + length, above if above > 0.0 else above + length)


@compiled
def cells_near(sheet, x, y, reach, cells, distances):
    """Find the cells that a circle meets.

    Parameters
    ----------
    sheet : Sheet
    x, y, reach : float
        Centre and radius.
    cells, distances : ndarray of int64 and of float64 (cells,)
        Filled with the numbers of the cells, row by row, and how near each comes to the centre.

    Returns
    -------
    int
        How many.
    """
    found = 0
    left, right = _span(x, reach, sheet.width, sheet.columns, sheet.periodic)
    lowest, highest = _span(y, reach, sheet.height, sheet.rows, sheet.periodic)
    for j in range(lowest, highest + 1):
        row = j % sheet.rows
        dy = _gap(y, row, sheet.height, sheet.rows, sheet.periodic)
        for i in range(left, right + 1):
            column = i % sheet.columns
            dx = _gap(x, column, sheet.width, sheet.columns, sheet.periodic)
            distance = np.sqrt(fma(dx, dx, dy * dy))
            if distance <= reach:
                cells[found], distances[found] = row * sheet.columns + column, distance
                found += 1
    return found


@compiled
def distance_to(sheet, place, x, y):
    """Return the distance of the neuron at a place of the order from (x, y): over an edge, if that is shorter."""
    dx, dy = abs(sheet.x[place] - x), abs(sheet.y[place] - y)
    if sheet.periodic:
        dx, dy = min(dx, sheet.width - dx), min(dy, sheet.height - dy)
    return np.sqrt(fma(dx, dx, dy * dy))


def extent_of(owner: str, value: object) -> tuple[float, float]:
    """Return width and height of a sheet, or refuse them."""
    width, height = checks.array(owner, "extent", value, (2,)).tolist()
    if min(width, height) <= 0.0:
        raise ValidationError(owner, "extent", value, "width and height, both > 0")
    return width, height


def positions_on(owner: str, name: str, value: object, extent: tuple[float, float]) -> np.ndarray:
    """Return positions as float64 (neurons, 2), or refuse some that are not on the sheet."""
    given = checks.array(owner, name, value)
    if given.ndim != 2 or given.shape[1] != 2 or not len(given):
        raise ValidationError(owner, name, f"array of shape {given.shape}", "x and y of each neuron, shape (n, 2)")
    bad = (given < 0.0) | (given > np.asarray(extent))
    if bad.any():
        i, axis = (int(k) for k in np.argwhere(bad)[0])
        expected = f"positions on the sheet, from 0 to {extent[axis]:g}"
        raise ValidationError(owner, f"{name}[{i}, {axis}]", float(given[i, axis]), expected)
    return given


def grid_positions(shape: tuple[int, ...], extent: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Return the positions of neurons on a regular grid, row by row, each in the middle of its share of the sheet.

    Parameters
    ----------
    shape : tuple of int
        (height, width), or (height, width, channels) for several neurons at each place: a population's shape.
    extent : (float, float)
        Width and height of the sheet.

    Returns
    -------
    ndarray of float64 (neurons, 2)
        x and y, from 0 to `extent`.

    Raises
    ------
    ValidationError
        If the shape is not two or three positive integers, or the extent not two positive numbers.
    """
    owner = "grid_positions"
    if not isinstance(shape, tuple | list) or len(shape) not in (2, 3):
        raise ValidationError(owner, "shape", shape, "(height, width) or (height, width, channels)")
    rows, columns, *channels = (checks.integer(owner, "shape", side, minimum=1) for side in shape)
    width, height = extent_of(owner, extent)
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    places = np.stack([x.ravel() * width, y.ravel() * height], axis=1)
    return np.repeat(places, channels[0] if channels else 1, axis=0)


def random_positions(size: int, extent: tuple[float, float] = (1.0, 1.0), *, seed: int) -> np.ndarray:
    """Return positions drawn evenly from a sheet, each a function of the seed and the neuron's number.

    Parameters
    ----------
    size : int
        Number of neurons.
    extent : (float, float)
        Width and height of the sheet.
    seed : int
        Two populations need different ones, or their neurons lie on one another.

    Returns
    -------
    ndarray of float64 (size, 2)
        x and y, from 0 to `extent`.

    Raises
    ------
    ValidationError
        If an argument is out of its range.
    """
    size = checks.integer("random_positions", "size", size, minimum=1)
    seed, sides = checks.seed("random_positions", seed), extent_of("random_positions", extent)
    return np.stack([side * uniforms(seed, _STREAM, size, axis) for axis, side in enumerate(sides)], axis=1)
