r"""The neuron of Hodgkin and Huxley, with the rates of Traub and Miles and conductances for synapses.

Equations
---------
.. math::

    c_m \frac{dv}{dt} &= -g_l (v - v_{rest}) - g_{na} m^3 h (v - e_{na}) - g_k n^4 (v - e_k)
        - g_{ex} (v - e_{ex}) - g_{in} (v - e_{in}) + i_e + i(t) \\
    \frac{dx}{dt} &= \alpha_x (1 - x) - \beta_x x, \qquad x = m, h, n

with, in 1/ms, V = v - v_t, and r(x) = x / (exp(x) - 1),

    alpha_m = 1.28 r((13 - V) / 4)         beta_m = 1.4 r((V - 40) / 5)
    alpha_h = 0.128 exp((17 - V) / 18)     beta_h = 4 / (1 + exp((40 - V) / 5))
    alpha_n = 0.16 r((15 - V) / 5)         beta_n = 0.5 exp((10 - V) / 40)

A spike is where v, at least 30 mV above v_t, begins to fall; none follows within t_ref. Nothing is reset or held. The
conductances are those of `snn.ConductanceLIF`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import exp, expm1, fma, product
from snn.jit import inlined
from snn.neurons.conductance import ConductanceArrivals
from snn.neurons.firing import left_after, refractory_steps
from snn.neurons.integration import derivatives_of, evolve
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of


class HodgkinHuxleyState(NamedTuple):
    """v in mV; steps of refractoriness left; conductances in nS; gates, from 0 to 1."""

    v: float
    refractory: int
    g_ex: float
    g_in: float
    m: float
    h: float
    n: float


class DormandPrince(NamedTuple):
    """What `step_dormand_prince` needs."""

    dt: float
    c_m: float
    g_na: float
    g_k: float
    g_l: float
    e_na: float
    e_k: float
    v_rest: float
    v_t: float
    e_ex: float
    e_in: float
    i_e: float
    refractory_steps: int
    decay_ex: float
    decay_in: float
    rate_ex: float  # 1 / tau_syn
    rate_in: float


class ExponentialEuler(NamedTuple):
    """What `step_exponential_euler` needs."""

    dt: float
    c_m: float
    g_na: float
    g_k: float
    g_l: float
    e_na: float
    e_k: float
    v_rest: float
    v_t: float
    e_ex: float
    e_in: float
    i_e: float
    refractory_steps: int
    decay_ex: float
    decay_in: float


@inlined
def _ratio(x):
    """Return x / (exp(x) - 1), which is 1 at x = 0."""
    return x / expm1(x) if x != 0.0 else 1.0


@inlined
def rates(v):
    """Return alpha and beta of m, of h and of n, in 1/ms, at v in mV over v_t."""
    m = product(1.28, _ratio((13.0 - v) / 4.0)), product(1.4, _ratio((v - 40.0) / 5.0))
    h = product(0.128, exp((17.0 - v) / 18.0)), 4.0 / (1.0 + exp((40.0 - v) / 5.0))
    n = product(0.16, _ratio((15.0 - v) / 5.0)), product(0.5, exp((10.0 - v) / 40.0))
    return m, h, n


@inlined
def _membrane(p, v, m, h, n, g_ex, g_in, current):
    """Return the current into the membrane in pA, and the sum of all conductances in nS."""
    sodium, potassium = m * m * m * h, n * n * n * n
    i = fma(p.g_na * sodium, p.e_na - v, fma(p.g_l, p.v_rest - v, p.i_e + current))
    i = fma(p.g_k * potassium, p.e_k - v, i)
    g = fma(p.g_na, sodium, fma(p.g_k, potassium, p.g_l)) + g_ex + g_in
    return fma(g_in, p.e_in - v, fma(g_ex, p.e_ex - v, i)), g


@derivatives_of(DormandPrince)
def dynamics(p, y, current):
    """Return the rates of change of v, m, h, n, g_ex and g_in."""
    v, m, h, n, g_ex, g_in = y
    (alpha_m, beta_m), (alpha_h, beta_h), (alpha_n, beta_n) = rates(v - p.v_t)
    i, _ = _membrane(p, v, m, h, n, g_ex, g_in, current)
    dm, dh, dn = (
        fma(alpha_m, 1.0 - m, -beta_m * m),
        fma(alpha_h, 1.0 - h, -beta_h * h),
        fma(alpha_n, 1.0 - n, -beta_n * n),
    )
    return i / p.c_m, dm, dh, dn, -p.rate_ex * g_ex, -p.rate_in * g_in


@inlined
def _end(p, s, x, v, m, h, n, armed):
    """Test for a spike, decay the conductances and add what arrives; a weight for inhibition is negative."""
    spiked = armed and s.refractory == 0 and v >= p.v_t + 30.0 and v < s.v
    left = left_after(p, s.refractory, spiked)
    g_ex, g_in = fma(p.decay_ex, s.g_ex, x.ex), fma(p.decay_in, s.g_in, -x.inh)
    return HodgkinHuxleyState(v, left, g_ex, g_in, m, h, n), spiked


@step_of(DormandPrince)
def step_dormand_prince(p, s, x, armed):
    """Solve the equations to a tolerance."""
    y, _ = evolve(p, (s.v, s.m, s.h, s.n, s.g_ex, s.g_in), x.current, p.dt, math.inf)
    return _end(p, s, x, y[0], y[1], y[2], y[3], armed)


@inlined
def _relaxed(gate, alpha, beta, dt):
    """Return a gate after a step with constant rates."""
    return fma(-expm1(-dt * (alpha + beta)), alpha / (alpha + beta) - gate, gate)


@step_of(ExponentialEuler)
def step_exponential_euler(p, s, x, armed):
    """Propagate v and every gate each with the rest as it was at the step's start."""
    (alpha_m, beta_m), (alpha_h, beta_h), (alpha_n, beta_n) = rates(s.v - p.v_t)
    i, g = _membrane(p, s.v, s.m, s.h, s.n, s.g_ex, s.g_in, x.current)
    v = fma(-expm1(-p.dt * g / p.c_m), i / g, s.v)
    m, h = _relaxed(s.m, alpha_m, beta_m, p.dt), _relaxed(s.h, alpha_h, beta_h, p.dt)
    return _end(p, s, x, v, m, h, _relaxed(s.n, alpha_n, beta_n, p.dt), armed)


