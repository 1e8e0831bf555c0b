"""Compiled steps of integrate-and-fire neurons, one for every kind of synapse, and what they take and return.

The equations stand in `snn.neurons.integrate_and_fire`, whose models compute the parameters.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from snn.arithmetic import fma
from snn.jit import compiled
from snn.neurons.firing import fire
from snn.neurons.model import step_of


class Delta(NamedTuple):
    """What `step_delta` needs."""

    decay: float  # factor of v over a step
    drive: float  # mV that rest and i_e add to v in a step
    gain: float  # mV that 1 pA adds to v in a step
    v_threshold: float
    kept: float  # a reset makes kept v + base of v
    base: float
    refractory_steps: int


class Exponential(NamedTuple):
    """What `step_exponential` needs: as `Delta`, and the synapse's factor and effect over a step."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float
    refractory_steps: int
    decay_syn: float
    gain_syn: float  # mV that 1 pA of i_syn at the step's start adds to v


class TwoExponentials(NamedTuple):
    """What `step_two_exponentials` needs: as `Exponential`, once for excitation and once for inhibition."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float
    refractory_steps: int
    decay_ex: float
    gain_ex: float
    decay_in: float
    gain_in: float


class Alpha(NamedTuple):
    """What `step_alpha` needs: as `Exponential`, and what i_rise does over a step."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float
    refractory_steps: int
    decay_syn: float  # factor of i_syn and of i_rise
    gain_syn: float
    rise_syn: float  # pA that 1 pA of i_rise at the step's start adds to i_syn
    gain_rise_syn: float  # mV that it adds to v


class TwoAlphas(NamedTuple):
    """What `step_two_alphas` needs: as `Alpha`, once for excitation and once for inhibition."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float
    refractory_steps: int
    decay_ex: float
    gain_ex: float
    rise_ex: float
    gain_rise_ex: float
    decay_in: float
    gain_in: float
    rise_in: float
    gain_rise_in: float


class Prompt(NamedTuple):
    """What `step_prompt` needs: as `Delta`."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float


class PromptState(NamedTuple):
    """v in mV."""

    v: float


class DeltaState(NamedTuple):
    """v in mV; steps of refractoriness left."""

    v: float
    refractory: int = 0


class ExponentialState(NamedTuple):
    """v in mV; steps of refractoriness left; synaptic current in pA."""

    v: float
    refractory: int = 0
    i_syn: float = 0.0


class TwoExponentialsState(NamedTuple):
    """v in mV; steps of refractoriness left; excitatory and inhibitory current in pA."""

    v: float
    refractory: int = 0
    i_ex: float = 0.0
    i_in: float = 0.0


class AlphaState(NamedTuple):
    """As `ExponentialState`; and the current in pA that decays as an exponential synapse's would and feeds i_syn."""

    v: float
    refractory: int = 0
    i_syn: float = 0.0
    i_rise: float = 0.0


class TwoAlphasState(NamedTuple):
    """As `AlphaState`, once for excitation and once for inhibition."""

    v: float
    refractory: int = 0
    i_ex: float = 0.0
    i_rise_ex: float = 0.0
    i_in: float = 0.0
    i_rise_in: float = 0.0


class DeltaArrivals(NamedTuple):
    """Sum of arriving weights in mV; current in pA."""

    delta: float
    current: float


class CurrentArrivals(NamedTuple):
    """Sum of arriving weights in pA; current in pA."""

    syn: float
    current: float


class TwoCurrentsArrivals(NamedTuple):
    """Sums of arriving positive and negative weights in pA; current in pA."""

    ex: float
    inh: float
    current: float


@compiled
def _alpha(decay, rise, i, i_rise, arrived):
    """Propagate an alpha current and what feeds it, and add what arrives; returns both."""
    # decay * i is the addend of an fma, which no compiler can fuse any further.
    return fma(rise, i_rise, decay * i), fma(decay, i_rise, arrived)


@step_of(Delta)
def step_delta(p, s, x, armed):
    """Propagate v, add what arrives (a refractory neuron drops it), test the threshold."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive)) + x.delta
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    return DeltaState(v, refractory), spiked


@step_of(Prompt)
def step_prompt(p, s, x, armed):
    """As `step_delta`, of a neuron that is never refractory."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive)) + x.delta
    spiked = v >= (p.v_threshold if armed else math.inf)
    return PromptState(fma(p.kept, v, p.base) if spiked else v), spiked


def without_refractoriness(parameters: Any, state: Any) -> tuple[Any, Any]:
    """Return the parameters and state of neurons without what counts refractory steps, where none are; else as given.

    Their step gives the same, with less to load and store.

    Parameters
    ----------
    parameters, state : NamedTuple
        Of numbers or arrays.
    """
    if isinstance(parameters, Delta) and not np.any(parameters.refractory_steps) and not np.any(state.refractory):
        return Prompt(*parameters[: len(Prompt._fields)]), PromptState(state.v)
    return parameters, state


@step_of(Exponential)
def step_exponential(p, s, x, armed):
    """Propagate v with i_syn as it was, decay i_syn and add what arrives, test the threshold."""
    v = fma(p.gain_syn, s.i_syn, fma(p.gain, x.current, fma(p.decay, s.v, p.drive)))
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    return ExponentialState(v, refractory, fma(p.decay_syn, s.i_syn, x.syn)), spiked


@step_of(TwoExponentials)
def step_two_exponentials(p, s, x, armed):
    """As `step_exponential`, with one current for excitation and one for inhibition."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive))
    v = fma(p.gain_in, s.i_in, fma(p.gain_ex, s.i_ex, v))
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    i_ex = fma(p.decay_ex, s.i_ex, x.ex)
    i_in = fma(p.decay_in, s.i_in, x.inh)
    return TwoExponentialsState(v, refractory, i_ex, i_in), spiked


@step_of(Alpha)
def step_alpha(p, s, x, armed):
    """As `step_exponential`, but what arrives is added to i_rise, which feeds i_syn."""
    v = fma(p.gain_syn, s.i_syn, fma(p.gain, x.current, fma(p.decay, s.v, p.drive)))
    v = fma(p.gain_rise_syn, s.i_rise, v)
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    i_syn, i_rise = _alpha(p.decay_syn, p.rise_syn, s.i_syn, s.i_rise, x.syn)
    return AlphaState(v, refractory, i_syn, i_rise), spiked


@step_of(TwoAlphas)
def step_two_alphas(p, s, x, armed):
    """As `step_alpha`, with one current for excitation and one for inhibition."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive))
    v = fma(p.gain_rise_ex, s.i_rise_ex, fma(p.gain_ex, s.i_ex, v))
    v = fma(p.gain_rise_in, s.i_rise_in, fma(p.gain_in, s.i_in, v))
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    i_ex, i_rise_ex = _alpha(p.decay_ex, p.rise_ex, s.i_ex, s.i_rise_ex, x.ex)
    i_in, i_rise_in = _alpha(p.decay_in, p.rise_in, s.i_in, s.i_rise_in, x.inh)
    return TwoAlphasState(v, refractory, i_ex, i_rise_ex, i_in, i_rise_in), spiked
