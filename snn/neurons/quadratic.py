r"""Quadratic integrate-and-fire neurons, with and without a recovery variable.

Equations
---------
.. math::

    \frac{dv}{dt} = q_2 v^2 + q_1 v + q_0 - u + r (i_{ex} + i_{in} + i_e + i(t)), \qquad
    \frac{du}{dt} = a (b v - u)

and, where v reaches v_peak, a spike: v is put at v_reset and d is added to u. `QIF` has no recovery variable: its u is
0. With delta synapses a spike adds its weight to v, with exponential ones to a current that decays with tau_syn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import expm1, fma
from snn.errors import ValidationError
from snn.jit import inlined
from snn.neurons.delta_flows import DeltaFlowState
from snn.neurons.firing import left_after, refractory_steps
from snn.neurons.integration import derivatives_of, reset_within
from snn.neurons.model import Flowed, Lowered, Model, Parameter, Values, step_of
from snn.neurons.quadratic_flows import QuadraticFlow
from snn.neurons.steps import DeltaArrivals

Integrator = Literal["dormand_prince", "exponential_euler", "euler"]


class QuadraticArrivals(NamedTuple):
    """Sum of arriving weights in mV, sums of positive and of negative ones in pA; current in pA."""

    delta: float
    ex: float
    inh: float
    current: float


class QuadraticState(NamedTuple):
    """v in mV; steps of refractoriness left; u in mV/ms; excitatory and inhibitory current in pA."""

    v: float
    refractory: int = 0
    u: float = 0.0
    i_ex: float = 0.0
    i_in: float = 0.0


class DormandPrince(NamedTuple):
    """What `step_dormand_prince` needs; see `snn.neurons.integration.reset_within` for some of the names."""

    dt: float
    square: float  # q_2
    linear: float  # q_1
    constant: float  # q_0 + r i_e
    gain: float  # r
    rate: float  # a
    slope: float  # b
    v_rest: float  # 0: u settles at b v
    jump: float  # d
    v_peak: float
    v_reset: float
    refractory_steps: int
    rate_ex: float
    rate_in: float
    decay_ex: float
    decay_in: float


class OneStep(NamedTuple):
    """What `step_once` needs: as `DormandPrince`, and how u moves in a step."""

    dt: float
    square: float
    linear: float
    constant: float
    gain: float
    settled: float  # part of the way to b v that u goes
    slope: float
    jump: float
    v_peak: float
    v_reset: float
    refractory_steps: int
    decay_ex: float
    decay_in: float
    euler: bool


@inlined
def _growth(p, v, u, i):
    """Return dv/dt."""
    return fma(p.gain, i, fma(v, fma(p.square, v, p.linear), p.constant) - u)


@derivatives_of(DormandPrince)
def dynamics(p, y, current):
    """Return the rates of change of v, u, i_ex and i_in."""
    v, u, i_ex, i_in = y
    dv = _growth(p, v, u, current + i_ex + i_in)
    return dv, p.rate * fma(p.slope, v, -u), -p.rate_ex * i_ex, -p.rate_in * i_in


@inlined
def _end(p, s, x, v, u, spiked, armed):
    """Add what arrives, test v again, count refractory steps, decay the currents.

    Where v may not fire, or has fired in this step, it goes no higher than its peak.
    """
    held = s.refractory > 0 or (spiked and p.refractory_steps > 0)
    v = v if held else v + x.delta
    late = armed and not held and not spiked and v >= p.v_peak
    v = p.v_reset if late else min(v, p.v_peak)
    u = u + p.jump if late else u
    left = left_after(p, s.refractory, spiked or late)
    i_ex, i_in = fma(p.decay_ex, s.i_ex, x.ex), fma(p.decay_in, s.i_in, x.inh)
    return QuadraticState(v, left, u, i_ex, i_in), spiked or late


@step_of(DormandPrince)
def step_dormand_prince(p, s, x, armed):
    """Solve the equations to a tolerance; a spike is found, and v reset, within the step."""
    v, u, spiked = reset_within(p, (s.v, s.u, s.i_ex, s.i_in), s.refractory, x.current, armed)
    return _end(p, s, x, v, u, spiked, armed)


@step_of(OneStep)
def step_once(p, s, x, armed):
    """Propagate v by Euler's rule, or by the solution of its equation made linear at v; test at the step's end."""
    bent = p.dt * fma(2.0 * p.square, s.v, p.linear)  # (exp(z) - 1) / z is 1 for Euler's rule
    curved = not p.euler and bent != 0.0
    factor = expm1(bent) / bent if curved else 1.0
    v = fma(p.dt * factor, _growth(p, s.v, s.u, x.current + s.i_ex + s.i_in), s.v)
    v = s.v if s.refractory > 0 else v
    u = fma(p.settled, fma(p.slope, s.v, -s.u), s.u)
    return _end(p, s, x, v, u, False, armed)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Quadratic(Model):
    """What `QIF` and `Izhikevich` share: synapses, reset and the ways to take a step."""

    v_peak: Parameter
    i_e: Parameter
    synapse: Literal["delta", "exponential"]
    tau_syn: Parameter
    tau_syn_inh: Parameter | None
    integrator: Integrator

    def __post_init__(self):
        super().__post_init__()
        name = type(self).__name__
        inhibition = () if self.tau_syn_inh is None else ("tau_syn_inh",)
        checks.parameters(self, finite=("v_peak", "i_e"), positive=("tau_syn", *inhibition))
        checks.choice(name, "synapse", self.synapse, ("delta", "exponential"))
        checks.choice(name, "integrator", self.integrator, ("dormand_prince", "exponential_euler", "euler"))
        if self.synapse == "delta" and self.tau_syn_inh is not None:
            raise ValidationError(name, "tau_syn_inh", self.tau_syn_inh, 'nothing, unless synapse="exponential"')

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return "delta" if self.synapse == "delta" else "inh" if weight_is_negative else "ex"

    def _check_reset(self, values: Values) -> None:
        name = "c" if "c" in values else "v_reset"
        if np.any(np.asarray(values[name]) >= values["v_peak"]):
            raise ValidationError(type(self).__name__, name, values[name], f"values below v_peak = {values['v_peak']}")

    def _lower(self, values: Values, dt: float, v: Any, u: Any, equation: dict[str, Any]) -> Lowered:
        """Lower, given the initial state and the equation's numbers by their names in `DormandPrince`."""
        self._check_reset(values)
        excitation = values["tau_syn"]
        inhibition = excitation if self.tau_syn_inh is None else values["tau_syn_inh"]
        parameters = {
            **equation,
            "dt": dt,
            "v_peak": values["v_peak"],
            "constant": equation["constant"] + equation["gain"] * values["i_e"],
            "decay_ex": np.exp(-dt / excitation),
            "decay_in": np.exp(-dt / inhibition),
        }
        state = QuadraticState(v, u=u)
        if self.integrator == "dormand_prince":
            rates = {"rate_ex": 1.0 / excitation, "rate_in": 1.0 / inhibition}
            return Lowered(DormandPrince(**parameters, **rates, v_rest=0.0), state, QuadraticArrivals)
        euler, rate = self.integrator == "euler", parameters.pop("rate")
        settled = dt * rate if euler else -np.expm1(-dt * rate)
        return Lowered(OneStep(**parameters, settled=settled, euler=euler), state, QuadraticArrivals)