@dataclass(frozen=True, eq=False, kw_only=True)
class HodgkinHuxley(Model):
    """Neuron with the sodium and potassium currents of Hodgkin and Huxley; NEST's hh_cond_exp_traub.

    The equations stand in the text of `snn.neurons.hodgkin_huxley`. A positive weight is nS added to g_ex; a negative
    weight inhibits: its size is added to g_in. State variables: v, refractory, g_ex, g_in, m, h, n; the gates start
    from where they rest at v_rest.

    Parameters
    ----------
    c_m : float, ndarray (n,) or distribution
        Capacitance in pF.
    g_na, g_k, g_l : float, ndarray (n,) or distribution
        Conductances of sodium, potassium and leak in nS.
    e_na, e_k : float, ndarray (n,) or distribution
        Reversal potentials of sodium and potassium in mV.
    v_rest : float, ndarray (n,) or distribution
        Reversal potential of the leak in mV.
    v_t : float, ndarray (n,) or distribution
        Voltage that the rates refer to, in mV; the neuron fires from some 13 mV above it.
    e_ex, e_in : float, ndarray (n,) or distribution
        Reversal potentials of excitation and inhibition in mV.
    tau_syn, tau_syn_inh : float, ndarray (n,) or distribution
        Time constants of g_ex and g_in in ms.
    t_ref : float, ndarray (n,) or distribution
        Time after a spike within which none is reported, in ms, a multiple of dt.
    i_e : float, ndarray (n,) or distribution
        Constant current in pA.
    integrator : {"dormand_prince", "exponential_euler"}
        The first solves the equations to 1e-9; the second takes one step of first order, and is many times faster.

    Raises
    ------
    ValidationError
        If a parameter is not finite, a time constant, capacitance or g_l not positive, or g_na, g_k or t_ref negative.

    References
    ----------
    Traub and Miles, Neuronal Networks of the Hippocampus, 1991; in the form of Brette et al., J. Comput. Neurosci. 23,
    2007.
    """

    c_m: Parameter = 200.0
    g_na: Parameter = 20_000.0
    g_k: Parameter = 6_000.0
    g_l: Parameter = 10.0
    e_na: Parameter = 50.0
    e_k: Parameter = -90.0
    v_rest: Parameter = -60.0
    v_t: Parameter = -63.0
    e_ex: Parameter = 0.0
    e_in: Parameter = -80.0
    tau_syn: Parameter = 5.0
    tau_syn_inh: Parameter = 10.0
    t_ref: Parameter = 2.0
    i_e: Parameter = 0.0
    integrator: Literal["dormand_prince", "exponential_euler"] = "dormand_prince"

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(
            self,
            finite=("e_na", "e_k", "v_rest", "v_t", "e_ex", "e_in", "i_e"),
            not_negative=("g_na", "g_k", "t_ref"),
            positive=("c_m", "g_l", "tau_syn", "tau_syn_inh"),
        )
        checks.choice("HodgkinHuxley", "integrator", self.integrator, ("dormand_prince", "exponential_euler"))

    @property
    def weight_unit(self) -> str:
        """Unit of the weights of spikes that arrive here."""
        return "nS"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return "inh" if weight_is_negative else "ex"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the gates' initial values, and factors over one step of `dt` ms."""
        names = ("c_m", "g_na", "g_k", "g_l", "e_na", "e_k", "v_rest", "v_t", "e_ex", "e_in", "i_e")
        parameters: dict[str, Any] = {name: values[name] for name in names} | {
            "dt": dt,
            "refractory_steps": refractory_steps("HodgkinHuxley", values["t_ref"], dt),
            "decay_ex": np.exp(-dt / values["tau_syn"]),
            "decay_in": np.exp(-dt / values["tau_syn_inh"]),
        }
        over = np.asarray(values["v_rest"] - values["v_t"], np.float64)
        at_rest = np.array([[alpha / (alpha + beta) for alpha, beta in rates(float(v))] for v in over.ravel()])
        gates = (column.reshape(over.shape) for column in at_rest.T)
        state = HodgkinHuxleyState(values["v_rest"], 0, 0.0, 0.0, *gates)
        if self.integrator == "exponential_euler":
            return Lowered(ExponentialEuler(**parameters), state, ConductanceArrivals)
        parameters |= {"rate_ex": 1.0 / values["tau_syn"], "rate_in": 1.0 / values["tau_syn_inh"]}
        return Lowered(DormandPrince(**parameters), state, ConductanceArrivals)
