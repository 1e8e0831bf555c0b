"""Integrate-and-fire neurons with delta synapses between events; the equations stand in `snn.neurons.responses`.

With a constant current u goes from where it is to b I / a, and reaches a threshold below that after

    t = log(1 + a y) / a,    y = (threshold - u) / (b I - a threshold),

which is y without leak.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from snn.arithmetic import decay, fma, log1p
from snn.neurons.flow import advance, crossing, earliest, fire, hold, receive, receive_held
from snn.neurons.responses import drift, reached


class DeltaFlow(NamedTuple):
    """What the flow of a neuron with delta synapses needs."""

    origin: float  # v_rest
    threshold: float  # v_threshold - v_rest
    reset: float  # v_reset - v_rest
    drop: float  # v_threshold - v_reset
    soft: bool
    t_ref: float
    i_e: float
    rate: float  # 1 / tau_m, 0 without leak
    gain: float  # 1 / c_m
    resistance: float  # mV that 1 pA adds to u in the end


class DeltaFlowState(NamedTuple):
    """u in mV; constant current of stimuli in pA."""

    u: float
    current: float = 0.0


@advance.of(DeltaFlow)
def _advance(p, s, t):
    leak = decay(-p.rate * t)
    return DeltaFlowState(s.u + fma(leak[1], s.u, drift(p, leak, t) * (p.i_e + s.current)), s.current)


@hold.of(DeltaFlow)
def _hold(p, s, t):
    return s


@receive.of(DeltaFlow)
def _receive(p, s, x):
    return DeltaFlowState(s.u + x.delta, s.current + x.current)


@receive_held.of(DeltaFlow)
def _receive_held(p, s, x):
    return DeltaFlowState(s.u, s.current + x.current)


@fire.of(DeltaFlow)
def _fire(p, s):
    return DeltaFlowState(s.u - p.drop if p.soft else p.reset, s.current)


@earliest.of(DeltaFlow)
def _earliest(p, s):
    return reached(p, s.u, p.i_e + s.current, 0.0, 0.0)


@crossing.of(DeltaFlow)
def _crossing(p, s, t):
    drive = p.i_e + s.current
    slope = fma(p.gain, drive, -(p.rate * p.threshold))
    if p.resistance * drive <= p.threshold or slope <= 0.0:
        return math.inf
    linear = (p.threshold - s.u) / slope
    at = linear if p.rate == 0.0 else log1p(p.rate * linear) / p.rate
    return at if at <= t else math.inf
