"""What a card shows before the exact engine runs on it: that a small network's spikes are there those of the CPU.

On a grid the sums that make neurons spike are integers. Here they are doubles, and one product that a compiler, a
linker or a driver rounds otherwise than was written gives other spikes, without a word.
"""

from __future__ import annotations

import functools

import numpy as np

from snn.connectivity import FixedInDegree
from snn.cuda import SIMULATED, Device
from snn.engines.contract import Spikes
from snn.engines.exact_cpu import ExactCpu
from snn.engines.exact_cpu.exact import Exact
from snn.engines.exact_cuda.engine import ExactCuda
from snn.errors import BackendUnavailable
from snn.network import Network
from snn.neurons import LIF
from snn.program import lower_exact
from snn.random import Uniform

_SAMPLES = 4
_DURATION = 60.0  # ms, in which a neuron fires about twice


def _network() -> Network:
    """Return neurons that excite and inhibit each other, in many warps of a card, with input of their own."""
    net = Network(seed=1)
    cells = LIF(synapse="exponential", i_e=300.0, tau_syn=2.0, tau_syn_inh=3.0)
    exc = net.population("exc", 240, cells, initial={"v": Uniform(0.0, 19.0)})
    inh = net.population("inh", 60, cells)
    net.connect(exc, exc + inh, FixedInDegree(8), weight=60.0, delay=Uniform(1.0, 3.0))
    net.connect(inh, exc + inh, FixedInDegree(3), weight=-90.0, delay=Uniform(1.0, 3.0))
    net.connect(net.poisson("input", rate=800.0), exc + inh, weight=50.0)
    return net


def _spikes(engine: Exact) -> dict[str, Spikes]:
    goal = engine.goal(_DURATION)
    while not engine.advance(goal):
        pass
    return engine.take_spikes()


def _differing(mine: Spikes, other: Spikes) -> int:
    """Return how many of a population's spikes are not, to the last bit, among the other ones."""
    one, two = (set(zip(*(np.asarray(column).tolist() for column in spikes), strict=True)) for spikes in (mine, other))
    return len(one ^ two)


@functools.cache
def prove(device: str) -> None:
    """Have a card simulate a small network, once a process, and compare every bit with the CPU.

    Parameters
    ----------
    device : str
        ``"cuda"``, or ``"cuda:1"`` and so on. Of the simulator nothing is asked.

    Raises
    ------
    BackendUnavailable
        If there is no such device, or its spikes are not those of the CPU.
    """
    if SIMULATED:
        return
    Device(device)  # where there is none, nothing is lowered in vain
    program = lower_exact(_network())
    on_card = _spikes(ExactCuda(program, _SAMPLES, 1, 0, device))
    on_cpu = _spikes(ExactCpu(program, _SAMPLES, 1, 1, 0))
    total = sum(len(spikes.neurons) for spikes in on_cpu.values())
    differing = sum(_differing(on_card[name], on_cpu[name]) for name in on_cpu)
    if differing:
        raise BackendUnavailable(
            f"device={device!r}: of {total:,} spikes of a small network, simulated there and on the CPU to see whether "
            f"they are the same, {differing:,} are not; choose device='cpu', or engine='grid'"
        )
