"""Thresholds of any function: where the level that it is rounded to changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

_PARTS = 256  # of the range of the input; within each a function is taken to rise or to fall only
_HALVINGS = 48  # a threshold is found to 2^-48 of a part
FARTHEST = np.finfo(np.float64).max


def level_changes(
    function: Function, step: np.ndarray, low: np.ndarray, high: np.ndarray, levels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find where the level clip(floor(f(u) / step + 1/2), -levels, levels) changes, for every channel.

    Parameters
    ----------
    function : callable
        f, of an array (n, channels); it may be another one for each channel.
    step : ndarray (channels,)
    low, high : ndarray (channels,)
        The range of u that is looked at, the first below the second. Outside, the level is that at the nearer end;
        where f is not a number, that at the nearest u where it is one.
    levels : int

    Returns
    -------
    thresholds : ndarray (channels, k)
        Ascending. The first is below any number there is; those that a channel does not need are infinite.
    levels : ndarray of int64 (channels, k)
        The level from each threshold on.
    """

    def level(u: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            value = np.floor(function(u) / step + 0.5)
        return np.where(np.isnan(value), np.nan, np.clip(value, -levels, levels))

    ends = low + (high - low) * np.linspace(0.0, 1.0, _PARTS + 1)[:, None]
    at_ends = level(ends)
    for side in (-1, 1):
        _to_the_edge(level, ends, at_ends, side)
    at_ends = _filled(at_ends)
    changes = np.abs(np.diff(at_ends, axis=0)).astype(np.int64)
    count = int(changes.sum(axis=0).max(initial=0))
    channels = len(step)
    thresholds = np.full((count, channels), np.inf)
    said = np.broadcast_to(at_ends[-1], (count, channels)).copy()
    left, right, rising = np.zeros((3, count, channels))
    for channel in range(channels):
        many = changes[:, channel]
        parts = np.repeat(np.arange(_PARTS), many)
        nth = np.arange(len(parts)) - np.repeat(np.cumsum(many) - many, many)
        before, after = at_ends[parts, channel], at_ends[parts + 1, channel]
        used = (slice(len(parts)), channel)
        left[used], right[used], rising[used] = ends[parts, channel], ends[parts + 1, channel], np.sign(after - before)
        said[used] = before + rising[used] * (nth + 1)
        thresholds[used] = 0.0
    for _ in range(_HALVINGS):
        middle = left + (right - left) / 2.0
        reached = rising * (level(middle) - said) >= 0.0
        left, right = np.where(reached, left, middle), np.where(reached, middle, right)
    thresholds = np.where(np.isinf(thresholds), np.inf, right)
    first = np.full((1, channels), -FARTHEST)
    both = np.concatenate([first, thresholds]), np.concatenate([at_ends[:1], said])
    return both[0].T, both[1].T.astype(np.int64)


def _to_the_edge(level: Function, ends: np.ndarray, at_ends: np.ndarray, side: int) -> None:
    """Move ends where there is no level, but where there is one on their other side, to the edge of the function.

    A function such as u^(-1/2) changes most just there, within a part of which one end would know nothing of it.
    """
    known = ~np.isnan(at_ends)
    beside = np.roll(known, side, axis=0)
    beside[-1 if side < 0 else 0] = False
    row, channel = np.nonzero(~known & beside)
    if not len(row):
        return
    outside, inside = ends.copy(), np.roll(ends, side, axis=0)
    for _ in range(_HALVINGS):
        middle = outside + (inside - outside) / 2.0
        found = ~np.isnan(level(middle))
        outside, inside = np.where(found, outside, middle), np.where(found, middle, inside)
    ends[row, channel] = inside[row, channel]
    at_ends[row, channel] = level(inside)[row, channel]


def _filled(levels: np.ndarray) -> np.ndarray:
    """Replace what is not a number by the nearest level of the same channel that is."""
    for rows in (range(1, len(levels)), range(len(levels) - 2, -1, -1)):
        step = 1 if rows.step == 1 else -1
        for row in rows:
            levels[row] = np.where(np.isnan(levels[row]), levels[row - step], levels[row])
    return np.nan_to_num(levels)
