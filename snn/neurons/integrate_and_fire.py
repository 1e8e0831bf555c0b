r"""Integrate-and-fire neurons, with and without leak.

Equations
---------
.. math::

    \frac{dv}{dt} = -\frac{v - v_{rest}}{\tau_m} + \frac{i_e + i(t) + i_{syn}(t)}{c_m}, \qquad
    \frac{di_{syn}}{dt} = -\frac{i_{syn}}{\tau_{syn}}

and, where v >= v_threshold, a spike, after which v is held for t_ref. A hard reset puts v at v_reset, a soft one
lowers it by v_threshold - v_reset. `IF` is the limit of an infinite tau_m. With delta synapses a spike adds its weight
to v, with exponential ones to i_syn. With alpha synapses it adds it to a current i_rise that feeds i_syn,

.. math::

    \frac{di_{rise}}{dt} = -\frac{i_{rise}}{\tau_{syn}}, \qquad
    \frac{di_{syn}}{dt} = -\frac{i_{syn}}{\tau_{syn}} + \frac{e}{\tau_{syn}} i_{rise}

so that a spike of weight w at time 0 gives i_syn(t) = w (e t / tau_syn) exp(-t / tau_syn), which peaks at w.

The step is exact for input that is constant or arrives at the grid's points (Rotter and Diesmann, Biol. Cybern. 81,
1999). With h = dt, a = 1 / tau_m, s = 1 / tau_syn, phi(x) = (exp(x) - 1) / x and
psi(x) = (x exp(x) - exp(x) + 1) / x^2, the integrals of exp(x u) and u exp(x u) over u from 0 to 1:

    v(t+h)      = e^{-ah} v(t) + (1 - e^{-ah}) v_rest + (h/c_m) phi(-ah) (i_e + i)
                  + (h/c_m) e^{-ah} phi((a-s) h) i_syn(t)
                  + (h/c_m) e^{-ah} psi((a-s) h) (e s h) i_rise(t)
    i_syn(t+h)  = e^{-sh} i_syn(t) + e^{-sh} (e s h) i_rise(t)
    i_rise(t+h) = e^{-sh} i_rise(t)

in which nothing is singular at tau_syn = tau_m or a = 0; without alpha synapses i_rise is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.neurons import responses
from snn.neurons.alpha_flows import AlphaFlow, AlphaFlowState, TwoAlphasFlow, TwoAlphasFlowState
from snn.neurons.delta_flows import DeltaFlow, DeltaFlowState
from snn.neurons.exponential_flows import (
    ExponentialFlow,
    ExponentialFlowState,
    TwoExponentialsFlow,
    TwoExponentialsFlowState,
)
from snn.neurons.firing import refractory_steps, reset_of
from snn.neurons.model import Flowed, Lowered, Model, Parameter, Values
from snn.neurons.steps import (
    Alpha,
    AlphaState,
    CurrentArrivals,
    Delta,
    DeltaArrivals,
    DeltaState,
    Exponential,
    ExponentialState,
    TwoAlphas,
    TwoAlphasState,
    TwoCurrentsArrivals,
    TwoExponentials,
    TwoExponentialsState,
)

Synapse = Literal["delta", "exponential", "alpha"]


# psi(x) is the sum of x^k / (k! (k + 2)); for |x| < 1 what is left out is below 1e-19.
_PSI_SERIES = [1 / (math.factorial(k) * (k + 2)) for k in range(20)]


def _phi(x: Any) -> Any:
    """Return (exp(x) - 1) / x, which is 1 at x = 0."""
    x = np.asarray(x, np.float64)
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.expm1(safe) / safe)


def _psi(x: Any) -> Any:
    """Return (x exp(x) - exp(x) + 1) / x^2, which is 1/2 at x = 0."""
    x = np.asarray(x, np.float64)
    small = np.abs(x) < 1
    far = np.where(small, 1.0, x)
    # Near 0 the quotient would lose its digits to cancellation.
    near = np.polynomial.polynomial.polyval(np.where(small, x, 0.0), _PSI_SERIES)
    return np.where(small, near, (far * np.exp(far) - np.expm1(far)) / far**2)


def _exponential(a: Any, tau: Any, c_m: Any, h: float) -> dict[str, Any]:
    """Return an exponential synapse's coefficients over a step of h ms, by their names in `Exponential`."""
    return {"decay": np.exp(-h / tau), "gain": h / c_m * np.exp(-a * h) * _phi((a - 1 / tau) * h)}


