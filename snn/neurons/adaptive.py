r"""Leaky integrate-and-fire neurons whose threshold rises with every spike.

Equations
---------
Those of `snn.LIF`, with a threshold v_threshold + theta:

.. math::

    \frac{d\theta}{dt} = -\frac{\theta}{\tau_\theta}

and, where v >= v_threshold + theta, a spike, which also adds jump to theta. Both have exact solutions over a step:
theta decays first, refractory or not, and the decayed theta is what v is tested against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import fma
from snn.jit import inlined
from snn.neurons.firing import fire
from snn.neurons.integrate_and_fire import LIF
from snn.neurons.model import Flowed, Lowered, Model, Parameter, Values, step_of
from snn.neurons.steps import DeltaArrivals, TwoCurrentsArrivals


class AdaptiveDelta(NamedTuple):
    """What `step_adaptive_delta` needs: as `snn.neurons.steps.Delta`, and what theta does."""

    decay: float
    drive: float
    gain: float
    v_threshold: float
    kept: float
    base: float
    refractory_steps: int
    decay_theta: float
    jump: float


class AdaptiveExponential(NamedTuple):
    """What `step_adaptive_exponential` needs: as `snn.neurons.steps.TwoExponentials`, and what theta does."""

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
    decay_theta: float
    jump: float


class AdaptiveDeltaState(NamedTuple):
    """v and theta in mV; steps of refractoriness left."""

    v: float
    refractory: int = 0
    theta: float = 0.0


class AdaptiveExponentialState(NamedTuple):
    """As `AdaptiveDeltaState`; excitatory and inhibitory current in pA."""

    v: float
    refractory: int = 0
    theta: float = 0.0
    i_ex: float = 0.0
    i_in: float = 0.0


@inlined
def _fire(p, s, v, armed):
    """Hold v if refractory, decay theta, test and reset; returns v, refractory, theta and whether the neuron spiked."""
    threshold = fma(p.decay_theta, s.theta, p.v_threshold)
    v, left, spiked = fire(p, s.v, v, s.refractory, threshold, armed)
    theta = fma(p.decay_theta, s.theta, p.jump) if spiked else p.decay_theta * s.theta
    return v, left, theta, spiked


@step_of(AdaptiveDelta)
def step_adaptive_delta(p, s, x, armed):
    """As `snn.neurons.steps.step_delta`, against a threshold that moves."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive)) + x.delta
    v, refractory, theta, spiked = _fire(p, s, v, armed)
    return AdaptiveDeltaState(v, refractory, theta), spiked


@step_of(AdaptiveExponential)
def step_adaptive_exponential(p, s, x, armed):
    """As `snn.neurons.steps.step_two_exponentials`, against a threshold that moves."""
    v = fma(p.gain, x.current, fma(p.decay, s.v, p.drive))
    v = fma(p.gain_in, s.i_in, fma(p.gain_ex, s.i_ex, v))
    v, refractory, theta, spiked = _fire(p, s, v, armed)
    i_ex, i_in = fma(p.decay_ex, s.i_ex, x.ex), fma(p.decay_in, s.i_in, x.inh)
    return AdaptiveExponentialState(v, refractory, theta, i_ex, i_in), spiked


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveLIF(LIF):
    """Leaky integrate-and-fire neuron with an adaptive threshold: v_threshold + theta, theta jumping at every spike.

    The ALIF neuron of Bellec et al. (NeurIPS 2018), in units; there jump is beta / tau_theta. State variables: v,
    refractory, theta, and with exponential synapses i_ex and i_in. A soft reset lowers v by v_threshold - v_reset,
    whatever theta is.

    Parameters
    ----------
    tau_m, v_rest, v_threshold, v_reset, t_ref, c_m, i_e, reset
        As of `LIF`; v_threshold is where theta is 0.
    tau_theta : float, ndarray (n,) or distribution
        Time constant of theta in ms.
    jump : float, ndarray (n,) or distribution
        What a spike adds to theta in mV.
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

    tau_theta: Parameter = 200.0
    jump: Parameter = 2.0
    synapse: Literal["delta", "exponential"] = "delta"  # pyright: ignore[reportIncompatibleVariableOverride]

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(self, finite=("jump",), positive=("tau_theta",))
        checks.choice("AdaptiveLIF", "synapse", self.synapse, ("delta", "exponential"))

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return "delta" if self.synapse == "delta" else "inh" if weight_is_negative else "ex"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute the exact propagators over one step of `dt` ms."""
        parameters = super().lower(values, dt).parameters._asdict()
        if "decay_syn" in parameters:  # one time constant for both signs
            decay, gain = parameters.pop("decay_syn"), parameters.pop("gain_syn")
            parameters |= {"decay_ex": decay, "gain_ex": gain, "decay_in": decay, "gain_in": gain}
        parameters |= {"decay_theta": np.exp(-dt / values["tau_theta"]), "jump": values["jump"]}
        if self.synapse == "delta":
            return Lowered(AdaptiveDelta(**parameters), AdaptiveDeltaState(values["v_rest"]), DeltaArrivals)
        state = AdaptiveExponentialState(values["v_rest"])
        return Lowered(AdaptiveExponential(**parameters), state, TwoCurrentsArrivals)

    def flow(self, values: Values) -> Flowed:
        """Refuse: a threshold that decays is none of `snn.neurons.crossings`."""
        return Model.flow(self, values)
