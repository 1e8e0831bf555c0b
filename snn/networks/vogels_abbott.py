"""Vogels and Abbott's networks, which stay active by themselves, with synaptic currents (CUBA) or conductances (COBA).

T. P. Vogels and L. F. Abbott, "Signal propagation and logic gating in networks of integrate-and-fire neurons", J.
Neurosci. 25, 10786-10795, 2005, as simulators are compared on them: R. Brette et al., "Simulation of networks of
spiking neurons: a review of tools and strategies", J. Comput. Neurosci. 23, 349-398, 2007, benchmarks 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from snn import checks
from snn.connectivity import FixedInDegree
from snn.network import Network
from snn.neurons import LIF, ConductanceLIF, Model
from snn.random import Distribution, Normal, Uniform


def cuba(scale: float = 1.0, *, seed: int = 0) -> Network:
    r"""Return the network of current-based synapses: 4,000 neurons, four fifths excitatory, 320,000 synapses.

    .. math::

        \tau_m \frac{dv}{dt} = (v_{rest} - v) + \frac{\tau_m}{c_m} (i_{ex} + i_{in})

    with tau_m = 20 ms, c_m = 250 pF, v_rest = -49 mV, above the threshold of -50 mV, a reset to -60 mV, t_ref = 5 ms,
    tau_syn of 5 ms (excitatory) and 10 ms (inhibitory). Every neuron has 64 excitatory synapses of 20.25 pA (1.62 mV
    c_m / tau_m) and 16 inhibitory ones of -112.5 pA (9 mV c_m / tau_m), delays of 0.1 ms; v starts between -60 and
    -50 mV.

    Parameters
    ----------
    scale : float
        Of the number of neurons; the in-degrees stay.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.
    """
    neuron = LIF(
        tau_m=20.0,
        c_m=250.0,
        v_rest=-49.0,
        v_threshold=-50.0,
        v_reset=-60.0,
        t_ref=5.0,
        synapse="exponential",
        tau_syn=5.0,
        tau_syn_inh=10.0,
    )
    per_mv = 250.0 / 20.0  # pA
    return _network("cuba", scale, neuron, {"v": Uniform(-60.0, -50.0)}, 1.62 * per_mv, -9.0 * per_mv, seed)


def coba(
    scale: float = 1.0, *, integrator: Literal["exponential_euler", "gauss"] = "exponential_euler", seed: int = 0
) -> Network:
    r"""Return the network of conductance-based synapses: 4,000 neurons, four fifths excitatory, 320,000 synapses.

    .. math::

        c_m \frac{dv}{dt} = g_l (v_{rest} - v) + g_{ex} (e_{ex} - v) + g_{in} (e_{in} - v) + i_e

    with c_m = 200 pF, g_l = 10 nS, v_rest = v_reset = -60 mV, a threshold of -50 mV, e_ex = 0 mV, e_in = -80 mV,
    t_ref = 5 ms, i_e = 200 pA, tau_syn of 5 ms (excitatory) and 10 ms (inhibitory). Every neuron has 64 excitatory
    synapses of 4 nS and 16 inhibitory ones of 51 nS, delays of 0.1 ms; v and the conductances start near where they
    will stay.

    Parameters
    ----------
    scale : float
        Of the number of neurons; the in-degrees stay.
    integrator : {"exponential_euler", "gauss"}
        See `snn.ConductanceLIF`; the first is what simulators are compared with.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.
    """
    neuron = ConductanceLIF(
        c_m=200.0,
        g_l=10.0,
        v_rest=-60.0,
        v_threshold=-50.0,
        v_reset=-60.0,
        e_ex=0.0,
        e_in=-80.0,
        tau_syn=5.0,
        tau_syn_inh=10.0,
        t_ref=5.0,
        i_e=200.0,
        integrator=integrator,
    )
    start = {"v": Normal(-60.0, 5.0), "g_ex": Normal(40.0, 15.0, low=0.0), "g_in": Normal(200.0, 120.0, low=0.0)}
    return _network("coba", scale, neuron, start, 4.0, -51.0, seed)


def _network(
    name: str,
    scale: float,
    neuron: Model,
    start: Mapping[str, Distribution],
    excitatory: float,
    inhibitory: float,
    seed: int,
) -> Network:
    size = round(4_000 * checks.number(name, "scale", scale, minimum=0.001))
    n_exc = size * 4 // 5
    net = Network(seed=seed)
    exc = net.population("exc", n_exc, neuron, initial=start)
    inh = net.population("inh", size - n_exc, neuron, initial=start)
    net.connect(exc, exc + inh, FixedInDegree(64), weight=excitatory, delay=0.1)
    net.connect(inh, exc + inh, FixedInDegree(16), weight=inhibitory, delay=0.1)
    return net
