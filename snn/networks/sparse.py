"""A network that is nearly silent, as most of a brain is: a few pacemakers among neurons that they hardly move."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from snn import checks
from snn.connectivity import FixedInDegree
from snn.network import Network
from snn.neurons import LIF
from snn.random import Uniform, uniforms

_TAU_M, _TAU_SYN, _C_M, _THRESHOLD = 20.0, 2.0, 250.0, 20.0  # ms, ms, pF, mV
_STREAM = 0  # a network's own populations, stimuli and projections draw from later streams


def sparse(
    scale: float = 1.0,
    *,
    synapse: Literal["delta", "exponential"] = "delta",
    tau_syn_inh: float = 2.0,
    delay: float | Uniform = 1.5,
    seed: int = 0,
) -> Network:
    """Return 10,000 leaky neurons, four fifths excitatory, that fire less than once a second; no random input.

    Each has 80 excitatory synapses of 0.5 mV and 20 inhibitory ones of -2.5 mV, delays of 1.5 ms. With exponential
    synapses (2 ms) the weights are those whose currents carry as much charge: 62.5 and -312.5 pA. A constant current
    leads v to between 0 and 14 mV or, in 4 % of the neurons, the pacemakers, to between 20.5 and 24 mV, above the
    threshold of 20 mV.

    Parameters
    ----------
    scale : float
        Of the number of neurons; the in-degrees stay.
    synapse : {"delta", "exponential"}
    tau_syn_inh : float
        Time constant of inhibitory currents in ms, where synapses are exponential.
    delay : float or Uniform
        In ms.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.
    """
    size = round(10_000 * checks.number("sparse", "scale", scale, minimum=0.001))
    net = Network(seed=seed)
    level, chosen, strength, start = (uniforms(net.seed, _STREAM, size, draw) for draw in range(4))
    v_end = np.where(chosen < 0.04, 20.5 + 3.5 * strength, 14.0 * level)  # mV
    v = start * np.minimum(v_end, 19.0)
    current, n_exc = v_end * _C_M / _TAU_M, size * 4 // 5
    taus: dict[str, Any] = {}
    unit = 1.0
    if synapse == "exponential":
        taus, unit = {"tau_syn": _TAU_SYN}, _C_M / _TAU_SYN  # pA whose charge moves v by 1 mV
        if tau_syn_inh != _TAU_SYN:
            taus["tau_syn_inh"] = tau_syn_inh
    exc, inh = (
        net.population(
            name,
            v[part].size,
            LIF(tau_m=_TAU_M, c_m=_C_M, v_threshold=_THRESHOLD, t_ref=2.0, i_e=current[part], synapse=synapse, **taus),
            initial={"v": v[part]},
        )
        for name, part in (("exc", slice(n_exc)), ("inh", slice(n_exc, None)))
    )
    net.connect(exc, exc + inh, FixedInDegree(80), weight=0.5 * unit, delay=delay)
    net.connect(inh, exc + inh, FixedInDegree(20), weight=-2.5 * unit, delay=delay)
    return net
