r"""Leaky integrate-and-fire neurons whose synapses are conductances.

Equations
---------
.. math::

    c_m \frac{dv}{dt} &= -g_l (v - v_{rest}) - g_{ex} (v - e_{ex}) - g_{in} (v - e_{in}) + i_e + i(t) \\
    \frac{dg_{ex}}{dt} &= -\frac{g_{ex}}{\tau_{syn}}, \qquad \frac{dg_{in}}{dt} = -\frac{g_{in}}{\tau_{syn,inh}}

and, where v >= v_threshold, a spike, after which v is held at v_reset for t_ref. A positive weight is added to g_ex,
the size of a negative one to g_in.

Between arrivals v obeys a linear equation, whose solution over a step h is an integral of known functions:

    v(t+h) = v(t) + integral from 0 to h of exp(-D(s)) F(s) / c_m ds,
    D(s)   = integral from s to h of (g_l + g_ex + g_in) / c_m,
    F(s)   = g_l (v_rest - v(t)) + g_ex(s) (e_ex - v(t)) + g_in(s) (e_in - v(t)) + i_e + i

D is closed, and the integral is taken by Gauss and Legendre's rule of four points, whose error falls as h^8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import exp, expm1, fma
from snn.errors import ValidationError
from snn.jit import inlined
from snn.neurons.firing import left_after, refractory_steps
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of

# Gauss and Legendre's points, as parts of the step from its start and to its end, and their weights.
_POINTS = (0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970262)
_LEFT_1, _LEFT_2, _LEFT_3, _LEFT_4 = reversed(_POINTS)
_OUTER, _INNER = 0.17392742256872692, 0.3260725774312731


class ConductanceArrivals(NamedTuple):
    """Sums of arriving positive and negative weights in nS; current in pA."""

    ex: float
    inh: float
    current: float


class ConductanceState(NamedTuple):
    """v in mV; steps of refractoriness left; conductances in nS."""

    v: float
    refractory: int = 0
    g_ex: float = 0.0
    g_in: float = 0.0


class Gauss(NamedTuple):
    """What `step_gauss` needs; rates are in 1/ms, for 1 nS where not said otherwise."""

    leak: float  # g_l h / c_m
    drive: float  # g_l v_rest + i_e, pA
    g_l: float
    gain: float  # h / c_m
    e_ex: float
    e_in: float
    v_threshold: float
    v_reset: float
    refractory_steps: int
    ex_1: float  # what is left of g_ex at the points
    ex_2: float
    ex_3: float
    ex_4: float
    decay_ex: float  # what is left of it at the end
    area_ex: float  # tau_syn / c_m
    in_1: float
    in_2: float
    in_3: float
    in_4: float
    decay_in: float
    area_in: float


class ExponentialEuler(NamedTuple):
    """What `step_exponential_euler` needs."""

    drive: float  # g_l v_rest + i_e, pA
    g_l: float
    gain: float  # h / c_m
    e_ex: float
    e_in: float
    v_threshold: float
    v_reset: float
    refractory_steps: int
    decay_ex: float
    decay_in: float


@inlined
def _end(p, s, x, v, armed):
    """Hold v if refractory, test the threshold, decay the conductances and add what arrives."""
    v = s.v if s.refractory > 0 else v
    spiked = armed and s.refractory == 0 and v >= p.v_threshold
    left = left_after(p, s.refractory, spiked)
    # A weight on the port for inhibition is negative.
    g_ex, g_in = fma(p.decay_ex, s.g_ex, x.ex), fma(p.decay_in, s.g_in, -x.inh)
    return ConductanceState(p.v_reset if spiked else v, left, g_ex, g_in), spiked


@inlined
def _point(p, s, force, left, ex, inh):
    """Return exp(-D) F at one point."""
    passed = fma(p.area_ex * s.g_ex, ex - p.decay_ex, fma(p.area_in * s.g_in, inh - p.decay_in, p.leak * left))
    force = fma(s.g_ex * ex, p.e_ex - s.v, fma(s.g_in * inh, p.e_in - s.v, force))
    return exp(-passed) * force


@step_of(Gauss)
def step_gauss(p, s, x, armed):
    """Propagate v by the integral, by Gauss and Legendre's rule of four points."""
    force = fma(-p.g_l, s.v, p.drive) + x.current
    change = _OUTER * _point(p, s, force, _LEFT_1, p.ex_1, p.in_1)
    change = fma(_INNER, _point(p, s, force, _LEFT_2, p.ex_2, p.in_2), change)
    change = fma(_INNER, _point(p, s, force, _LEFT_3, p.ex_3, p.in_3), change)
    change = fma(_OUTER, _point(p, s, force, _LEFT_4, p.ex_4, p.in_4), change)
    return _end(p, s, x, fma(p.gain, change, s.v), armed)


