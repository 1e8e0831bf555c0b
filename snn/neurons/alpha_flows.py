"""Integrate-and-fire neurons with alpha synapses between events, of one or two time constants.

The equations stand in `snn.neurons.responses` and `snn.neurons.crossings`. An alpha current changes by

    di/dt = (p - q t) e^{-st},    p = e s i_rise - s i,    q = e s^2 i_rise,

which is zero at t = p / q at most. Of two of them, with rates s_1 and s_2 = s_1 + d, it is

    e^{s_1 t} di/dt = k(t) = p_1 - q_1 t + (p_2 - q_2 t) e^{-dt}

that must be zero. The derivative of such a function has the same form, and the second one is (p'' - q'' t) e^{-dt} with
one zero at most. So there are two pieces in which k' is monotone, in these four pieces in which k is, and in each of
these k has one zero at most.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from snn.arithmetic import decay, exp, fma
from snn.jit import inlined, shared
from snn.neurons.crossings import course, crossing_of_pieces, steepest
from snn.neurons.flow import advance, crossing, earliest, fire, hold, receive, receive_held
from snn.neurons.responses import drift, reached, response, rising_response

_CLOSE = 2.0**-30  # of a time, where an error counts by its square


class AlphaFlow(NamedTuple):
    """What the flow needs: as `snn.neurons.exponential_flows.ExponentialFlow`, and what i_rise does."""

    origin: float
    threshold: float
    reset: float
    drop: float
    soft: bool
    t_ref: float
    i_e: float
    rate: float
    gain: float
    resistance: float
    fastest: float
    rate_syn: float
    gap_syn: float
    gain_syn: float
    near_syn: bool
    peak_syn: float
    rise_syn: float  # e rate_syn
    gain_rise_syn: float  # rise_syn / gap_syn
    peak_rise_syn: float  # no less than what 1 pA of i_rise adds to u, in mV


class TwoAlphasFlow(NamedTuple):
    """What the flow needs: as `AlphaFlow`, once for excitation and once for inhibition."""

    origin: float
    threshold: float
    reset: float
    drop: float
    soft: bool
    t_ref: float
    i_e: float
    rate: float
    gain: float
    resistance: float
    fastest: float
    rate_ex: float
    gap_ex: float
    gain_ex: float
    near_ex: bool
    peak_ex: float
    rise_ex: float
    gain_rise_ex: float
    peak_rise_ex: float
    rate_in: float
    gap_in: float
    gain_in: float
    near_in: bool
    peak_in: float
    rise_in: float
    gain_rise_in: float
    peak_rise_in: float


class AlphaFlowState(NamedTuple):
    """u in mV; constant current of stimuli, synaptic current and the current that feeds it in pA."""

    u: float
    current: float = 0.0
    i_syn: float = 0.0
    i_rise: float = 0.0


class TwoAlphasFlowState(NamedTuple):
    """As `AlphaFlowState`, once for excitation and once for inhibition."""

    u: float
    current: float = 0.0
    i_ex: float = 0.0
    i_rise_ex: float = 0.0
    i_in: float = 0.0
    i_rise_in: float = 0.0


@inlined
def _decayed(rise, fall, i, i_rise, t):
    """Return an alpha current and what feeds it after t ms; `fall` is e^{-st}."""
    return fall * fma(rise * t, i_rise, i), fall * i_rise


@advance.of(AlphaFlow)
def _advance(p, s, t):
    leak, fall = decay(-p.rate * t), decay(-p.rate_syn * t)
    change = fma(leak[1], s.u, drift(p, leak, t) * (p.i_e + s.current))
    effect = response(p.gain, p.gain_syn, p.gap_syn, p.near_syn, leak, fall, t)
    rising = rising_response(p.gain, p.rise_syn, p.gain_rise_syn, p.gap_syn, p.near_syn, leak, fall, effect, t)
    change = fma(rising, s.i_rise, fma(effect, s.i_syn, change))
    i_syn, i_rise = _decayed(p.rise_syn, fall[0], s.i_syn, s.i_rise, t)
    return AlphaFlowState(s.u + change, s.current, i_syn, i_rise)


@hold.of(AlphaFlow)
def _hold(p, s, t):
    i_syn, i_rise = _decayed(p.rise_syn, decay(-p.rate_syn * t)[0], s.i_syn, s.i_rise, t)
    return AlphaFlowState(s.u, s.current, i_syn, i_rise)


@receive.of(AlphaFlow)
@receive_held.of(AlphaFlow)
def _receive(p, s, x):
    return AlphaFlowState(s.u, s.current + x.current, s.i_syn, s.i_rise + x.syn)


@fire.of(AlphaFlow)
def _fire(p, s):
    return AlphaFlowState(s.u - p.drop if p.soft else p.reset, s.current, s.i_syn, s.i_rise)


@earliest.of(AlphaFlow)
def _earliest(p, s):
    now, later = max(s.i_syn, 0.0), max(s.i_rise, 0.0)
    return reached(p, s.u, p.i_e + s.current, fma(p.peak_syn, now, p.peak_rise_syn * later), now + later)


@course.of(AlphaFlow)
def _course(p, s):
    slope = fma(p.gain, p.i_e + s.current + s.i_syn, -(p.rate * s.u))
    change = fma(p.rise_syn, s.i_rise, -(p.rate_syn * s.i_syn))
    return slope, fma(p.gain, change, -(p.rate * slope))


@steepest.of(AlphaFlow)
def _steepest(p, s):
    current = abs(p.i_e + s.current) + abs(s.i_syn) + abs(s.i_rise)
    return fma(p.rate, abs(s.u), 2.0 * p.gain * current)


@crossing.of(AlphaFlow)
def _crossing(p, s, t):
    start, fall = _change(p.rate_syn, p.rise_syn, s.i_syn, s.i_rise)
    turn = start / fall if fall != 0.0 else t
    return crossing_of_pieces(p, s, (min(turn, t), t))


@inlined
def _change(rate, rise, i, i_rise):
    """Return p and q."""
    return fma(rise, i_rise, -(rate * i)), rate * rise * i_rise


@advance.of(TwoAlphasFlow)
def _advance_two(p, s, t):
    leak, fall_ex, fall_in = decay(-p.rate * t), decay(-p.rate_ex * t), decay(-p.rate_in * t)
    change = fma(leak[1], s.u, drift(p, leak, t) * (p.i_e + s.current))
    effect = response(p.gain, p.gain_ex, p.gap_ex, p.near_ex, leak, fall_ex, t)
    rising = rising_response(p.gain, p.rise_ex, p.gain_rise_ex, p.gap_ex, p.near_ex, leak, fall_ex, effect, t)
    change = fma(rising, s.i_rise_ex, fma(effect, s.i_ex, change))
    effect = response(p.gain, p.gain_in, p.gap_in, p.near_in, leak, fall_in, t)
    rising = rising_response(p.gain, p.rise_in, p.gain_rise_in, p.gap_in, p.near_in, leak, fall_in, effect, t)
    change = fma(rising, s.i_rise_in, fma(effect, s.i_in, change))
    i_ex, i_rise_ex = _decayed(p.rise_ex, fall_ex[0], s.i_ex, s.i_rise_ex, t)
    i_in, i_rise_in = _decayed(p.rise_in, fall_in[0], s.i_in, s.i_rise_in, t)
    return TwoAlphasFlowState(s.u + change, s.current, i_ex, i_rise_ex, i_in, i_rise_in)


@hold.of(TwoAlphasFlow)
def _hold_two(p, s, t):
    i_ex, i_rise_ex = _decayed(p.rise_ex, decay(-p.rate_ex * t)[0], s.i_ex, s.i_rise_ex, t)
    i_in, i_rise_in = _decayed(p.rise_in, decay(-p.rate_in * t)[0], s.i_in, s.i_rise_in, t)
    return TwoAlphasFlowState(s.u, s.current, i_ex, i_rise_ex, i_in, i_rise_in)


@receive.of(TwoAlphasFlow)
@receive_held.of(TwoAlphasFlow)
def _receive_two(p, s, x):
    return TwoAlphasFlowState(s.u, s.current + x.current, s.i_ex, s.i_rise_ex + x.ex, s.i_in, s.i_rise_in + x.inh)


@fire.of(TwoAlphasFlow)
def _fire_two(p, s):
    u = s.u - p.drop if p.soft else p.reset
    return TwoAlphasFlowState(u, s.current, s.i_ex, s.i_rise_ex, s.i_in, s.i_rise_in)


@earliest.of(TwoAlphasFlow)
def _earliest_two(p, s):
    ex, later_ex, inh, later_in = max(s.i_ex, 0.0), max(s.i_rise_ex, 0.0), max(s.i_in, 0.0), max(s.i_rise_in, 0.0)
    peak = fma(p.peak_ex, ex, fma(p.peak_rise_ex, later_ex, fma(p.peak_in, inh, p.peak_rise_in * later_in)))
    return reached(p, s.u, p.i_e + s.current, peak, ex + later_ex + inh + later_in)


@course.of(TwoAlphasFlow)
def _course_two(p, s):
    slope = fma(p.gain, p.i_e + s.current + s.i_ex + s.i_in, -(p.rate * s.u))
    change_ex = fma(p.rise_ex, s.i_rise_ex, -(p.rate_ex * s.i_ex))
    change_in = fma(p.rise_in, s.i_rise_in, -(p.rate_in * s.i_in))
    return slope, fma(p.gain, change_ex + change_in, -(p.rate * slope))


@steepest.of(TwoAlphasFlow)
def _steepest_two(p, s):
    current = abs(p.i_e + s.current) + abs(s.i_ex) + abs(s.i_rise_ex) + abs(s.i_in) + abs(s.i_rise_in)
    return fma(p.rate, abs(s.u), 2.0 * p.gain * current)


class _Change(NamedTuple):
    """The function k; `gap` is d."""

    p_1: float
    q_1: float
    p_2: float
    q_2: float
    gap: float


@inlined
def _derivative(k):
    """Return k'."""
    return _Change(-k.q_1, 0.0, -fma(k.gap, k.p_2, k.q_2), -k.gap * k.q_2, k.gap)


