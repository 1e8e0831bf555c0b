r"""Integrate-and-fire neurons, with and without leak.

Equations
---------
.. math::

    \frac{dv}{dt} = -\frac{v - v_{rest}}{\tau_m} + \frac{i_e + i(t) + i_{syn}(t)}{c_m}, \qquad
    \frac{di_{syn}}{dt} = -\frac{i_{syn}}{\tau_{syn}}

and, where v >= v_threshold, a spike, after which v is held for t_ref. A hard reset puts v at v_reset, a soft one
lowers it by v_threshold - v_reset. `IF` is the limit of an infinite tau_m. With delta synapses a spike adds its weight
to v, with exponential ones to i_syn.

The step is exact for input that is constant or arrives at the grid's points (Rotter and Diesmann, Biol. Cybern. 81,
1999). With h = dt, a = 1 / tau_m, s = 1 / tau_syn and phi(x) = (exp(x) - 1) / x:

    v(t+h)     = e^{-ah} v(t) + (1 - e^{-ah}) v_rest + (h/c_m) phi(-ah) (i_e + i)
                 + (h/c_m) e^{-ah} phi((a-s) h) i_syn(t)
    i_syn(t+h) = e^{-sh} i_syn(t)

in which nothing is singular at tau_syn = tau_m or a = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import fma
from snn.errors import ValidationError
from snn.jit import compiled
from snn.neurons.model import Lowered, Model, Values, step_of
from snn.random import Distribution

Parameter = float | np.ndarray | Distribution


class Delta(NamedTuple):
    """What `step_delta` needs."""

    decay: float  # factor of v over a step
    drive: float  # mV that rest and i_e add to v in a step
    gain: float  # mV that 1 pA adds to v in a step
    v_threshold: float
    v_reset: float
    drop: float  # v_threshold - v_reset
    soft: bool
    refractory_steps: int


class Exponential(NamedTuple):
    """What `step_exponential` needs: as `Delta`, and the synapse's factor and effect over a step."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    v_reset: float
    drop: float
    soft: bool
    refractory_steps: int
    decay_syn: float
    gain_syn: float  # mV that 1 pA of i_syn at the step's start adds to v


class TwoExponentials(NamedTuple):
    """What `step_two_exponentials` needs: as `Exponential`, once for excitation and once for inhibition."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    v_reset: float
    drop: float
    soft: bool
    refractory_steps: int
    decay_ex: float
    gain_ex: float
    decay_in: float
    gain_in: float


class DeltaState(NamedTuple):
    """v in mV; steps of refractoriness left."""

    v: float
    refractory: int


class ExponentialState(NamedTuple):
    """v in mV; steps of refractoriness left; synaptic current in pA."""

    v: float
    refractory: int
    i_syn: float


class TwoExponentialsState(NamedTuple):
    """v in mV; steps of refractoriness left; excitatory and inhibitory current in pA."""

    v: float
    refractory: int
    i_ex: float
    i_in: float


class DeltaArrivals(NamedTuple):
    """Sum of arriving weights in mV; current in pA."""

    delta: float
    current: float


class ExponentialArrivals(NamedTuple):
    """Sum of arriving weights in pA; current in pA."""

    syn: float
    current: float


class TwoExponentialsArrivals(NamedTuple):
    """Sums of arriving positive and negative weights in pA; current in pA."""

    ex: float
    inh: float
    current: float


@compiled
def _fire(p, v, refractory, armed):
    """Test the threshold and reset: returns v, the steps of refractoriness left, and whether the neuron spiked."""
    spiked = armed and refractory == 0 and v >= p.v_threshold
    after = v - p.drop if p.soft else p.v_reset
    left = p.refractory_steps if spiked else max(refractory - 1, 0)
    return (after if spiked else v), left, spiked


@step_of(Delta)
def step_delta(p, s, x, armed):
    """Propagate v, add what arrives (a refractory neuron drops it), test the threshold."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive)) + x.delta
    v = s.v if s.refractory > 0 else v
    v, refractory, spiked = _fire(p, v, s.refractory, armed)
    return DeltaState(v, refractory), spiked


