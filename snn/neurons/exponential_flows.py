"""Integrate-and-fire neurons with exponential synapses between events, of one or two time constants.

The equations stand in `snn.neurons.responses` and `snn.neurons.crossings`. With two currents di/dt has a zero where
s_1 i_1 e^{-s_1 t} = -s_2 i_2 e^{-s_2 t}: at one time at most, and only if their signs differ.
"""

from __future__ import annotations

from typing import NamedTuple

from snn.arithmetic import decay, fma, log
from snn.neurons.crossings import course, crossing_of_piece, crossing_of_pieces, steepest
from snn.neurons.flow import advance, crossing, earliest, fire, hold, receive, receive_held
from snn.neurons.responses import drift, reached, response


class ExponentialFlow(NamedTuple):
    """What the flow needs: as `snn.neurons.delta_flows.DeltaFlow`, and the synapse."""

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
    fastest: float  # the largest of all rates in 1/ms
    rate_syn: float  # 1 / tau_syn
    gap_syn: float  # rate_syn - rate
    gain_syn: float  # gain / gap_syn
    near_syn: bool  # whether the two rates are too close to each other for gain_syn
    peak_syn: float  # the most that 1 pA adds to u, in mV


class TwoExponentialsFlow(NamedTuple):
    """What the flow needs: as `ExponentialFlow`, once for excitation and once for inhibition."""

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
    rate_in: float
    gap_in: float
    gain_in: float
    near_in: bool
    peak_in: float


class ExponentialFlowState(NamedTuple):
    """u in mV; constant current of stimuli and synaptic current in pA."""

    u: float
    current: float = 0.0
    i_syn: float = 0.0


class TwoExponentialsFlowState(NamedTuple):
    """u in mV; constant current of stimuli, excitatory and inhibitory current in pA."""

    u: float
    current: float = 0.0
    i_ex: float = 0.0
    i_in: float = 0.0


@advance.of(ExponentialFlow)
def _advance(p, s, t):
    leak, fall = decay(-p.rate * t), decay(-p.rate_syn * t)
    change = fma(leak[1], s.u, drift(p, leak, t) * (p.i_e + s.current))
    change = fma(response(p.gain, p.gain_syn, p.gap_syn, p.near_syn, leak, fall, t), s.i_syn, change)
    return ExponentialFlowState(s.u + change, s.current, fall[0] * s.i_syn)


@hold.of(ExponentialFlow)
def _hold(p, s, t):
    return ExponentialFlowState(s.u, s.current, decay(-p.rate_syn * t)[0] * s.i_syn)


@receive.of(ExponentialFlow)
@receive_held.of(ExponentialFlow)
def _receive(p, s, x):
    return ExponentialFlowState(s.u, s.current + x.current, s.i_syn + x.syn)


@fire.of(ExponentialFlow)
def _fire(p, s):
    return ExponentialFlowState(s.u - p.drop if p.soft else p.reset, s.current, s.i_syn)


@earliest.of(ExponentialFlow)
def _earliest(p, s):
    pushing = max(s.i_syn, 0.0)
    return reached(p, s.u, p.i_e + s.current, p.peak_syn * pushing, pushing)


@course.of(ExponentialFlow)
def _course(p, s):
    slope = fma(p.gain, p.i_e + s.current + s.i_syn, -(p.rate * s.u))
    return slope, -fma(p.rate, slope, p.gain * p.rate_syn * s.i_syn)


@steepest.of(ExponentialFlow)
def _steepest(p, s):
    return fma(p.rate, abs(s.u), 2.0 * p.gain * (abs(p.i_e + s.current) + abs(s.i_syn)))


@crossing.of(ExponentialFlow)
def _crossing(p, s, t):
    return crossing_of_piece(p, s, t)


@advance.of(TwoExponentialsFlow)
def _advance_two(p, s, t):
    leak, fall_ex, fall_in = decay(-p.rate * t), decay(-p.rate_ex * t), decay(-p.rate_in * t)
    change = fma(leak[1], s.u, drift(p, leak, t) * (p.i_e + s.current))
    change = fma(response(p.gain, p.gain_ex, p.gap_ex, p.near_ex, leak, fall_ex, t), s.i_ex, change)
    change = fma(response(p.gain, p.gain_in, p.gap_in, p.near_in, leak, fall_in, t), s.i_in, change)
    return TwoExponentialsFlowState(s.u + change, s.current, fall_ex[0] * s.i_ex, fall_in[0] * s.i_in)


@hold.of(TwoExponentialsFlow)
def _hold_two(p, s, t):
    i_ex, i_in = decay(-p.rate_ex * t)[0] * s.i_ex, decay(-p.rate_in * t)[0] * s.i_in
    return TwoExponentialsFlowState(s.u, s.current, i_ex, i_in)


@receive.of(TwoExponentialsFlow)
@receive_held.of(TwoExponentialsFlow)
def _receive_two(p, s, x):
    return TwoExponentialsFlowState(s.u, s.current + x.current, s.i_ex + x.ex, s.i_in + x.inh)


@fire.of(TwoExponentialsFlow)
def _fire_two(p, s):
    return TwoExponentialsFlowState(s.u - p.drop if p.soft else p.reset, s.current, s.i_ex, s.i_in)


@earliest.of(TwoExponentialsFlow)
def _earliest_two(p, s):
    ex, inh = max(s.i_ex, 0.0), max(s.i_in, 0.0)
    return reached(p, s.u, p.i_e + s.current, fma(p.peak_ex, ex, p.peak_in * inh), ex + inh)


@course.of(TwoExponentialsFlow)
def _course_two(p, s):
    slope = fma(p.gain, p.i_e + s.current + s.i_ex + s.i_in, -(p.rate * s.u))
    fading = fma(p.rate_ex, s.i_ex, p.rate_in * s.i_in)
    return slope, -fma(p.rate, slope, p.gain * fading)


@steepest.of(TwoExponentialsFlow)
def _steepest_two(p, s):
    return fma(p.rate, abs(s.u), 2.0 * p.gain * (abs(p.i_e + s.current) + abs(s.i_ex) + abs(s.i_in)))


@crossing.of(TwoExponentialsFlow)
def _crossing_two(p, s, t):
    change_ex, change_in, turn = p.rate_ex * s.i_ex, p.rate_in * s.i_in, t
    if p.rate_ex != p.rate_in and min(change_ex, change_in) < 0.0 < max(change_ex, change_in):
        turn = log(-change_ex / change_in) / (p.rate_ex - p.rate_in)
    return crossing_of_pieces(p, s, (min(turn, t), t))