@step_of(ExponentialEuler)
def step_exponential_euler(p, s, x, armed):
    """Propagate v with the conductances as they were at the step's start, which is exact for constant ones."""
    g = p.g_l + s.g_ex + s.g_in
    target = fma(s.g_ex, p.e_ex, fma(s.g_in, p.e_in, p.drive + x.current)) / g
    return _end(p, s, x, fma(expm1(-p.gain * g), s.v - target, s.v), armed)


@dataclass(frozen=True, eq=False, kw_only=True)
class ConductanceLIF(Model):
    """Leaky integrate-and-fire neuron with exponentially decaying conductances; NEST's iaf_cond_exp.

    The equations stand in the text of `snn.neurons.conductance`. A positive weight is nS added to g_ex; a negative
    weight inhibits: its size is added to g_in. State variables: v, refractory, g_ex, g_in.

    Parameters
    ----------
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    g_l : float, ndarray (n,) or distribution
        Leak conductance in nS.
    v_rest, v_threshold, v_reset : float, ndarray (n,) or distribution
        Voltages in mV.
    e_ex, e_in : float, ndarray (n,) or distribution
        Reversal potentials of excitation and inhibition in mV.
    tau_syn, tau_syn_inh : float, ndarray (n,) or distribution
        Time constants of g_ex and g_in in ms.
    t_ref : float, ndarray (n,) or distribution
        Refractory period in ms, a multiple of dt.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    integrator : {"gauss", "exponential_euler"}
        The first is accurate to about 1e-9 mV a step where dt is half of every time constant; the second takes the
        conductances as constant over a step, an error of first order in dt, and a quarter of the work.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant, capacitance or conductance not positive, or t_ref negative.

    References
    ----------
    Meffin, Burkitt and Grayden, J. Comput. Neurosci. 16, 2004.
    """

    c_m: Parameter = 250.0
    g_l: Parameter = 50.0 / 3.0
    v_rest: Parameter = -70.0
    v_threshold: Parameter = -55.0
    v_reset: Parameter = -60.0
    e_ex: Parameter = 0.0
    e_in: Parameter = -85.0
    tau_syn: Parameter = 0.2
    tau_syn_inh: Parameter = 2.0
    t_ref: Parameter = 2.0
    i_e: Parameter = 0.0
    integrator: Literal["gauss", "exponential_euler"] = "gauss"

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(self, finite=("v_rest", "v_threshold", "v_reset", "e_ex", "e_in", "i_e"))
        checks.parameters(self, positive=("c_m", "g_l", "tau_syn", "tau_syn_inh"), not_negative=("t_ref",))
        checks.choice("ConductanceLIF", "integrator", self.integrator, ("gauss", "exponential_euler"))

    @property
    def weight_unit(self) -> str:
        """Unit of the weights of spikes that arrive here."""
        return "nS"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return "inh" if weight_is_negative else "ex"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the conductances' factors over one step of `dt` ms and at the points within it."""
        threshold, reset = values["v_threshold"], values["v_reset"]
        if np.any(np.asarray(reset) >= threshold):
            raise ValidationError("ConductanceLIF", "v_reset", reset, f"values below v_threshold = {threshold}")
        parameters: dict[str, Any] = {
            "drive": values["g_l"] * values["v_rest"] + values["i_e"],
            "gain": dt / values["c_m"],
            **{name: values[name] for name in ("g_l", "e_ex", "e_in", "v_threshold", "v_reset")},
            "refractory_steps": refractory_steps("ConductanceLIF", values["t_ref"], dt),
            "decay_ex": np.exp(-dt / values["tau_syn"]),
            "decay_in": np.exp(-dt / values["tau_syn_inh"]),
        }
        state = ConductanceState(values["v_rest"])
        if self.integrator == "exponential_euler":
            return Lowered(ExponentialEuler(**parameters), state, ConductanceArrivals)
        for name, tau in (("ex", values["tau_syn"]), ("in", values["tau_syn_inh"])):
            parameters[f"area_{name}"] = tau / values["c_m"]
            for i, point in enumerate(_POINTS, start=1):
                parameters[f"{name}_{i}"] = np.exp(-dt * point / tau)
        leak = values["g_l"] * dt / values["c_m"]
        return Lowered(Gauss(leak=leak, **parameters), state, ConductanceArrivals)
