r"""Quadratic integrate-and-fire neurons between events, under constant currents.

Equations
---------
With u = v - (v_rest + v_threshold) / 2, q = k / c_m and w = (i_e + I) / c_m - q (v_threshold - v_rest)^2 / 4,

.. math::

    \frac{du}{dt} = q u^2 + w

has the solutions, with r = sqrt(q |w|),

    u(t) = (u cos(rt) + (w / r) sin(rt)) / (cos(rt) - (q u / r) sin(rt))           for w > 0,
    u(t) = u / (1 - q u t)                                                         for w = 0,
    u(t) = f (2 e u + (1 - e) (u - f)) / (2 e f + (1 - e) (f - u))                 for w < 0,

where e = exp(-2rt) and -f and f, f = r / q, are the stable and the unstable fixed point. They hold until the
denominator is 0, where u is infinite; here u goes no higher than v_peak. A higher U is reached after

    t = angle(w + q u U, r (U - u)) / r                                            for w > 0,
    t = (U - u) / (q u U)                                                          for w = 0,
    t = log(1 + 2 f (U - u) / ((u - f) (U + f))) / (2 r)                           for w < 0,

the last two if u > f or U < -f (with f = 0 for w = 0); angle(x, y) is the angle of the point (x, y).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from snn.arithmetic import angle, decay, fma, log1p, sine
from snn.jit import inlined, shared
from snn.neurons.delta_flows import DeltaFlowState
from snn.neurons.flow import advance, crossing, earliest, fire, hold, receive, receive_held

_TURN = 0.15915494309189535  # 1 / (2 pi)
_EARLY = 1.0 - 2.0**-40  # keeps a bound on its side, however it is rounded


class QuadraticFlow(NamedTuple):
    """What the flow needs."""

    origin: float  # (v_rest + v_threshold) / 2
    threshold: float  # v_peak - origin
    reset: float  # v_reset - origin
    t_ref: float
    i_e: float
    square: float  # q
    gain: float  # 1 / c_m
    rheobase: float  # q (v_threshold - v_rest)^2 / 4, mV/ms


@inlined
def _push(p, s):
    """Return w."""
    return fma(p.gain, p.i_e + s.current, -p.rheobase)


@advance.of(QuadraticFlow)
def _advance(p, s, t):
    w, u = _push(p, s), s.u
    if w > 0.0:
        r = math.sqrt(p.square * w)
        turns = _TURN * r * t
        cosine, sinus = sine(turns + 0.25), sine(turns)
        above = fma(u, cosine, w / r * sinus)
        below = fma(-p.square * u / r, sinus, cosine) if turns < 0.5 else 0.0
    elif w == 0.0:
        above, below = u, fma(-p.square * u, t, 1.0)
    else:
        f = math.sqrt(-w / p.square)
        left, gone = decay(-2.0 * p.square * f * t)
        above = f * fma(-gone, u - f, 2.0 * left * u)
        below = fma(-gone, f - u, 2.0 * left * f)
        if u == f:
            above, below = u, 1.0
    return DeltaFlowState(min(above / below, p.threshold) if below > 0.0 else p.threshold, s.current)


@hold.of(QuadraticFlow)
def _hold(p, s, t):
    return s


@receive.of(QuadraticFlow)
def _receive(p, s, x):
    return DeltaFlowState(s.u + x.delta, s.current + x.current)


@receive_held.of(QuadraticFlow)
def _receive_held(p, s, x):
    return DeltaFlowState(s.u, s.current + x.current)


@fire.of(QuadraticFlow)
def _fire(p, s):
    return DeltaFlowState(p.reset, s.current)


@shared
def _duration(p, s):
    """Return how long u takes to the threshold, inf if it does not get there."""
    w, u, top = _push(p, s), s.u, p.threshold
    if w > 0.0:
        r = math.sqrt(p.square * w)
        return angle(fma(p.square * u, top, w), r * (top - u)) / r
    f = math.sqrt(-w / p.square)
    if not (u > f or top < -f):
        return math.inf
    if w == 0.0:
        return (top - u) / (p.square * u * top)
    return log1p(2.0 * f * (top - u) / ((u - f) * (top + f))) / (2.0 * p.square * f)


@earliest.of(QuadraticFlow)
def _earliest(p, s):
    if fma(p.square * s.u, s.u, _push(p, s)) <= 0.0:
        return math.inf
    return _duration(p, s) * _EARLY


@crossing.of(QuadraticFlow)
def _crossing(p, s, t):
    at = _duration(p, s)
    return at if at <= t else math.inf
