"""Integrate-and-fire neurons with exponential synapses between events, of one or two time constants.

The equations stand in `snn.neurons.responses` and `snn.neurons.crossings`. With two currents di/dt has a zero where
s_1 i_1 e^{-s_1 t} = -s_2 i_2 e^{-s_2 t}: at one time at most, and only if their signs differ.
"""

from __future__ import annotations

from typing import NamedTuple

from snn.arithmetic import expm1, fma
from snn.neurons.crossings import course, crossing_of_piece
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
    close: float  # a last step towards a root is at most so long, in ms
    rate_syn: float  # 1 / tau_syn
    gap_syn: float  # rate_syn - rate
    gain_syn: float  # gain / gap_syn
    near_syn: bool  # whether the two rates are too close to each other for gain_syn
    peak_syn: float  # the most that 1 pA adds to u, in mV


class ExponentialFlowState(NamedTuple):
    """u in mV; constant current of stimuli and synaptic current in pA."""

    u: float
    current: float = 0.0
    i_syn: float = 0.0


@advance.of(ExponentialFlow)
def _advance(p, s, t):
    fallen, decayed = expm1(-p.rate * t), expm1(-p.rate_syn * t)
    change = fma(fallen, s.u, drift(p, fallen, t) * (p.i_e + s.current))
    change = fma(response(p.gain_syn, p.gap_syn, p.near_syn, fallen, decayed, t, p.gain), s.i_syn, change)
    return ExponentialFlowState(s.u + change, s.current, fma(decayed, s.i_syn, s.i_syn))


@hold.of(ExponentialFlow)
def _hold(p, s, t):
    return ExponentialFlowState(s.u, s.current, fma(expm1(-p.rate_syn * t), s.i_syn, s.i_syn))


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


@crossing.of(ExponentialFlow)
def _crossing(p, s, t):
    return crossing_of_piece(p, s, t)
