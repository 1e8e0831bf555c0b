"""Bounds on how far a network's values can be from given ones, carried through every kind of node.

Around a centre c of a node's inputs, with the network's values within [c + low, c + high], each function here bounds
the node's value v less its value p at the centre, twice over: by an interval, and by a linear function of the inputs'
distances d with a remainder,

    low <= v - p <= high          v - p = J d + shift + rest,   |rest| <= slack

the latter as DeepPoly and CROWN have it (Singh et al., POPL 2019; Zhang et al., NeurIPS 2018). The network may compute
in float32, summing in any order: u = 2^-24 a rounding, n u / (1 - n u) a sum of n terms (Higham, Accuracy and Stability
of Numerical Algorithms, 2002). Rounding in the float64 of these functions is far within that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from bridge.errors import ConversionError
from bridge.nodes import (
    GELU,
    Absolute,
    Activation,
    Add,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Input,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MatMul,
    Maximum,
    Mish,
    Multiply,
    Node,
    Power,
    PReLU,
    Rearrange,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)

ROUNDING = 2.0**-24
_FUNCTION = 8 * ROUNDING  # of a function's value and of its argument: a few last places
_EXACT = (ReLU, ReLU6, Hardtanh, Absolute)  # not rounded at all
# Where functions turn that fall first and rise then, and no more than their least value.
_TURNS = {
    GELU: (-0.752, -0.17004076),  # of both its forms
    SiLU: (-1.2785, -0.27846455),
    Mish: (-1.1924, -0.30884345),
    Hardswish: (-1.5, -0.375),
    Power: (0.0, 0.0),  # even powers
}
# No less than the largest |f''|: how fast curved functions leave their tangent.
_CURVATURE = {Sigmoid: 0.0963, Tanh: 0.7699, GELU: 0.85, SiLU: 0.5001}
_TANGENT = 1e-4  # half the distance of the points that a slope is taken from; it is then off by less than 1e-6
_NEAR = 1e-3  # of a turn: the least value counts as reached

Pull = Callable[[np.ndarray, np.ndarray], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Ball:
    """The centre of a node's value and where the network's may be: [centre + low, centre + high].

    Attributes
    ----------
    centre, low, high : ndarray of float64 (samples, *shape)
    """

    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """The largest distance from the centre."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


@dataclass(frozen=True, eq=False)
class Step:
    """What a node does to distances; see the module's words.

    Attributes
    ----------
    value : ndarray (samples, *shape)
        p, the node's value at the centre.
    low, high, shift, slack : ndarray (samples, *shape)
    pull : callable
        From weights (rows, *shape) on v - p, and the sample of each row, those on the distances of each input: w J.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shift: np.ndarray
    slack: np.ndarray
    pull: Pull


class Tables:
    """The matrices of a graph's nodes, made once."""

    def __init__(self):
        self._known: dict[int, tuple] = {}

    def linear(self, node: Linear, shape: tuple[int, ...]) -> tuple:
        """Return the node's matrix, its magnitude, its offset's magnitude, and the rounding of its longest sum."""
        if id(node) not in self._known:
            matrix = node.matrix(shape)
            terms = int(np.diff(matrix.indptr).max(initial=0)) + 4  # and folded weights, offset, division
            rounding = terms * ROUNDING / (1.0 - terms * ROUNDING)
            self._known[id(node)] = matrix, abs(matrix), np.abs(node.offset(shape)), rounding
        return self._known[id(node)]

    def rearranged(self, node: Rearrange, shapes: list[tuple[int, ...]]):
        """Return the matrix of ones that puts the inputs, one behind the other, where the node puts them."""
        from scipy.sparse import csr_array

        if id(node) not in self._known:
            index = node.indices(*shapes).ravel()
            rows = np.flatnonzero(index >= 0)
            size = (len(index), sum(int(np.prod(shape)) for shape in shapes))
            self._known[id(node)] = (csr_array((np.ones(len(rows)), (rows, index[rows])), shape=size),)
        return self._known[id(node)][0]