def _alpha(a: Any, tau: Any, c_m: Any, h: float) -> dict[str, Any]:
    """Return an alpha synapse's coefficients over a step of h ms, by their names in `Alpha`."""
    fed = math.e * h / tau  # pA that 1 pA of i_rise would add to i_syn if nothing decayed
    return _exponential(a, tau, c_m, h) | {
        "rise": fed * np.exp(-h / tau),
        "gain_rise": fed * h / c_m * np.exp(-a * h) * _psi((a - 1 / tau) * h),
    }


# By kind of synapse: the coefficients, and the classes for one time constant and for two.
_KINDS = {
    "exponential": (_exponential, (Exponential, ExponentialState), (TwoExponentials, TwoExponentialsState)),
    "alpha": (_alpha, (Alpha, AlphaState), (TwoAlphas, TwoAlphasState)),
}
# Likewise for the flow between events.
_FLOWS = {
    "exponential": (
        responses.exponential,
        (ExponentialFlow, ExponentialFlowState),
        (TwoExponentialsFlow, TwoExponentialsFlowState),
    ),
    "alpha": (responses.alpha, (AlphaFlow, AlphaFlowState), (TwoAlphasFlow, TwoAlphasFlowState)),
}


@dataclass(frozen=True, eq=False)
class _IntegrateAndFire(Model):
    """What `IF` and `LIF` share: synapses, reset, refractoriness and the exact step."""

    v_threshold: Parameter
    v_reset: Parameter
    t_ref: Parameter
    c_m: Parameter
    i_e: Parameter
    reset: Literal["hard", "soft"]
    synapse: Synapse
    tau_syn: Parameter
    tau_syn_inh: Parameter | None

    def __post_init__(self):
        super().__post_init__()
        name = type(self).__name__
        for field in ("v_threshold", "v_reset", "i_e"):
            checks.parameter(name, field, getattr(self, field))
        checks.parameter(name, "t_ref", self.t_ref, minimum=0.0)
        for field in ("c_m", "tau_syn", "tau_syn_inh"):
            if getattr(self, field) is not None:
                checks.parameter(name, field, getattr(self, field), minimum=0.0, exclusive=True)
        if self.reset not in ("hard", "soft"):
            raise ValidationError(name, "reset", self.reset, '"hard" or "soft"')
        if self.synapse not in ("delta", "exponential", "alpha"):
            raise ValidationError(name, "synapse", self.synapse, '"delta", "exponential" or "alpha"')
        if self.synapse == "delta" and self.tau_syn_inh is not None:
            expected = 'nothing, unless synapse="exponential" or "alpha"'
            raise ValidationError(name, "tau_syn_inh", self.tau_syn_inh, expected)

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

    def _check_reset(self, values: Values) -> None:
        threshold, reset = values["v_threshold"], values["v_reset"]
        if np.any(np.asarray(reset) >= threshold):
            raise ValidationError(type(self).__name__, "v_reset", reset, f"values below v_threshold = {threshold}")

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the exact propagators over one step of `dt` ms."""
        name = type(self).__name__
        self._check_reset(values)
        threshold, reset = values["v_threshold"], values["v_reset"]
        a, v_rest = self._leak(values)  # 1/ms, mV
        gain = dt / values["c_m"] * _phi(-a * dt)
        membrane = {
            "decay": np.exp(-a * dt),
            "drive": -np.expm1(-a * dt) * v_rest + gain * values["i_e"],
            "gain": gain,
            "v_threshold": threshold,
            **reset_of(self.reset, threshold, reset),
            "refractory_steps": refractory_steps(name, values["t_ref"], dt),
        }
        if self.synapse == "delta":
            return Lowered(Delta(**membrane), DeltaState(v_rest), DeltaArrivals)
        coefficients, one, two = _KINDS[self.synapse]
        if self.tau_syn_inh is None:
            (parameters, state), arrivals, taus = one, CurrentArrivals, {"syn": values["tau_syn"]}
        else:
            (parameters, state), arrivals = two, TwoCurrentsArrivals
            taus = {"ex": values["tau_syn"], "in": values["tau_syn_inh"]}
        synapses = {
            f"{name}_{port}": value
            for port, tau in taus.items()
            for name, value in coefficients(a, tau, values["c_m"], dt).items()
        }
        return Lowered(parameters(**membrane, **synapses), state(v_rest), arrivals)

    def flow(self, values: Values) -> Flowed:
        """Compute rates and bounds; see `snn.neurons.responses`."""
        self._check_reset(values)
        tau_m, c_m = values.get("tau_m"), values["c_m"]
        membrane = responses.membrane(tau_m, values.get("v_rest", 0.0), values, self.reset == "soft")
        if self.synapse == "delta":
            return Flowed(DeltaFlow(**membrane), DeltaFlowState(0.0), DeltaArrivals)
        coefficients, one, two = _FLOWS[self.synapse]
        if self.tau_syn_inh is None:
            (parameters, state), arrivals, taus = one, CurrentArrivals, {"syn": values["tau_syn"]}
        else:
            (parameters, state), arrivals = two, TwoCurrentsArrivals
            taus = {"ex": values["tau_syn"], "in": values["tau_syn_inh"]}
        synapses = {
            f"{name}_{port}": value
            for port, tau in taus.items()
            for name, value in coefficients(tau_m, tau, c_m).items()
        }
        fastest = responses.fastest(*taus.values(), *([] if tau_m is None else [tau_m]))
        return Flowed(parameters(**membrane, fastest=fastest, **synapses), state(0.0), arrivals)


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
    synapse : {"delta", "exponential", "alpha"}
        What a spike does: add its weight to v (mV); add it to a current that decays (pA); or add a current
        w (e t / tau_syn) exp(-t / tau_syn) that rises to its weight w and decays (pA).
    tau_syn : float, ndarray (n,) or distribution
        Time constant of exponential and alpha synapses in ms.
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
    synapse: Synapse = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None

    def _leak(self, values: Values) -> tuple[float, float]:
        return 0.0, 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class LIF(_IntegrateAndFire):
    """Leaky integrate-and-fire neuron: dv/dt = -(v - v_rest)/tau_m + (i_e + i + i_syn)/c_m.

    Voltages are relative to rest by default. The models of NEST with the same mathematics are iaf_psc_delta,
    iaf_psc_exp and iaf_psc_alpha.

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
    synapse : {"delta", "exponential", "alpha"}
        What a spike does: add its weight to v (mV); add it to a current that decays (pA); or add a current
        w (e t / tau_syn) exp(-t / tau_syn) that rises to its weight w and decays (pA).
    tau_syn : float, ndarray (n,) or distribution
        Time constant of exponential and alpha synapses in ms.
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
    synapse: Synapse = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None

    def __post_init__(self):
        super().__post_init__()
        checks.parameter("LIF", "tau_m", self.tau_m, minimum=0.0, exclusive=True)
        checks.parameter("LIF", "v_rest", self.v_rest)

    def _leak(self, values: Values) -> tuple[float | np.ndarray, float | np.ndarray]:
        return 1.0 / values["tau_m"], values["v_rest"]