@inlined
def _value(k, t):
    """Return k(t)."""
    return fma(fma(-k.q_2, t, k.p_2), exp(-k.gap * t), fma(-k.q_1, t, k.p_1))


@shared
def _zero(k, low, high):
    """Return where k, monotone from `low` to `high`, changes its sign; `high` if it does not."""
    positive = _value(k, high) > 0.0
    if (_value(k, low) > 0.0) == positive:
        return high
    slope, at, middle = _derivative(k), low, fma(0.5, high - low, low)
    while low < middle < high:
        steepness = _value(slope, at)
        step = -_value(k, at) / steepness if steepness != 0.0 else math.inf
        if abs(step) <= _CLOSE * at:
            return at
        at = at + step if low < at + step < high else middle
        low, high = (low, at) if (_value(k, at) > 0.0) == positive else (at, high)
        middle = fma(0.5, high - low, low)
    return middle


@crossing.of(TwoAlphasFlow)
def _crossing_two(p, s, t):
    if earliest(p, s) > t:
        return math.inf
    p_1, q_1 = _change(p.rate_ex, p.rise_ex, s.i_ex, s.i_rise_ex)
    p_2, q_2 = _change(p.rate_in, p.rise_in, s.i_in, s.i_rise_in)
    if p.rate_ex > p.rate_in:
        p_1, q_1, p_2, q_2 = p_2, q_2, p_1, q_1
    end_1, end_2 = fma(-q_1, t, p_1), fma(-q_2, t, p_2)
    if min(p_1, end_1, p_2, end_2) >= 0.0 or max(p_1, end_1, p_2, end_2) <= 0.0:  # so k has no zero in between
        return crossing_of_pieces(p, s, (t, t, t, t, t))
    k = _Change(p_1, q_1, p_2, q_2, abs(p.rate_ex - p.rate_in))
    slope = _derivative(k)
    bend = _derivative(slope)
    turn = bend.p_2 / bend.q_2 if bend.q_2 != 0.0 else t
    turn = turn if 0.0 < turn < t else t
    first, last = _zero(slope, 0.0, turn), _zero(slope, turn, t)
    before = _zero(k, 0.0, first), _zero(k, first, turn)
    after = _zero(k, turn, last), _zero(k, last, t)
    return crossing_of_pieces(p, s, (before[0], before[1], after[0], after[1], t))