@dataclass(frozen=True, eq=False, kw_only=True)
class QIF(_Quadratic):
    """Quadratic integrate-and-fire neuron: c_m dv/dt = k (v - v_rest)(v - v_threshold) + i_syn + i_e + i.

    Between v_rest and v_threshold v falls back, above v_threshold it grows until v_peak, where it spikes. Driven by a
    constant current I over the rheobase and reset from +infinity to -infinity it fires every
    pi c_m / sqrt(k I - (k (v_threshold - v_rest) / 2)^2) ms. State variables: v, refractory, u (always 0), i_ex, i_in.

    Parameters
    ----------
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    k : float, ndarray (n,) or distribution
        Curvature in nS/mV.
    v_rest, v_threshold, v_peak, v_reset : float, ndarray (n,) or distribution
        Voltages in mV: the stable and the unstable one at rest, where a spike is, and after it.
    t_ref : float, ndarray (n,) or distribution
        Refractory period in ms, a multiple of dt.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    synapse : {"delta", "exponential"}
        What a spike does: add its weight to v (mV), or to a current that decays (pA).
    tau_syn : float, ndarray (n,) or distribution
        Time constant of exponential synapses in ms.
    tau_syn_inh : float, ndarray (n,), distribution or None
        Time constant for negative weights, where it is another one.
    integrator : {"dormand_prince", "exponential_euler", "euler"}
        The first solves the equations to 1e-9 and finds within the step where v reaches v_peak: v is reset there, and
        goes on from there unless t_ref holds it; the spike is stamped at the step's end. The others take one step and
        test v at its end: with the equation made linear at v (second order in dt for v alone), or Euler's (first).

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant, capacitance or k not positive, or t_ref negative.

    References
    ----------
    Ermentrout and Kopell, SIAM J. Appl. Math. 46, 1986; Latham et al., J. Neurophysiol. 83, 2000.
    """

    c_m: Parameter = 100.0
    k: Parameter = 1.0
    v_rest: Parameter = -65.0
    v_threshold: Parameter = -50.0
    v_peak: Parameter = 30.0
    v_reset: Parameter = -70.0
    t_ref: Parameter = 0.0
    i_e: Parameter = 0.0
    synapse: Literal["delta", "exponential"] = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None
    integrator: Integrator = "dormand_prince"

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(self, finite=("v_rest", "v_threshold", "v_reset"))
        checks.parameters(self, not_negative=("t_ref",), positive=("c_m", "k"))

    def unit(self, name: str) -> str:
        """Return the unit of a parameter or state variable, "1" if it has none."""
        return "nS/mV" if name == "k" else super().unit(name)

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the polynomial, and factors over one step of `dt` ms."""
        square = values["k"] / values["c_m"]
        equation = {
            "square": square,
            "linear": -square * (values["v_rest"] + values["v_threshold"]),
            "constant": square * values["v_rest"] * values["v_threshold"],
            "gain": 1.0 / values["c_m"],
            "rate": 0.0,
            "slope": 0.0,
            "jump": 0.0,
            "v_reset": values["v_reset"],
            "refractory_steps": refractory_steps("QIF", values["t_ref"], dt),
        }
        return self._lower(values, dt, values["v_rest"], 0.0, equation)

    def flow(self, values: Values) -> Flowed:
        """Compute the polynomial around its vertex; see `snn.neurons.quadratic_flows`."""
        if self.synapse != "delta":
            expected = '"delta", or engine="grid": with others QIF has no closed form between events'
            raise ValidationError("QIF", "synapse", self.synapse, expected)
        self._check_reset(values)
        square, half = values["k"] / values["c_m"], 0.5 * (values["v_threshold"] - values["v_rest"])
        origin = values["v_rest"] + half
        parameters = QuadraticFlow(
            origin=origin,
            threshold=values["v_peak"] - origin,
            reset=values["v_reset"] - origin,
            t_ref=values["t_ref"],
            i_e=values["i_e"],
            square=square,
            gain=1.0 / values["c_m"],
            rheobase=square * half**2,
        )
        return Flowed(parameters, DeltaFlowState(-half), DeltaArrivals)


@dataclass(frozen=True, eq=False, kw_only=True)
class Izhikevich(_Quadratic):
    """Izhikevich's neuron: dv/dt = 0.04 v^2 + 5 v + 140 - u + i, du/dt = a (b v - u); NEST's izhikevich.

    Where v reaches v_peak, it spikes: v is put at c, and d is added to u. A current of 1 pA adds 1 mV/ms to dv/dt.
    State variables: v, refractory (always 0), u, i_ex, i_in; v starts from c and u from b c.

    Parameters
    ----------
    a : float, ndarray (n,) or distribution
        Rate of u in 1/ms.
    b : float, ndarray (n,) or distribution
        Sensitivity of u to v in 1/ms.
    c : float, ndarray (n,) or distribution
        v after a spike in mV.
    d : float, ndarray (n,) or distribution
        What a spike adds to u in mV/ms.
    v_peak : float, ndarray (n,) or distribution
        Where a spike is, in mV.
    i_e, synapse, tau_syn, tau_syn_inh
        As of `QIF`.
    integrator : {"dormand_prince", "exponential_euler", "euler"}
        As of `QIF`. Euler's rule is NEST's, and gives its spikes.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant not positive, or a negative.

    References
    ----------
    Izhikevich, IEEE Trans. Neural Networks 14, 2003.
    """

    a: Parameter = 0.02
    b: Parameter = 0.2
    c: Parameter = -65.0
    d: Parameter = 8.0
    v_peak: Parameter = 30.0
    i_e: Parameter = 0.0
    synapse: Literal["delta", "exponential"] = "delta"
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter | None = None
    integrator: Integrator = "dormand_prince"

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(self, finite=("b", "c", "d"), not_negative=("a",))

    def unit(self, name: str) -> str:
        """Return the unit of a parameter or state variable, "1" if it has none."""
        return "mV" if name == "c" else super().unit(name)

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute factors over one step of `dt` ms."""
        equation = {
            "square": 0.04,
            "linear": 5.0,
            "constant": 140.0,
            "gain": 1.0,
            "rate": values["a"],
            "slope": values["b"],
            "jump": values["d"],
            "v_reset": values["c"],
            "refractory_steps": 0,
        }
        return self._lower(values, dt, values["c"], values["b"] * values["c"], equation)
