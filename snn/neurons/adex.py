r"""The adaptive exponential integrate-and-fire neuron.

Equations
---------
.. math::

    c_m \frac{dv}{dt} &= -g_l (v - v_{rest}) + g_l \delta_t \exp\frac{v - v_{threshold}}{\delta_t} - w
        - g_{ex} (v - e_{ex}) - g_{in} (v - e_{in}) + i_e + i(t) \\
    \tau_w \frac{dw}{dt} &= a (v - v_{rest}) - w

and, where v reaches v_peak, a spike: v is put at v_reset, b is added to w, and v is held for t_ref, while w goes on.
The conductances are those of `snn.ConductanceLIF`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import exp, expm1, fma
from snn.errors import ValidationError
from snn.jit import inlined
from snn.neurons.conductance import ConductanceArrivals
from snn.neurons.firing import left_after, refractory_steps
from snn.neurons.integration import derivatives_of, reset_within
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of


class AdExState(NamedTuple):
    """v in mV; steps of refractoriness left; conductances in nS; adaptation current in pA."""

    v: float
    refractory: int = 0
    g_ex: float = 0.0
    g_in: float = 0.0
    w: float = 0.0


class DormandPrince(NamedTuple):
    """What `step_dormand_prince` needs; see `snn.neurons.integration.reset_within` for some of the names."""

    dt: float
    c_m: float
    g_l: float
    v_rest: float
    v_threshold: float
    delta_t: float
    upswing: float  # g_l delta_t, pA
    v_peak: float
    v_reset: float
    e_ex: float
    e_in: float
    i_e: float
    rate: float  # 1 / tau_w
    slope: float  # a
    jump: float  # b
    refractory_steps: int
    rate_ex: float  # 1 / tau_syn
    rate_in: float
    decay_ex: float
    decay_in: float


class ExponentialEuler(NamedTuple):
    """What `step_exponential_euler` needs: as `DormandPrince`, and two factors over a step."""

    gain: float  # h / c_m
    settled: float  # part of the way that w goes to where it would settle
    g_l: float
    v_rest: float
    v_threshold: float
    delta_t: float
    upswing: float
    v_peak: float
    v_reset: float
    e_ex: float
    e_in: float
    i_e: float
    slope: float
    jump: float
    refractory_steps: int
    decay_ex: float
    decay_in: float


@derivatives_of(DormandPrince)
def dynamics(p, y, current):
    """Return the rates of change of v, w, g_ex and g_in."""
    v, w, g_ex, g_in = y
    i = fma(p.g_l, p.v_rest - v, p.i_e + current - w)
    i = fma(g_in, p.e_in - v, fma(g_ex, p.e_ex - v, i))
    i = fma(p.upswing, exp((v - p.v_threshold) / p.delta_t), i)
    dw = p.rate * fma(p.slope, v - p.v_rest, -w)
    return i / p.c_m, dw, -p.rate_ex * g_ex, -p.rate_in * g_in


@inlined
def _end(p, s, x, v, w, spiked):
    """Count refractory steps, decay the conductances and add what arrives; a weight for inhibition is negative."""
    left = left_after(p, s.refractory, spiked)
    return AdExState(v, left, fma(p.decay_ex, s.g_ex, x.ex), fma(p.decay_in, s.g_in, -x.inh), w), spiked


@step_of(DormandPrince)
def step_dormand_prince(p, s, x, armed):
    """Solve the equations to a tolerance; a spike is found, and v reset, within the step."""
    v, w, spiked = reset_within(p, (s.v, s.w, s.g_ex, s.g_in), s.refractory, x.current, armed)
    return _end(p, s, x, v, w, spiked)


@step_of(ExponentialEuler)
def step_exponential_euler(p, s, x, armed):
    """Propagate v and w each with the rest as it was at the step's start; test and reset at its end."""
    i = fma(p.upswing, exp((s.v - p.v_threshold) / p.delta_t), p.i_e + x.current - s.w)
    g = p.g_l + s.g_ex + s.g_in
    i = fma(s.g_in, p.e_in - s.v, fma(s.g_ex, p.e_ex - s.v, fma(p.g_l, p.v_rest - s.v, i)))
    v = fma(-expm1(-p.gain * g), i / g, s.v)
    v = s.v if s.refractory > 0 else v
    w = fma(p.settled, fma(p.slope, s.v - p.v_rest, -s.w), s.w)
    spiked = armed and s.refractory == 0 and v >= p.v_peak
    v = p.v_reset if spiked else min(v, p.v_peak)  # which an unarmed neuron waits at
    return _end(p, s, x, v, w + p.jump if spiked else w, spiked)


