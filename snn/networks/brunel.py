r"""Brunel's network of sparsely connected excitatory and inhibitory neurons.

N. Brunel, "Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons", J. Comput. Neurosci.
8, 183-208, 2000: model A, in which both kinds of neuron are alike.
"""

from __future__ import annotations

from snn import checks
from snn.connectivity import FixedInDegree
from snn.network import Network
from snn.neurons import LIF

_TAU_M, _THRESHOLD = 20.0, 20.0  # ms, mV


def brunel(
    scale: float = 1.0,
    *,
    g: float = 5.0,
    eta: float = 2.0,
    v_reset: float = 10.0,
    epsilon: float = 0.1,
    j: float = 0.1,
    delay: float = 1.5,
    seed: int = 0,
) -> Network:
    r"""Return Brunel's network: 10,000 excitatory, 2,500 inhibitory neurons, 15.6 million synapses at scale 1.

    .. math::

        \tau \frac{dv}{dt} = -v + \tau \sum_k j_k \sum_s \delta(t - t_{k,s} - D), \qquad
        \nu_{ext} = \eta \frac{\theta}{j \, C_E \, \tau}

    with tau = 20 ms, theta = 20 mV and t_ref = 2 ms. Every neuron has C_E = epsilon N_E excitatory synapses (j), a
    quarter as many inhibitory ones (-g j), and Poisson input like that from C_E neurons firing at nu_ext. The paper's
    states (its figure 8) by (g, eta): synchronous regular (3, 2), fast synchronous irregular (6, 4), asynchronous
    irregular (5, 2), slow synchronous irregular (4.5, 0.9).

    Parameters
    ----------
    scale : float
        Of the numbers of neurons, and so of C_E. To keep C_E, divide `epsilon` by it; to keep C_E j, divide `j`.
    g : float
        Strength of an inhibitory synapse relative to an excitatory one.
    eta : float
        External rate, relative to the one that brings v to the threshold by itself.
    v_reset : float
        In mV. 10 in the paper, 0 in the versions that simulators are compared on.
    epsilon : float
        Connection probability, at most 1.
    j : float
        Excitatory weight in mV.
    delay : float
        D in ms.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.
    """
    scale = checks.number("brunel", "scale", scale, minimum=0.001)
    g = checks.number("brunel", "g", g, minimum=0.0)
    eta = checks.number("brunel", "eta", eta, minimum=0.0)
    epsilon = checks.number("brunel", "epsilon", epsilon, minimum=0.0)
    j = checks.number("brunel", "j", j, minimum=0.0, exclusive=True)
    order = round(2_500 * scale)
    net = Network(seed=seed)
    neuron = LIF(tau_m=_TAU_M, v_threshold=_THRESHOLD, v_reset=v_reset, t_ref=2.0)
    exc, inh = net.population("exc", 4 * order, neuron), net.population("inh", order, neuron)
    # C_E trains of nu_ext are one of C_E nu_ext, in which C_E cancels; 1/ms to Hz.
    noise = net.poisson("noise", 1_000.0 * eta * _THRESHOLD / (j * _TAU_M))
    net.connect(noise, exc + inh, weight=j)
    net.connect(exc, exc + inh, FixedInDegree(round(epsilon * exc.size)), weight=j, delay=delay)
    net.connect(inh, exc + inh, FixedInDegree(round(epsilon * inh.size)), weight=-g * j, delay=delay)
    return net