@singledispatch
def enclose(node: Node, inputs: list[Ball], tables: Tables) -> Step:
    """Bound what a node makes of its inputs.

    Parameters
    ----------
    node : Node
    inputs : list of Ball
        Of the nodes that it reads.
    tables : Tables

    Raises
    ------
    ConversionError
        If there is no bound for such a node.
    """
    raise ConversionError(type(node).__name__, "has no bound", REMEDY)


REMEDY = "Certify a network of linear layers, activations, pooling, sums, products and softmax"


def is_bounded(node: Node) -> bool:
    """Return whether `enclose` knows such a node."""
    if isinstance(node, Activation):
        return node.monotone or _kinks(node) is not None or _turns(node) or isinstance(node, Power)
    return isinstance(node, Input) or enclose.dispatch(type(node)) is not enclose.dispatch(object)


@enclose.register
def _linear(node: Linear, inputs: list[Ball], tables: Tables) -> Step:
    (ball,) = inputs
    shape = ball.centre.shape[1:]
    matrix, magnitude, offset, rounding = tables.linear(node, shape)
    value = node(ball.centre)

    def times(operator, x: np.ndarray) -> np.ndarray:
        return (operator @ x.reshape(len(x), -1).T).T.reshape(value.shape)

    slack = rounding * (times(magnitude, np.abs(ball.centre) + ball.reach) + offset.reshape(value.shape[1:]))
    middle, radius = times(matrix, (ball.low + ball.high) / 2), times(magnitude, (ball.high - ball.low) / 2)

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        return [(matrix.T @ weights.reshape(len(weights), -1).T).T.reshape(len(weights), *shape)]

    return Step(value, middle - radius - slack, middle + radius + slack, np.zeros_like(value), slack, pull)


@enclose.register
def _rearrange(node: Rearrange, inputs: list[Ball], tables: Tables) -> Step:
    shapes = [ball.centre.shape[1:] for ball in inputs]
    matrix = tables.rearranged(node, shapes)
    value, low, high = (node(*(getattr(ball, what) for ball in inputs)) for what in ("centre", "low", "high"))
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        flat = (matrix.T @ weights.reshape(len(weights), -1).T).T
        parts = np.split(flat, ends, axis=1)
        return [part.reshape(len(weights), *shape) for part, shape in zip(parts, shapes, strict=True)]

    return Step(value, low, high, np.zeros_like(value), np.zeros_like(value), pull)


@enclose.register
def _activation(node: Activation, inputs: list[Ball], tables: Tables) -> Step:
    (ball,) = inputs
    value, left, right = node(ball.centre), ball.centre + ball.low, ball.centre + ball.high
    kinks = _kinks(node)
    points = [left, right, *(np.clip(kink, left, right) for kink in kinks or ())]
    values = [node(point) for point in points]
    least, most = np.minimum.reduce(values), np.maximum.reduce(values)
    if kinks is None:
        least, most = _without_kinks(node, left, right, least, most)
        slope, lower, upper = np.zeros_like(value), least, most
    else:
        # The function less its slope is straight between kinks: it is extreme at one of the points.
        slope = np.divide(values[1] - values[0], right - left, out=np.zeros_like(value), where=right > left)
        bent = [of - slope * point for of, point in zip(values, points, strict=True)]
        lower, upper = np.minimum.reduce(bent), np.maximum.reduce(bent)
    shift, slack = (lower + upper) / 2 - (value - slope * ball.centre), (upper - lower) / 2
    if (curvature := _CURVATURE.get(type(node))) is not None:
        tangent = (node(ball.centre + _TANGENT) - node(ball.centre - _TANGENT)) / (2 * _TANGENT)
        off = 1e-6 * ball.reach + curvature * ball.reach**2 / 2
        nearer = off < slack
        slope, shift, slack = (
            np.where(nearer, tangent, slope),
            np.where(nearer, 0.0, shift),
            np.where(nearer, off, slack),
        )
    largest = np.maximum(np.abs(least), np.abs(most)) + np.abs(ball.centre) + ball.reach
    rounding = 0.0 if isinstance(node, _EXACT) else _FUNCTION * largest

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        return [weights * slope[rows]]

    return Step(value, least - value - rounding, most - value + rounding, shift, slack + rounding, pull)


