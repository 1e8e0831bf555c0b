"""Leaky integrate-and-fire neurons of discrete time, as deep learning has them: no units, whatever dt is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import fma
from snn.errors import ValidationError
from snn.neurons.firing import fire, reset_of
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of
from snn.neurons.steps import Delta, DeltaArrivals, DeltaState, ExponentialState
from snn.random import Distribution


class Retested(NamedTuple):
    """What `step_retested` needs."""

    decay: float
    v_threshold: float
    drop: float


@step_of(Retested)
def step_retested(p, s, x, armed):
    """As `step_delta`, but where v is still at the threshold, test what is left after another drop."""
    held = s.v >= p.v_threshold
    v = fma(p.decay, s.v, x.current) + x.delta
    v = v - p.drop if held else v
    spiked = armed and v >= p.v_threshold
    if spiked and not held:
        v = v - p.drop
    elif held and not spiked:
        v = v + p.drop
    return DeltaState(v, 0), spiked


class Cuba(NamedTuple):
    """What `step_cuba` needs."""

    decay: float
    decay_syn: float
    gain_syn: float
    feed: float
    v_threshold: float
    kept: float  # a reset makes kept v + base of v
    base: float
    refractory_steps: int


@step_of(Cuba)
def step_cuba(p, s, x, armed):
    """Take v to its next value with i_syn as it was, then i_syn, and test the threshold."""
    arrived = x.current + x.delta
    v = fma(p.feed, arrived, fma(p.gain_syn, s.i_syn, fma(p.decay, s.v, 0.0)))
    v, refractory, spiked = fire(p, s.v, v, s.refractory, p.v_threshold, armed)
    return ExponentialState(v, refractory, fma(p.decay_syn, s.i_syn, arrived)), spiked


class DiscreteAdaptive(NamedTuple):
    """What `step_discrete_adaptive` needs."""

    decay: float
    v_threshold: float
    drop: float
    decay_theta: float
    jump: float


class DiscreteAdaptiveState(NamedTuple):
    """v; how far the threshold is above v_threshold; steps of refractoriness left, which are none."""

    v: float
    refractory: int = 0
    theta: float = 0.0


@step_of(DiscreteAdaptive)
def step_discrete_adaptive(p, s, x, armed):
    """Propagate v, add what arrives, test what of it is above theta, and let theta decay and jump."""
    v = fma(p.decay, s.v, 0.0) + (x.current + x.delta)
    # Not against the sum v_threshold + theta, whose rounding would lose that a threshold is the next number up.
    spiked = armed and v - s.theta >= p.v_threshold
    kept = fma(p.decay_theta, s.theta, 0.0)
    if spiked:
        return DiscreteAdaptiveState(v - p.drop, 0, kept + p.jump), spiked
    return DiscreteAdaptiveState(v, 0, kept), spiked


class _Discrete(Model):
    """A model without units, whose input comes in at one port."""

    def unit(self, name: str) -> str:
        """Return "1": nothing here has a unit."""
        return "1"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the one port."""
        return "delta"


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscreteLIF(_Discrete):
    """Leaky integrate-and-fire neuron of discrete time: v <- beta v + input, whatever dt is.

    The neuron of surrogate-gradient libraries (snnTorch's Leaky; Eshraghian et al., Proc. IEEE 111, 2023), on the same
    compiled step as `LIF` with delta synapses. It has no units.

    Parameters
    ----------
    beta : float, ndarray (n,) or distribution
        Factor of v over a step, from 0 to 1.
    v_threshold, v_reset : float, ndarray (n,) or distribution
        A spike where v >= v_threshold; reset as for `LIF`.
    reset : {"soft", "hard", "retested"}
        Soft: v is lowered by v_threshold - v_reset. Hard: v is put at v_reset. Retested: soft, except that a neuron
        whose v is still at the threshold after its reset is tested, in the next step, against v_threshold plus what a
        reset takes away; it is what snnTorch 1.0 does with ``reset_mechanism="subtract", reset_delay=False``.

    Raises
    ------
    ValidationError
        If beta is outside 0 to 1 or a parameter is not finite.
    """

    beta: Parameter = 0.9
    v_threshold: Parameter = 1.0
    v_reset: Parameter = 0.0
    reset: Literal["hard", "soft", "retested"] = "soft"

    def __post_init__(self):
        super().__post_init__()
        _check_factor("DiscreteLIF", "beta", self.beta)
        checks.parameter("DiscreteLIF", "v_threshold", self.v_threshold)
        checks.parameter("DiscreteLIF", "v_reset", self.v_reset)
        if self.reset not in ("hard", "soft", "retested"):
            raise ValidationError("DiscreteLIF", "reset", self.reset, '"hard", "soft" or "retested"')

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        threshold, reset = values["v_threshold"], values["v_reset"]
        if self.reset == "retested":
            parameters = Retested(values["beta"], threshold, threshold - reset)
            return Lowered(parameters, DeltaState(0.0, 0), DeltaArrivals)
        parameters = Delta(
            decay=values["beta"],
            drive=0.0,
            gain=1.0,
            v_threshold=threshold,
            **reset_of(self.reset, threshold, reset),
            refractory_steps=0,
        )
        return Lowered(parameters, DeltaState(0.0, 0), DeltaArrivals)


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscreteAdaptiveLIF(_Discrete):
    """Leaky integrate-and-fire neuron of discrete time whose threshold rises with every spike, whatever dt is.

    v <- beta v + input; a spike where v - theta >= v_threshold, which lowers v by v_threshold - v_reset; then
    theta <- rho theta + jump (a spike) or rho theta. The ALIF neuron of surrogate-gradient training (Bellec, Salaj,
    Subramoney, Legenstein & Maass, NeurIPS 2018; with this reset Bellec et al., Nature Communications 11, 2020, where
    jump is their beta). It has no units. State variables: v, refractory (always 0), theta.

    Parameters
    ----------
    beta, rho : float, ndarray (n,) or distribution
        Factors of v and of theta over a step, from 0 to 1.
    jump : float, ndarray (n,) or distribution
        What a spike adds to theta.
    v_threshold, v_reset : float, ndarray (n,) or distribution
        As above.

    Raises
    ------
    ValidationError
        If beta or rho is outside 0 to 1 or a parameter is not finite.
    """

    beta: Parameter = 0.9
    rho: Parameter = 0.95
    jump: Parameter = 0.2
    v_threshold: Parameter = 1.0
    v_reset: Parameter = 0.0

    def __post_init__(self):
        super().__post_init__()
        for name in ("beta", "rho"):
            _check_factor("DiscreteAdaptiveLIF", name, getattr(self, name))
        for name in ("jump", "v_threshold", "v_reset"):
            checks.parameter("DiscreteAdaptiveLIF", name, getattr(self, name))

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        parameters = DiscreteAdaptive(
            decay=values["beta"],
            v_threshold=values["v_threshold"],
            drop=values["v_threshold"] - values["v_reset"],
            decay_theta=values["rho"],
            jump=values["jump"],
        )
        return Lowered(parameters, DiscreteAdaptiveState(0.0), DeltaArrivals)


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscreteCubaLIF(_Discrete):
    """Current-based leaky integrate-and-fire neuron of discrete time, whatever dt is.

    v <- beta v + gain i_syn + feed x and i_syn <- alpha i_syn + x, where x is what arrives in the step and flows during
    it, and i_syn on the right is the one before the step. With ``gain=alpha, feed=1`` it is snnTorch's Synaptic, whose
    input acts on v in the same step; with ``feed=0`` it acts one step later; other values solve the differential
    equations exactly for input that is constant during a step. It has no units.

    Parameters
    ----------
    alpha, beta : float, ndarray (n,) or distribution
        Factors of i_syn and of v over a step, from 0 to 1.
    gain, feed : float, ndarray (n,) or distribution
        Effects on v of i_syn and of the input.
    v_threshold, v_reset : float, ndarray (n,) or distribution
        A spike where v >= v_threshold; reset as for `LIF`.
    reset : {"soft", "hard"}
        Soft: v is lowered by v_threshold - v_reset. Hard: v is put at v_reset. i_syn stays.

    Raises
    ------
    ValidationError
        If alpha or beta is outside 0 to 1 or a parameter is not finite.
    """

    alpha: Parameter = 0.8
    beta: Parameter = 0.9
    gain: Parameter = 0.8
    feed: Parameter = 1.0
    v_threshold: Parameter = 1.0
    v_reset: Parameter = 0.0
    reset: Literal["hard", "soft"] = "soft"

    def __post_init__(self):
        super().__post_init__()
        for name in ("alpha", "beta"):
            _check_factor("DiscreteCubaLIF", name, getattr(self, name))
        for name in ("gain", "feed", "v_threshold", "v_reset"):
            checks.parameter("DiscreteCubaLIF", name, getattr(self, name))
        if self.reset not in ("hard", "soft"):
            raise ValidationError("DiscreteCubaLIF", "reset", self.reset, '"hard" or "soft"')

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        parameters = Cuba(
            decay=values["beta"],
            decay_syn=values["alpha"],
            gain_syn=values["gain"],
            feed=values["feed"],
            v_threshold=values["v_threshold"],
            **reset_of(self.reset, values["v_threshold"], values["v_reset"]),
            refractory_steps=0,
        )
        return Lowered(parameters, ExponentialState(0.0), DeltaArrivals)


def _check_factor(owner: str, name: str, value: Parameter) -> None:
    """Refuse a factor over a step that is outside 0 to 1."""
    checked = checks.parameter(owner, name, value, minimum=0.0)
    if not isinstance(checked, Distribution) and np.any(np.asarray(checked) > 1):
        raise ValidationError(owner, name, value, "numbers from 0 to 1")
