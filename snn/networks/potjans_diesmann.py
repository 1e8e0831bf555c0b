r"""The cortical microcircuit: the neurons under one square millimetre of early sensory cortex, in four layers.

T. C. Potjans and M. Diesmann, "The cell-type specific cortical microcircuit: relating structure and activity in a
full-scale spiking network model", Cereb. Cortex 24, 785-806, 2014: its tables 4 and 5. The initial potentials are those
of the model's later implementations, at which the network starts near its stationary state, and the scaled network
keeps its mean input as in S. J. van Albada, M. Helias and M. Diesmann, "Scalability of asynchronous networks is limited
by one-to-one mapping between effective connectivity and correlations", PLOS Comput. Biol. 11, e1004490, 2015.
"""

from __future__ import annotations

import numpy as np

from snn import checks
from snn.connectivity import FixedTotalNumber
from snn.errors import ValidationError
from snn.network import Network
from snn.neurons import LIF
from snn.random import Normal

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20_683, 5_834, 21_915, 5_479, 4_850, 1_065, 14_395, 2_948])
# Probability that a neuron of one population (column) has at least one synapse onto one of another (row).
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
EXTERNAL = np.array([1_600, 1_500, 2_100, 1_900, 2_000, 1_900, 2_900, 2_100])  # synapses from outside
EXTERNAL_RATE = 8.0  # Hz
# Mean rates in Hz of the full-scale network with Poisson input, simulated with NEST.
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])

_C_M, _TAU_M, _TAU_SYN = 250.0, 10.0, 0.5  # pF, ms, ms
_V_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])  # mV, as the sds
_V_STD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])
_PSP, _G = 0.15, -4.0  # mV, and how many times as strong inhibition is
_DELAYS, _DELAY_STD, _WEIGHT_STD = (1.5, 0.75), 0.5, 0.1  # ms, by kind of source; sds relative to the mean
_DELAY_LOW = 0.05  # ms: smaller ones are drawn again, and the rest rounded to whole steps of 0.1 ms


def synapse_numbers() -> np.ndarray:
    """Return the numbers of synapses of the full-scale network, float64 (8, 8): target by source.

    K = ln(1 - p) / ln(1 - 1 / (N_target N_source)): where so many pairs are drawn with replacement, each is drawn at
    least once with probability p.
    """
    return np.log1p(-PROBABILITIES) / np.log1p(-1.0 / np.outer(SIZES, SIZES))


def synaptic_current() -> float:
    """Return the current in pA that a spike must bring for v to rise by 0.15 mV at most."""
    ratio = _TAU_M / _TAU_SYN
    peak = ratio ** (-_TAU_SYN / (_TAU_M - _TAU_SYN)) - ratio ** (-_TAU_M / (_TAU_M - _TAU_SYN))
    return _PSP * _C_M * (_TAU_M - _TAU_SYN) / (_TAU_M * _TAU_SYN * peak)


def potjans_diesmann(scale: float = 1.0, *, drive: str = "poisson", seed: int = 0) -> Network:
    r"""Return the microcircuit: 77,169 neurons in eight populations, 299 million synapses at scale 1.

    Leaky neurons with exponential currents: tau_m = 10 ms, c_m = 250 pF, tau_syn = 0.5 ms, t_ref = 2 ms, rest and reset
    at -65 mV, threshold at -50 mV. A fixed total number of synapses connects each pair of populations, with weights of
    87.8 pA (twice that from L4E to L23E, -351.2 pA from inhibitory neurons) with a standard deviation of 10 %, and
    delays of 1.5 ms (0.75 ms from inhibitory neurons) with one of 50 %.

    A smaller network has fewer neurons and fewer synapses a neuron, both times `scale`, weights divided by sqrt(scale),
    and for the mean input lost a constant current,

    .. math::

        (1 - \sqrt{scale}) \, \tau_{syn} \left( \sum_j w_{ij} K_{ij} \nu_j + w_{ext} K_{ext,i} \nu_{ext} \right)

    in which nu are the full-scale rates: activity stays near that of the full network, but neurons are more correlated.

    Parameters
    ----------
    scale : float
        Of the numbers of neurons and of synapses a neuron.
    drive : {"poisson", "dc"}
        Input from outside: spikes of K_ext trains of 8 Hz, or their mean as a constant current. Without the noise of
        the spikes a small network falls silent.
    seed : int
        The network's.

    Raises
    ------
    ValidationError
        If a parameter is out of its range.
    """
    scale = checks.number("potjans_diesmann", "scale", scale, minimum=0.001)
    if drive not in ("poisson", "dc"):
        raise ValidationError("potjans_diesmann", "drive", drive, '"poisson" or "dc"')
    current = synaptic_current()
    weight = np.tile([current, _G * current], (8, 4))
    weight[0, 2] *= 2.0
    full = synapse_numbers()
    recurrent = 1e-3 * _TAU_SYN * (weight * full * RATES).sum(axis=1) / SIZES  # pA
    external = 1e-3 * _TAU_SYN * current * EXTERNAL * EXTERNAL_RATE
    lost = 1.0 - np.sqrt(scale)
    i_e = lost * recurrent + (lost * external if drive == "poisson" else external)
    sizes, numbers = np.rint(SIZES * scale).astype(int), np.rint(full * scale**2).astype(int)
    trains = np.rint(EXTERNAL * scale)
    weight /= np.sqrt(scale)
    net = Network(seed=seed)
    populations = []
    for i, name in enumerate(POPULATIONS):
        neuron = LIF(
            tau_m=_TAU_M,
            c_m=_C_M,
            v_rest=-65.0,
            v_threshold=-50.0,
            v_reset=-65.0,
            t_ref=2.0,
            i_e=float(i_e[i]),
            synapse="exponential",
            tau_syn=_TAU_SYN,
        )
        start = {"v": Normal(float(_V_MEAN[i]), float(_V_STD[i]))}
        populations.append(net.population(name, int(sizes[i]), neuron, initial=start))
        if drive == "poisson":
            noise = net.poisson(f"noise to {name}", float(trains[i]) * EXTERNAL_RATE)
            net.connect(noise, populations[i], weight=current / float(np.sqrt(scale)))
    for i, target in enumerate(populations):
        for j, source in enumerate(populations):
            if numbers[i, j]:
                rule = FixedTotalNumber(int(numbers[i, j]))
                net.connect(source, target, rule, weight=_weights(weight[i, j]), delay=_delays(_DELAYS[j % 2]))
    return net


def _weights(mean: float) -> Normal:
    std = _WEIGHT_STD * abs(float(mean))
    return Normal(float(mean), std, low=0.0) if mean > 0 else Normal(float(mean), std, high=0.0)


def _delays(mean: float) -> Normal:
    return Normal(mean, _DELAY_STD * mean, low=_DELAY_LOW)