def _kinks(node: Activation) -> tuple[float, ...] | None:
    """Return where a function of straight pieces bends; None of one that is not of straight pieces."""
    if isinstance(node, ReLU | LeakyReLU | PReLU | Absolute):
        return (0.0,)
    if isinstance(node, ReLU6):
        return 0.0, 6.0
    if isinstance(node, Hardtanh):
        return node.low, node.high
    return (-3.0, 3.0) if isinstance(node, Hardsigmoid) else None


def _turns(node: Activation) -> bool:
    even = isinstance(node, Power) and node.exponent > 0.0 and node.exponent % 2 == 0
    return even or (type(node) in _TURNS and not isinstance(node, Power))


def _without_kinks(
    node: Activation, left: np.ndarray, right: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most of a curved function between two points, given those of its ends."""
    if _turns(node):
        where, lowest = _TURNS[type(node)]
        return np.where((left < where + _NEAR) & (right > where - _NEAR), np.minimum(least, lowest), least), most
    if isinstance(node, Power) and not node.monotone:  # falls, for x > 0
        beyond = left <= 0.0
        return np.where(beyond, -np.inf, least), np.where(beyond, np.inf, most)
    return least, most


@enclose.register
def _maximum(node: Maximum, inputs: list[Ball], tables: Tables) -> Step:
    (ball,) = inputs
    shape, samples = ball.centre.shape[1:], len(ball.centre)
    value = node(ball.centre)
    low, high = node(ball.centre + ball.low) - value, node(ball.centre + ball.high) - value
    windows = node.windows(shape)
    # Where one value is above all others of its window whatever the network's are, the maximum is that value.
    lows, highs = (_windowed(ball.centre + d, windows) for d in (ball.low, ball.high))
    best = lows.argmax(axis=2)
    chosen = np.take_along_axis(np.broadcast_to(windows, lows.shape), best[..., None], axis=2)[..., 0]
    np.put_along_axis(highs, best[..., None], -np.inf, axis=2)
    sure = highs.max(axis=2) <= np.take_along_axis(lows, best[..., None], axis=2)[..., 0]
    flat_value, flat_low, flat_high = (x.reshape(samples, -1) for x in (value, low, high))
    centre = np.take_along_axis(ball.centre.reshape(samples, -1), chosen, axis=1)
    shift = np.where(sure, centre - flat_value, (flat_low + flat_high) / 2)
    slack = np.where(sure, 0.0, (flat_high - flat_low) / 2)

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        pulled = np.zeros((len(rows), int(np.prod(shape))))
        kept = weights.reshape(len(rows), -1) * sure[rows]
        np.add.at(pulled, (np.arange(len(rows))[:, None], chosen[rows]), kept)
        return [pulled.reshape(len(rows), *shape)]

    return Step(value, low, high, shift.reshape(value.shape), slack.reshape(value.shape), pull)


def _windowed(x: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the values of every window, (samples, windows, size); minus infinity where there is none."""
    flat = np.concatenate([x.reshape(len(x), -1), np.full((len(x), 1), -np.inf)], axis=1)
    return flat[:, windows]  # position -1, none, is the last


@enclose.register
def _add(node: Add, inputs: list[Ball], tables: Tables) -> Step:
    a, b = inputs
    value, low, high = a.centre + b.centre, a.low + b.low, a.high + b.high
    slack = ROUNDING * (np.abs(a.centre) + a.reach + np.abs(b.centre) + b.reach)

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        return [_summed(weights, ball.centre.shape[1:]) for ball in inputs]

    return Step(value, low - slack, high + slack, np.zeros_like(value), slack, pull)


@enclose.register
def _multiply(node: Multiply, inputs: list[Ball], tables: Tables) -> Step:
    a, b = inputs
    value = a.centre * b.centre
    corners = [(a.centre + x) * (b.centre + y) - value for x in (a.low, a.high) for y in (b.low, b.high)]
    rounding = ROUNDING * (np.abs(a.centre) + a.reach) * (np.abs(b.centre) + b.reach)
    low, high = np.minimum.reduce(corners) - rounding, np.maximum.reduce(corners) + rounding

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        others = (b.centre[rows], a.centre[rows])
        return [_summed(weights * o, ball.centre.shape[1:]) for o, ball in zip(others, inputs, strict=True)]

    return Step(value, low, high, np.zeros_like(value), a.reach * b.reach + rounding, pull)


@enclose.register
def _matmul(node: MatMul, inputs: list[Ball], tables: Tables) -> Step:
    a, b = inputs
    value, left, right = a.centre @ b.centre, np.abs(a.centre), np.abs(b.centre)
    terms = (a.centre.shape[-1] + 1) * ROUNDING
    rounding = terms / (1.0 - terms) * ((left + a.reach) @ (right + b.reach))
    slack = a.reach @ b.reach + rounding
    radius = left @ b.reach + a.reach @ right + slack

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        of_a, of_b = weights @ b.centre[rows].swapaxes(-1, -2), a.centre[rows].swapaxes(-1, -2) @ weights
        return [_summed(w, ball.centre.shape[1:]) for w, ball in zip((of_a, of_b), inputs, strict=True)]

    return Step(value, -radius, radius, np.zeros_like(value), slack, pull)


@enclose.register
def _softmax(node: Softmax, inputs: list[Ball], tables: Tables) -> Step:
    (ball,) = inputs
    value, axis = node(ball.centre), node.axis + 1
    top = (ball.centre + ball.high).max(axis=axis, keepdims=True)
    least, most = (np.exp(ball.centre + d - top) for d in (ball.low, ball.high))

    def share(mine: np.ndarray, others: np.ndarray, unknown: float) -> np.ndarray:
        """Return the share of one value where it is `mine` and all others are `others`; `unknown` if all vanish."""
        # Summed without itself, not subtracted from the sum, which would leave nothing of small ones.
        before, after = np.zeros_like(others), np.zeros_like(others)
        rest = before.swapaxes(axis, -1), after.swapaxes(axis, -1), others.swapaxes(axis, -1)
        rest[0][..., 1:] = rest[2][..., :-1].cumsum(axis=-1)
        rest[1][..., :-1] = rest[2][..., :0:-1].cumsum(axis=-1)[..., ::-1]
        total = mine + before + after
        return np.divide(mine, total, out=np.full_like(mine, unknown), where=total > 0.0)

    rounding = 4 * _FUNCTION * value.shape[axis]
    return _from_interval(value, share(least, most, 0.0) - rounding, share(most, least, 1.0) + rounding)


@enclose.register
def _log_softmax(node: LogSoftmax, inputs: list[Ball], tables: Tables) -> Step:
    from scipy.special import logsumexp

    (ball,) = inputs
    value, axis = node(ball.centre), node.axis + 1
    least, most = ball.centre + ball.low, ball.centre + ball.high
    sums = (logsumexp(end, axis=axis, keepdims=True) for end in (most, least))
    low, high = (end - total for end, total in zip((least, most), sums, strict=True))
    rounding = _FUNCTION * value.shape[axis] * (1.0 + np.abs(least).max(axis=axis, keepdims=True) + np.abs(most))
    return _from_interval(value, low - rounding, np.minimum(high, 0.0) + rounding)


def _from_interval(value: np.ndarray, least: np.ndarray, most: np.ndarray) -> Step:
    """Return what is known of a value from its least and its most alone."""
    low, high = least - value, most - value

    def pull(weights: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        return [np.zeros_like(weights)]

    return Step(value, low, high, (low + high) / 2, (high - low) / 2, pull)


def _summed(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum weights (rows, *larger) over the axes along which an input of this shape was repeated."""
    axes = tuple(i + 1 for i, size in enumerate(shape) if size == 1 and weights.shape[i + 1] > 1)
    return weights.sum(axis=axes, keepdims=True) if axes else weights