@dataclass(frozen=True, eq=False, kw_only=True)
class AdEx(Model):
    """Adaptive exponential integrate-and-fire neuron with conductances; NEST's aeif_cond_exp.

    The equations stand in the text of `snn.neurons.adex`. A positive weight is nS added to g_ex; a negative weight
    inhibits: its size is added to g_in. State variables: v, refractory, g_ex, g_in, w.

    Parameters
    ----------
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    g_l : float, ndarray (n,) or distribution
        Leak conductance in nS.
    v_rest, v_threshold, v_peak, v_reset : float, ndarray (n,) or distribution
        Voltages in mV: of rest, where the upswing starts, where it ends in a spike, and after it.
    delta_t : float, ndarray (n,) or distribution
        Slope of the upswing in mV.
    a : float, ndarray (n,) or distribution
        Adaptation below threshold in nS.
    b : float, ndarray (n,) or distribution
        What a spike adds to w in pA.
    tau_w : float, ndarray (n,) or distribution
        Time constant of w in ms.
    e_ex, e_in : float, ndarray (n,) or distribution
        Reversal potentials of excitation and inhibition in mV.
    tau_syn, tau_syn_inh : float, ndarray (n,) or distribution
        Time constants of g_ex and g_in in ms.
    t_ref : float, ndarray (n,) or distribution
        Refractory period in ms, a multiple of dt.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    integrator : {"dormand_prince", "exponential_euler"}
        The first solves the equations to 1e-9 and finds within the step where v reaches v_peak: v is reset there, and
        goes on from there unless t_ref holds it; the spike is stamped at the step's end. The second takes one step of
        first order, tests v at its end, and is many times faster.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant, capacitance, conductance or delta_t not positive, or t_ref
        negative.

    References
    ----------
    Brette and Gerstner, J. Neurophysiol. 94, 2005.
    """

    c_m: Parameter = 281.0
    g_l: Parameter = 30.0
    v_rest: Parameter = -70.6
    v_threshold: Parameter = -50.4
    v_peak: Parameter = 0.0
    v_reset: Parameter = -60.0
    delta_t: Parameter = 2.0
    a: Parameter = 4.0
    b: Parameter = 80.5
    tau_w: Parameter = 144.0
    e_ex: Parameter = 0.0
    e_in: Parameter = -85.0
    tau_syn: Parameter = 0.2
    tau_syn_inh: Parameter = 2.0
    t_ref: Parameter = 0.0
    i_e: Parameter = 0.0
    integrator: Literal["dormand_prince", "exponential_euler"] = "dormand_prince"

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(
            self,
            finite=("v_rest", "v_threshold", "v_peak", "v_reset", "a", "b", "e_ex", "e_in", "i_e"),
            not_negative=("t_ref",),
            positive=("c_m", "g_l", "delta_t", "tau_w", "tau_syn", "tau_syn_inh"),
        )
        checks.choice("AdEx", "integrator", self.integrator, ("dormand_prince", "exponential_euler"))

    def unit(self, name: str) -> str:
        """Return the unit of a parameter or state variable, "1" if it has none."""
        return {"a": "nS", "b": "pA", "w": "pA"}.get(name) or super().unit(name)

    @property
    def weight_unit(self) -> str:
        """Unit of the weights of spikes that arrive here."""
        return "nS"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return "inh" if weight_is_negative else "ex"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute factors over one step of `dt` ms."""
        peak, reset, threshold = (np.asarray(values[name]) for name in ("v_peak", "v_reset", "v_threshold"))
        if np.any(reset >= peak):
            raise ValidationError("AdEx", "v_reset", values["v_reset"], f"values below v_peak = {values['v_peak']}")
        if np.any(threshold > peak) or np.any((peak - threshold) / values["delta_t"] > 500.0):
            expected = f"values from v_threshold = {values['v_threshold']} to 500 delta_t above"
            raise ValidationError("AdEx", "v_peak", values["v_peak"], expected)
        names = ("g_l", "v_rest", "v_threshold", "delta_t", "v_peak", "v_reset", "e_ex", "e_in", "i_e")
        parameters: dict[str, Any] = {name: values[name] for name in names} | {
            "upswing": values["g_l"] * values["delta_t"],
            "slope": values["a"],
            "jump": values["b"],
            "refractory_steps": refractory_steps("AdEx", values["t_ref"], dt),
            "decay_ex": np.exp(-dt / values["tau_syn"]),
            "decay_in": np.exp(-dt / values["tau_syn_inh"]),
        }
        if self.integrator == "exponential_euler":
            factors = {"gain": dt / values["c_m"], "settled": -np.expm1(-dt / values["tau_w"])}
            return Lowered(ExponentialEuler(**parameters, **factors), AdExState(values["v_rest"]), ConductanceArrivals)
        rates = {"rate": "tau_w", "rate_ex": "tau_syn", "rate_in": "tau_syn_inh"}
        parameters |= {name: 1.0 / values[tau] for name, tau in rates.items()}
        parameters |= {"dt": dt, "c_m": values["c_m"]}
        return Lowered(DormandPrince(**parameters), AdExState(values["v_rest"]), ConductanceArrivals)
