"""A network of the size and the sparse activity of the brain of an adult fruit fly."""

from __future__ import annotations

import math

import numpy as np

from snn import checks
from snn.connectivity import Edges
from snn.network import Network
from snn.neurons import LIF
from snn.random import Normal, uniforms

_NEURONS, _CONNECTIONS = 138_639, 15_100_000
_SYNAPSE = 0.275  # mV of synaptic drive a synapse
_INHIBITORY = 0.3  # share of the neurons
_DRIVEN, _RATE, _KICK = 400, 150.0, 16.0  # neurons, Hz, mV of synaptic drive
_STREAM = 0  # a network's own populations, stimuli and projections draw from later streams


def _ends(count: int, size: int, seed: int, stream: int) -> np.ndarray:
    """Draw `count` neurons, each as likely as a log-normal number that it has."""
    reach = np.cumsum(np.exp(Normal(0.0, 1.0).sample(size, seed, stream)))
    return np.searchsorted(reach, uniforms(seed, stream + 1, count, 0) * reach[-1], side="right").astype(np.int32)


def fly(scale: float = 1.0, *, seed: int = 0) -> Network:
    """Return 138,639 leaky neurons with 15.1 million connections, of which some 400 are driven.

    The neurons are those of Shiu et al.: v_rest = v_reset = -52 mV, v_threshold = -45 mV, tau_m = 20 ms, tau_syn = 5
    ms, t_ref = 2.2 ms, and a connection of n synapses adds 0.275 n mV to the synaptic drive, after 1.8 ms. The
    connectome itself is not here: in-degrees, out-degrees and numbers of synapses are drawn from log-normal
    distributions, and 30 % of the neurons inhibit. Poisson input of 150 Hz to 400 neurons makes the network fire some
    17,000 times a second. With c_m = 20 pF the drive in mV is the synaptic current in pA.

    Parameters
    ----------
    scale : float
        Of the numbers of neurons, connections and driven neurons; connections a neuron stay.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.

    Notes
    -----
    P. K. Shiu et al., "A Drosophila computational brain model reveals sensorimotor processing", Nature 634, 2024; size
    and activity as in benchmarks of that model.
    """
    scale = checks.number("fly", "scale", scale, minimum=0.001)
    net = Network(seed=seed)
    size, count = round(_NEURONS * scale), round(_CONNECTIONS * scale)
    neuron = LIF(
        tau_m=20.0, c_m=20.0, v_rest=-52.0, v_reset=-52.0, v_threshold=-45.0, t_ref=2.2,
        synapse="exponential", tau_syn=5.0,
    )  # fmt: skip
    brain = net.population("brain", size, neuron)
    sources, targets = (_ends(count, size, net.seed, _STREAM + 2 * side) for side in range(2))
    synapses = np.maximum(np.rint(np.exp(Normal(math.log(2.2), 1.0).sample(count, net.seed, _STREAM + 4))), 1.0)
    sign = np.where(uniforms(net.seed, _STREAM + 5, size, 0) < _INHIBITORY, -1.0, 1.0)
    net.connect(brain, brain, Edges(sources, targets), weight=_SYNAPSE * synapses * sign[sources], delay=1.8)
    drive = net.poisson("drive", rate=_RATE)
    net.connect(drive, brain[: max(1, round(_DRIVEN * scale))], weight=_KICK)
    return net
