r"""What currents do to a membrane until the next event, for any time constants.

Equations
---------
With a = 1 / tau_m (0 without leak), b = 1 / c_m, s = 1 / tau_syn, u = v - v_rest, a constant current I and a synaptic
current i, which an alpha synapse's i_rise feeds,

.. math::

    \frac{du}{dt} = b (I + i) - a u, \qquad \frac{di}{dt} = e s\, i_{rise} - s i, \qquad
    \frac{di_{rise}}{dt} = -s\, i_{rise}

have, by variation of constants, the solution

    u(t)      = e^{-at} u + b (1 - e^{-at}) / a I + b G(t) i + b e s H(t) i_rise,
    i(t)      = e^{-st} (i + e s t i_rise),
    i_rise(t) = e^{-st} i_rise,
    G(t)      = (e^{-at} - e^{-st}) / (s - a),
    H(t)      = (G(t) - t e^{-st}) / (s - a).

Sums are of e^{-at} - 1 and e^{-st} - 1, so that short times add small numbers to u and lose nothing; what is multiplied
by powers of t are e^{-at} and e^{-st}, which keep their digits however small they become. G and H lose digits where the
two rates are close to each other. Where neither is twice the other or more, G is computed as
max(e^{-at}, e^{-st}) (1 - e^{-dt}) / d with d = |s - a|, in which nothing can overflow, and as t e^{-at} at d = 0, and
H from the series of (H(t) / t^2) e^{at} in (s - a) t where that is small.

Bounds
------
The largest value of G is (1/s) (a/s)^{a / (s - a)}. H is G filtered once more by e^{-st}, whose integral is 1 / s, so
it is at most that / s; and a current of at most 1 pA adds at most b / a. A mixture e^{-at} u + (1 - e^{-at}) b I / a is
never above both of its parts. So a few operations bound u from above, which `reached` does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snn.arithmetic import expm1, fma
from snn.jit import inlined

_UNBOUNDED = 1e300  # mV a pA
_SLACK = 1.0 + 2.0**-40  # keeps bounds on their side of what they bound, however they are rounded


@inlined
def drift(p, leak, t):
    """Return what 1 pA of a constant current adds to u in t ms.

    `leak` is e^{-at} and e^{-at} - 1, as `snn.arithmetic.decay` returns them.
    """
    return p.gain * t if p.rate == 0.0 else -p.resistance * leak[1]


@inlined
def response(gain, gain_syn, gap, near, leak, fall, t):
    """Return b G(t), what 1 pA of a current that decays adds to u in t ms.

    `gain` is b, `gain_syn` b / (s - a), `gap` s - a; `fall` is e^{-st} and e^{-st} - 1, `leak` that for a.
    """
    if near:
        slower = max(leak[0], fall[0])
        return slower * (gain * t if gap == 0.0 else -abs(gain_syn) * expm1(-abs(gap) * t))
    return gain_syn * (leak[1] - fall[1])


_SERIES = 0.5  # the largest |(s - a) t| for which H is taken from a series


@inlined
def rising_response(gain, rise, gain_rise, gap, near, leak, fall, effect, t):
    """Return b e s H(t), what 1 pA of i_rise adds to u in t ms.

    `rise` is e s, `gain_rise` e s / (s - a), `effect` b G(t); the others are as for `response`.
    """
    x = -gap * t
    if near and abs(x) < _SERIES:  # the sum of x^k / (k! (k + 2)), to less than 2^-58
        y = fma(x, 1 / 1394852659200, 1 / 93405312000)
        y = fma(x, y, 1 / 6706022400)
        y = fma(x, y, 1 / 518918400)
        y = fma(x, y, 1 / 43545600)
        y = fma(x, y, 1 / 3991680)
        y = fma(x, y, 1 / 403200)
        y = fma(x, y, 1 / 45360)
        y = fma(x, y, 1 / 5760)
        y = fma(x, y, 1 / 840)
        y = fma(x, y, 1 / 144)
        y = fma(x, y, 1 / 30)
        y = fma(x, y, 1 / 8)
        y = fma(x, y, 1 / 3)
        y = fma(x, y, 1 / 2)
        return rise * gain * leak[0] * (t * t) * y
    return gain_rise * fma(-gain * t, fall[0], effect)


@inlined
def reached(p, u, drive, peak, current):
    """Return a time before which u, below the threshold at first, cannot reach it; inf if never.

    Parameters
    ----------
    p : NamedTuple
        Parameters.
    u : float
        Where it starts from, in mV.
    drive : float
        Constant current in pA.
    peak : float
        The most that synaptic currents can add to u, in mV.
    current : float
        The most that these currents can come to, in pA.
    """
    if max(u, p.resistance * drive) + peak <= p.threshold:
        return math.inf
    # Until then du/dt is below what it would be with the largest current throughout, which only falls.
    steepest = fma(p.gain, drive + current, -(p.rate * u))
    if steepest <= 0.0:
        return math.inf
    return (p.threshold - u) / (steepest * _SLACK)


def membrane(tau_m: Any, v_rest: Any, values: dict[str, Any], soft: bool) -> dict[str, Any]:
    """Return the fields of parameters that all kinds of synapses have; tau_m is None without leak."""
    threshold, reset = values["v_threshold"] - v_rest, values["v_reset"] - v_rest
    return {
        "origin": v_rest,
        "threshold": threshold,
        "reset": reset,
        "drop": values["v_threshold"] - values["v_reset"],
        "soft": soft,
        "t_ref": values["t_ref"],
        "i_e": values["i_e"],
        "rate": 0.0 if tau_m is None else 1.0 / tau_m,
        "gain": 1.0 / values["c_m"],
        "resistance": _UNBOUNDED if tau_m is None else tau_m / values["c_m"],
    }


def fastest(*taus: Any) -> Any:
    """Return the largest rate in 1/ms, where these are the time constants."""
    return 1.0 / np.minimum.reduce(np.broadcast_arrays(*taus))


def exponential(tau_m: Any, tau: Any, c_m: Any) -> dict[str, Any]:
    """Return an exponential synapse's fields of parameters; tau_m is None without leak."""
    ratio = np.asarray(0.0 if tau_m is None else tau / tau_m)  # a / s
    # From the time constants, whose difference is not rounded where they are close to each other.
    gap = 1.0 / tau if tau_m is None else (tau_m - tau) / (tau_m * tau)
    inverse = tau if tau_m is None else tau_m * tau / np.where(tau_m == tau, np.inf, tau_m - tau)
    # (a/s)^{a/(s-a)} = exp(ratio log(ratio) / (1 - ratio)), which is exp(-1) at 1 and 1 at 0
    safe = np.where((ratio == 0.0) | (ratio == 1.0), 0.5, ratio)
    exponent = np.where(ratio == 1.0, -1.0, ratio * np.log(safe) / (1.0 - safe))
    return {
        "rate": 1.0 / tau,
        "gap": gap,
        "gain": inverse / c_m,
        "near": (ratio > 0.5) & (ratio < 2.0),
        "peak": _SLACK * tau / c_m * np.exp(exponent),
    }


def alpha(tau_m: Any, tau: Any, c_m: Any) -> dict[str, Any]:
    """Return an alpha synapse's fields of parameters; tau_m is None without leak."""
    fields = exponential(tau_m, tau, c_m)
    rise, gap = math.e / tau, fields["gap"]
    most = math.e * fields["peak"]
    return fields | {
        "rise": rise,
        "gain_rise": rise / np.where(gap == 0.0, np.inf, gap),
        "peak_rise": most if tau_m is None else np.minimum(most, _SLACK * tau_m / c_m),
    }