@step_of(Exponential)
def step_exponential(p, s, x, armed):
    """Propagate v with i_syn as it was, decay i_syn and add what arrives, test the threshold."""
    v = fma(p.gain_syn, s.i_syn, fma(p.gain, x.current, fma(p.decay, s.v, p.drive)))
    v = s.v if s.refractory > 0 else v
    v, refractory, spiked = _fire(p, v, s.refractory, armed)
    return ExponentialState(v, refractory, fma(p.decay_syn, s.i_syn, x.syn)), spiked


@step_of(TwoExponentials)
def step_two_exponentials(p, s, x, armed):
    """As `step_exponential`, with one current for excitation and one for inhibition."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive))
    v = fma(p.gain_in, s.i_in, fma(p.gain_ex, s.i_ex, v))
    v = s.v if s.refractory > 0 else v
    v, refractory, spiked = _fire(p, v, s.refractory, armed)
    i_ex = fma(p.decay_ex, s.i_ex, x.ex)
    i_in = fma(p.decay_in, s.i_in, x.inh)
    return TwoExponentialsState(v, refractory, i_ex, i_in), spiked


def _phi(x: Any) -> Any:
    """Return (exp(x) - 1) / x, which is 1 at x = 0."""
    x = np.asarray(x, np.float64)
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.expm1(safe) / safe)


@dataclass(frozen=True, eq=False)
class _IntegrateAndFire(Model):
    """What `IF` and `LIF` share: synapses, reset, refractoriness and the exact step."""

    v_threshold: Parameter
    v_reset: Parameter
    t_ref: Parameter
    c_m: Parameter
    i_e: Parameter
    reset: Literal["hard", "soft"]
    synapse: Literal["delta", "exponential"]
    tau_syn: Parameter
    tau_syn_inh: Parameter | None

    def __post_init__(self):
        name = type(self).__name__
        for field in ("v_threshold", "v_reset", "i_e"):
            checks.parameter(name, field, getattr(self, field))
        checks.parameter(name, "t_ref", self.t_ref, minimum=0.0)
        for field in ("c_m", "tau_syn", "tau_syn_inh"):
            if getattr(self, field) is not None:
                checks.parameter(name, field, getattr(self, field), minimum=0.0, exclusive=True)
        if self.reset not in ("hard", "soft"):
            raise ValidationError(name, "reset", self.reset, '"hard" or "soft"')
        if self.synapse not in ("delta", "exponential"):
            raise ValidationError(name, "synapse", self.synapse, '"delta" or "exponential"')
        if self.synapse == "delta" and self.tau_syn_inh is not None:
            raise ValidationError(name, "tau_syn_inh", self.tau_syn_inh, 'nothing, unless synapse="exponential"')

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        if self.synapse == "delta":
            return "delta"
        if self.tau_syn_inh is None:
            return "syn"
        return "inh" if weight_is_negative else "ex"

    def _leak(self, values: Values) -> tuple[Any, Any]:
        """Return the membrane's rate of decay in 1/ms and the voltage it decays to in mV."""
        raise NotImplementedError

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the exact propagators over one step of `dt` ms."""
        name = type(self).__name__
        threshold, reset = values["v_threshold"], values["v_reset"]
        if np.any(np.asarray(reset) >= threshold):
            raise ValidationError(name, "v_reset", reset, f"values below v_threshold = {threshold}")
        a, v_rest = self._leak(values)  # 1/ms, mV
        gain = dt / values["c_m"] * _phi(-a * dt)
        membrane = {
            "decay": np.exp(-a * dt),
            "drive": -np.expm1(-a * dt) * v_rest + gain * values["i_e"],
            "gain": gain,
            "v_threshold": threshold,
            "v_reset": reset,
            "drop": threshold - reset,
            "soft": self.reset == "soft",
            "refractory_steps": checks.steps(name, "t_ref", values["t_ref"], dt),
        }
        start = {"v": v_rest, "refractory": 0}

        def synapse(tau: Any) -> tuple[Any, Any]:
            return np.exp(-dt / tau), dt / values["c_m"] * np.exp(-a * dt) * _phi((a - 1 / tau) * dt)

        if self.synapse == "delta":
            return Lowered(Delta(**membrane), DeltaState(**start), DeltaArrivals)
        decay, gain = synapse(values["tau_syn"])
        if self.tau_syn_inh is None:
            parameters = Exponential(**membrane, decay_syn=decay, gain_syn=gain)
            return Lowered(parameters, ExponentialState(**start, i_syn=0.0), ExponentialArrivals)
        decay_in, gain_in = synapse(values["tau_syn_inh"])
        parameters = TwoExponentials(**membrane, decay_ex=decay, gain_ex=gain, decay_in=decay_in, gain_in=gain_in)
        return Lowered(parameters, TwoExponentialsState(**start, i_ex=0.0, i_in=0.0), TwoExponentialsArrivals)


@dataclass(frozen=True, eq=False, kw_only=True)
class IF(_IntegrateAndFire):
    """Integrate-and-fire neuron without leak: c_m dv/dt = i_e + i + i_syn.

    With dt = 1 ms and the defaults it is the dimensionless neuron of converted networks, which adds its input to v,
    and on reaching 1 fires and subtracts 1.

    Parameters
    ----------
    v_threshold, v_reset : float, ndarray (n,) or distribution
        Voltages in mV.
    t_ref : float, ndarray (n,) or distribution
        Refractory period in ms, a multiple of dt.
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    reset : {"soft", "hard"}
        Soft: v is lowered by v_threshold - v_reset. Hard: v is put at v_reset.
    synapse : {"delta", "exponential"}
        What a spike does: add its weight to v (mV), or to a current that decays (pA).
    tau_syn : float, ndarray (n,) or distribution
        Time constant of exponential synapses in ms.
    tau_syn_inh : float, ndarray (n,), distribution or None
        Time constant for negative weights, where it is another one.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant or capacitance not positive, or t_ref negative.
    """

    v_threshold: Parameter = 1.0
    v_reset: Parameter = 0.0
    t_ref: Parameter = 0.0
    c_m: Parameter = 1.0
    i_e: Parameter = 0.0
    reset: Literal["hard", "soft"] = "soft"
    synapse: Literal["delta", "exponential"] = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None

    def _leak(self, values: Values) -> tuple[float, float]:
        return 0.0, 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class LIF(_IntegrateAndFire):
    """Leaky integrate-and-fire neuron: dv/dt = -(v - v_rest)/tau_m + (i_e + i + i_syn)/c_m.

    Voltages are relative to rest by default. The models of NEST with the same mathematics are iaf_psc_delta and
    iaf_psc_exp.

    Parameters
    ----------
    tau_m : float, ndarray (n,) or distribution
        Membrane time constant in ms.
    v_rest, v_threshold, v_reset : float, ndarray (n,) or distribution
        Voltages in mV.
    t_ref : float, ndarray (n,) or distribution
        Refractory period in ms, a multiple of dt.
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    reset : {"hard", "soft"}
        Hard: v is put at v_reset. Soft: v is lowered by v_threshold - v_reset.
    synapse : {"delta", "exponential"}
        What a spike does: add its weight to v (mV), or to a current that decays (pA).
    tau_syn : float, ndarray (n,) or distribution
        Time constant of exponential synapses in ms.
    tau_syn_inh : float, ndarray (n,), distribution or None
        Time constant for negative weights, where it is another one.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant or capacitance not positive, or t_ref negative.
    """

    tau_m: Parameter = 20.0
    v_rest: Parameter = 0.0
    v_threshold: Parameter = 20.0
    v_reset: Parameter = 0.0
    t_ref: Parameter = 2.0
    c_m: Parameter = 250.0
    i_e: Parameter = 0.0
    reset: Literal["hard", "soft"] = "hard"
    synapse: Literal["delta", "exponential"] = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None

    def __post_init__(self):
        super().__post_init__()
        checks.parameter("LIF", "tau_m", self.tau_m, minimum=0.0, exclusive=True)
        checks.parameter("LIF", "v_rest", self.v_rest)

    def _leak(self, values: Values) -> tuple[float | np.ndarray, float | np.ndarray]:
        return 1.0 / values["tau_m"], values["v_rest"]
