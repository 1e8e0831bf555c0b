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
computed from states, so nothing is divided by differences of time constants, and where rounding makes a sign wrong, the
value in question is zero to within rounding.

A piece is the whole interval for one exponential current, whose di/dt has no zero. Where there are more pieces, the
model's `crossing` goes through them. (D'Haene, Schrauwen, Van Campenhout and Stroobandt, Neural Comput. 21, 2009, treat
any number of time constants in another way, and Brette, Neural Comput. 19, 2007, rational ratios of them.)

Roots are found in a bracket that always holds them, by steps to the root of the parabola that has the function's value,
slope and curvature (Euler's method). They converge cubically, also where u grazes the threshold and Newton's method
would not. A step shorter than 2^-20 of the shortest time constant is the last: the parabola then leaves out 2^-60 of u.
"""

from __future__ import annotations

import math

from snn.arithmetic import fma, product
from snn.jit import by_class, shared
from snn.neurons.flow import advance, earliest


@by_class(forceinline=True)
def course(p, s):
    """Return du/dt in mV/ms and d2u/dt2 in mV/ms^2."""


_HALVE_EVERY = 4  # steps, of which one halves the bracket whatever the others do


@shared
def rising(p, s, t):
    """Return when u reaches the threshold: below it at 0, not at t, and at one time in between."""
    low, high, at, now, steps = 0.0, t, 0.0, s, 0
    while True:
        steps += 1
        missing = p.threshold - now.u
        slope, bend = course(p, now)
        inside = fma(slope, slope, 2.0 * bend * missing)
        towards = slope + math.sqrt(max(inside, 0.0))
        step = 2.0 * missing / towards if inside >= 0.0 and towards > 0.0 else math.inf
        if abs(step) <= p.close:
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
def summit(p, s, t):
    """Return a time in (0, t) when u has reached the threshold, or inf; u turns once, rising at 0 and falling at t."""
    low, high, at, now, steps = 0.0, t, 0.0, s, 0
    while now.u < p.threshold:
        steps += 1
        slope, bend = course(p, now)
        if slope > 0.0:
            low = at
            if now.u + product(slope, high - at) < p.threshold:  # a positive slope has only ever fallen
                return math.inf
        else:
            high = at
        step = -slope / bend if bend < 0.0 else math.inf
        middle = fma(0.5, high - low, low)
        if abs(step) <= p.close or not low < middle < high:
            return at + step if fma(0.5 * slope, step, now.u) >= p.threshold else math.inf
        at = at + step if low < at + step < high and steps % _HALVE_EVERY > 0 else middle
        now = advance(p, s, at)
    return at


@shared
def crossing_of_piece(p, s, t):
    """Return the first time in (0, t] when u reaches the threshold, or inf, where di/dt has no zero in (0, t)."""
    end = advance(p, s, t)
    if end.u < p.threshold:
        if not (course(p, s)[0] > 0.0 > course(p, end)[0]):
            return math.inf
        t = summit(p, s, t)
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
            at = start + crossing_of_piece(p, now, cut - start)
            if at < math.inf:
                return at
            start, now = cut, advance(p, now, cut - start)
    return math.inf
