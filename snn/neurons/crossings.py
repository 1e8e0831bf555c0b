r"""When a membrane with synaptic currents first reaches its threshold.

Equations
---------
With a = 1 / tau_m and b = 1 / c_m, the slope w = du/dt of a membrane obeys

.. math::

    \frac{du}{dt} = w = b\, i(t) - a u, \qquad \frac{d}{dt}\left(e^{at} w\right) = e^{at}\, b\, \frac{di}{dt},

i being the sum of all currents. So between two zeros of di/dt the function e^{at} w is monotone and w has one zero at
most (Rolle's theorem): u rises and falls, or falls and rises, or does one of them. Then u, below the threshold at the
left end, crosses it upwards once at most, and does so exactly if u has reached it at the right end, or if there is a
maximum in between and u has reached it there. `crossing_of_piece` is this test. It needs signs of w and u only, both
computed from states, so nothing is divided by differences of time constants.

A piece is the whole interval for one exponential current, whose di/dt has no zero. Where there are more pieces, the
model's `crossing` goes through them. (D'Haene, Schrauwen, Van Campenhout and Stroobandt, Neural Comput. 21, 2009, treat
any number of time constants in another way, and Brette, Neural Comput. 19, 2007, rational ratios of them.)

Rounding
--------
Long after the maximum w is so small that rounding decides its sign. With W no less than |w| ever is, from its parts at
the start, a slope within 2^-48 W of 0 says nothing, and u is taken to fall there: were it to rise, it would rise by no
more than such a slope allows, since a positive slope only falls.

Roots are found in a bracket that always holds them, by steps to the root of the parabola that has the function's value,
slope and curvature (Euler's method). They converge cubically, also where u grazes the threshold and Newton's method
would not. With r the largest of all rates, the parabola leaves out less than W r^2 step^3; where that is 2^-54 of u and
the threshold, the step is the last.
"""

from __future__ import annotations

import math

from snn.arithmetic import fma, product
from snn.jit import by_class, inlined, shared
from snn.neurons.flow import advance, earliest


@by_class(forceinline=True)
def course(p, s):
    """Return du/dt in mV/ms and d2u/dt2 in mV/ms^2."""


@by_class(forceinline=True)
def steepest(p, s):
    """Return a bound in mV/ms of |du/dt| now and later: of all its parts, as if none cancelled another."""


_NOISE = 2.0**-48
_LAST = 2.0**-54
_HALVE_EVERY = 4  # steps, of which one halves the bracket whatever the others do


@inlined
def _sharpness(p, s):
    """Return how many times the cube of a step may be what a parabola leaves out, if that is to be negligible."""
    return steepest(p, s) * p.fastest * p.fastest / (_LAST * (abs(p.threshold) + abs(s.u)))


@shared
def rising(p, s, t):
    """Return when u reaches the threshold: below it at 0, not at t, and at one time in between."""
    low, high, at, now, steps, sharpness = 0.0, t, 0.0, s, 0, _sharpness(p, s)
    while True:
        steps += 1
        missing = p.threshold - now.u
        slope, bend = course(p, now)
        inside = fma(slope, slope, 2.0 * bend * missing)
        towards = slope + math.sqrt(max(inside, 0.0))
        step = 2.0 * missing / towards if inside >= 0.0 and towards > 0.0 else math.inf
        if sharpness * abs(step) * step * step <= 1.0:
            return min(max(at + step, low), high)
        middle = fma(0.5, high - low, low)
        if not low < middle < high:
            return high
        at = at + step if low < at + step < high and steps % _HALVE_EVERY > 0 else middle
        now = advance(p, s, at)
        if now.u < p.threshold:
            low = at
        else:
            high = at


@shared
def summit(p, s, t, noise):
    """Return a time in (0, t) when u has reached the threshold, or inf; u rises at 0 and turns once, or not at all.

    Slopes up to `noise` may be negative ones.
    """
    low, high, at, now, steps, sharpness = 0.0, t, 0.0, s, 0, _sharpness(p, s)
    while now.u < p.threshold:
        steps += 1
        slope, bend = course(p, now)
        if slope > noise or at == 0.0:
            low = at
            if now.u + product(slope, high - at) < p.threshold:  # a positive slope has only ever fallen
                return math.inf
        else:
            high = at
        step = -slope / bend if bend < 0.0 else math.inf
        middle = fma(0.5, high - low, low)
        if sharpness * abs(step) * step * step <= 1.0 or not low < middle < high:
            top = fma(0.5 * slope, step, now.u)  # of the parabola
            return min(max(at + step, low), high) if top >= p.threshold else math.inf
        at = at + step if low < at + step < high and steps % _HALVE_EVERY > 0 else middle
        now = advance(p, s, at)
    return at


@shared
def crossing_of_piece(p, s, t):
    """Return the first time in (0, t] when u reaches the threshold, or inf, where di/dt has no zero in (0, t)."""
    end = advance(p, s, t)
    if end.u < p.threshold:
        noise = _NOISE * steepest(p, s)
        if course(p, s)[0] <= 0.0 or course(p, end)[0] > noise:
            return math.inf
        t = summit(p, s, t, noise)
    return rising(p, s, t) if t < math.inf else math.inf


@shared
def crossing_of_pieces(p, s, cuts):
    """Return the first time when u reaches the threshold, or inf.

    `cuts` are times in ascending order, among them all zeros of di/dt before the last one, where the search ends.
    """
    start, now = 0.0, s
    for cut in cuts:
        if cut > start:
            if earliest(p, now) > cuts[-1] - start:
                return math.inf
            at = crossing_of_piece(p, now, cut - start)
            if at < math.inf:
                return min(start + at, cut)
            start, now = cut, advance(p, now, cut - start)
    return math.inf
