"""Differential equations solved within one step of the grid, to a tolerance, by the same arithmetic everywhere.

A model registers the right-hand side of its equations for the class of its lowered parameters with `derivatives_of`;
`evolve` solves them from a state, a tuple of floats of which the first is v.

The method is Dormand and Prince's pair of orders 5 and 4 (J. Comput. Appl. Math. 6, 1980), going on with order 5. It
tries a whole step of the grid first, halves what fails, and doubles what succeeds with ease; nothing is remembered
from one step of the grid to the next, so that a step is a pure function of the state.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.arithmetic import expm1, fma, product
from snn.jit import intrinsic, shared

_TOLERANCE = 1e-9  # of the error of an inner step, relative to 1 + |y|
_SMALLEST = 2.0**-50  # part of a step of the grid below which nothing is halved
_HALVINGS = 32  # of the inner step in which v reaches the ceiling

_DERIVATIVES: dict[type, Callable] = {}


def derivatives_of(parameters: type) -> Callable[[Callable], Callable]:
    """Register the decorated function (p, y, current) -> dy/dt as the equations of parameters of this class."""

    def register(function: Callable) -> Callable:
        _DERIVATIVES[parameters] = shared(function)
        return function

    return register


def derivatives(p, y, current):
    """Return dy/dt, in units per ms, at parameters p, state y and a current in pA."""
    return _DERIVATIVES[type(p)](p, y, current)


@overload(derivatives)
def _derivatives_compiled(p, y, current):
    return _DERIVATIVES[p.instance_class]  # pyright: ignore[reportAttributeAccessIssue]


def scaled(c: float, x: tuple) -> tuple:
    """Return c x, for each element of a tuple."""
    return tuple(c * one for one in x)


def added(c: float, x: tuple, y: tuple) -> tuple:
    """Return c x + y, rounded once, for each element of two tuples."""
    return tuple(fma(c, one, other) for one, other in zip(x, y, strict=True))


@intrinsic
def _scaled(typing_context, c, x):
    def generate(context, builder, signature, arguments):
        c, x = arguments
        items = [builder.fmul(c, builder.extract_value(x, i)) for i in range(signature.return_type.count)]
        return context.make_tuple(builder, signature.return_type, items)

    return types.UniTuple(types.float64, len(x))(types.float64, x), generate


@intrinsic
def _added(typing_context, c, x, y):
    def generate(context, builder, signature, arguments):
        double = ir.DoubleType()
        function = builder.module.declare_intrinsic("llvm.fma", (double,), ir.FunctionType(double, [double] * 3))
        c, x, y = arguments
        items = [
            builder.call(function, [c, builder.extract_value(x, i), builder.extract_value(y, i)])
            for i in range(signature.return_type.count)
        ]
        return context.make_tuple(builder, signature.return_type, items)

    return types.UniTuple(types.float64, len(x))(types.float64, x, y), generate


@overload(scaled)
def _scaled_compiled(c, x):
    return lambda c, x: _scaled(c, x)


@overload(added)
def _added_compiled(c, x, y):
    return lambda c, x, y: _added(c, x, y)


@shared
def inner_step(p, y, k1, current, h):
    """Take one step of h ms; returns y after it, dy/dt there, and the error as a multiple of the tolerance."""
    k2 = derivatives(p, added(h, scaled(1 / 5, k1), y), current)
    k3 = derivatives(p, added(h, added(9 / 40, k2, scaled(3 / 40, k1)), y), current)
    slope = added(32 / 9, k3, added(-56 / 15, k2, scaled(44 / 45, k1)))
    k4 = derivatives(p, added(h, slope, y), current)
    slope = added(64448 / 6561, k3, added(-25360 / 2187, k2, scaled(19372 / 6561, k1)))
    k5 = derivatives(p, added(h, added(-212 / 729, k4, slope), y), current)
    slope = added(46732 / 5247, k3, added(-355 / 33, k2, scaled(9017 / 3168, k1)))
    slope = added(-5103 / 18656, k5, added(49 / 176, k4, slope))
    k6 = derivatives(p, added(h, slope, y), current)
    slope = added(125 / 192, k4, added(500 / 1113, k3, scaled(35 / 384, k1)))
    slope = added(11 / 84, k6, added(-2187 / 6784, k5, slope))
    after = added(h, slope, y)
    k7 = derivatives(p, after, current)
    wrong = added(71 / 1920, k4, added(-71 / 16695, k3, scaled(71 / 57600, k1)))
    wrong = added(-1 / 40, k7, added(22 / 525, k6, added(-17253 / 339200, k5, wrong)))
    error = 0.0
    for i in range(len(y)):
        error += abs(h * wrong[i]) / (1.0 + abs(y[i]))
    return after, k7, error / _TOLERANCE


@shared
def reach(p, y, k, current, h, ceiling):
    """Return the state where v reaches the ceiling within an inner step of h ms, and the time until then."""
    low, high, found = 0.0, h, y
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        after, _k, _error = inner_step(p, y, k, current, middle)
        if after[0] < ceiling:
            low, found = middle, after
        else:
            high = middle
    return found, high


@shared
def evolve(p, y, current, duration, ceiling):
    """Solve the model's equations for some time, or until v reaches a ceiling.

    Parameters
    ----------
    p : NamedTuple
        The model's lowered parameters.
    y : tuple of float
        The state, v first.
    current : float
        In pA, constant meanwhile.
    duration : float
        In ms.
    ceiling : float
        In mV; v at or above it ends the solution there.

    Returns
    -------
    y : tuple of float
        The state in the end; where v has reached the ceiling, just before.
    left : float
        The time in ms that is left then; 0 where v has not reached the ceiling.
    """
    if not y[0] < ceiling:
        return y, duration
    done, part = 0.0, 1.0  # of the duration: sums of powers of two, hence exact
    k = derivatives(p, y, current)
    while done < 1.0:
        h = product(part, duration)
        after, k_after, error = inner_step(p, y, k, current, h)
        if part > _SMALLEST and not error <= 1.0:
            part = 0.5 * part
        elif after[0] < ceiling:
            y, k, done = after, k_after, done + part
            part = min(2.0 * part if error < 1 / 64 else part, 1.0 - done)
        else:  # here, or so near a pole that no smaller step is left
            y, passed = reach(p, y, k, current, h, ceiling)
            return y, max(fma(1.0 - done, duration, -passed), 0.0)
    return y, 0.0


@shared
def relaxed(p, v, w, duration):
    """Return w after some ms in which v is held."""
    return fma(-expm1(-p.rate * duration), fma(p.slope, v - p.v_rest, -w), w)


@shared
def reset_within(p, y, refractory, current, armed):
    """Solve the equations of a neuron with a recovery variable over a step; where v reaches its peak, reset there.

    The state is (v, w, ...), the parameters have dt, v_peak, v_reset, jump (of w at a spike), refractory_steps, and
    rate, slope and v_rest of dw/dt = rate (slope (v - v_rest) - w). A neuron fires once a step; a second time it waits
    at the peak for the next step. While v is held, w is solved in closed form.

    Returns
    -------
    v, w : float
    spiked : bool
    """
    v, w, left, spiked = y[0], y[1], p.dt, False
    if refractory == 0:
        y, left = evolve(p, y, current, p.dt, p.v_peak)
        v, w = y[0], y[1]
        if left > 0.0:
            v = p.v_peak
            if armed:
                v, w, spiked = p.v_reset, w + p.jump, True
                if p.refractory_steps == 0:
                    y, left = evolve(p, (v, w, *y[2:]), current, left, p.v_peak)
                    v, w = p.v_peak if left > 0.0 else y[0], y[1]
    if left > 0.0:
        w = relaxed(p, v, w, left)
    return v, w, spiked
