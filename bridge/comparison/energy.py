"""What an inference costs in energy, under three models whose assumptions are stated.

Figures of single operations in 45 nm at 0.9 V are those of Horowitz, "Computing's energy problem (and what we can do
about it)", ISSCC 2014. They leave out control, clocking, communication between cores and leakage, so the models rank
operations; none of them predicts a chip's power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PICO = 1e-12
MULTIPLY_FLOAT, ADD_FLOAT = 3.7, 0.9  # pJ, 32 bits
MULTIPLY_BYTE, ADD_INTEGER = 0.2, 0.1  # pJ, 8-bit multiplication and 32-bit addition of integers
READ_WORD = 5.0  # pJ, 32 bits from an 8 kB static memory


@dataclass(frozen=True)
class Work:
    """What one inference does.

    Attributes
    ----------
    macs : float
        Multiply-accumulates: all of an artificial network's; of a spiking one's only those of its constant input.
    synaptic_operations : float
        Synapses reached by spikes; 0 for an artificial network.
    neuron_updates : float
        Neurons times steps in which their state is updated; 0 for an artificial network.
    """

    macs: float
    synaptic_operations: float = 0.0
    neuron_updates: float = 0.0


@dataclass(frozen=True)
class CostModel:
    """A way to turn work into energy.

    Attributes
    ----------
    name, title : str
    assumptions : tuple of str
    """

    name: str
    title: str
    assumptions: tuple[str, ...]

    @property
    def prices_floats(self) -> bool:
        """Whether the artificial network is priced as it is, at 32 bits, and its twin no differently; else the twin."""
        return self.name != "quantised"

    def artificial(self, work: Work, steps: int) -> float:
        """Return joules of one inference of the artificial network that a spiking one with T steps stands beside."""
        per_mac = {
            "compute": MULTIPLY_FLOAT + ADD_FLOAT,
            "memory": MULTIPLY_FLOAT + ADD_FLOAT + 2 * READ_WORD,
            "quantised": _quantised_mac(steps),
        }[self.name]
        return work.macs * per_mac * PICO

    def spiking(self, work: Work, steps: int) -> float:
        """Return joules of one inference of a spiking network."""
        if self.name == "compute":
            energy = work.macs * (MULTIPLY_FLOAT + ADD_FLOAT) + work.synaptic_operations * ADD_FLOAT
        elif self.name == "memory":
            energy = work.macs * (MULTIPLY_FLOAT + ADD_FLOAT + 2 * READ_WORD)
            energy += work.synaptic_operations * (ADD_FLOAT + 3 * READ_WORD)
            energy += work.neuron_updates * (ADD_FLOAT + 2 * READ_WORD)
        else:
            energy = work.macs * _quantised_mac(8)
            energy += work.synaptic_operations * (ADD_INTEGER + READ_WORD / 4 + 2 * READ_WORD)
            energy += work.neuron_updates * (ADD_INTEGER + 2 * READ_WORD)
        return energy * PICO

    def break_even(self, artificial: Work, spiking: Work, steps: int) -> float:
        """Return by what factor the spikes would have to change for both to cost the same; 0 if none would do."""
        fixed = self.spiking(Work(spiking.macs, 0.0, spiking.neuron_updates), steps)
        variable = self.spiking(spiking, steps) - fixed
        room = self.artificial(artificial, steps) - fixed
        return max(0.0, room / variable) if variable else math.inf


def bits(steps: int) -> int:
    """Return the bits that a count of 0 .. T spikes carries: ceil(log2(T + 1))."""
    return math.ceil(math.log2(steps + 1))


def _quantised_mac(steps_or_bits: int) -> float:
    """Energy of a multiply-accumulate with an 8-bit weight, in pJ; see `QUANTISED`."""
    width = bits(steps_or_bits)
    return MULTIPLY_BYTE * width / 8 + ADD_INTEGER + READ_WORD / 4 * (1 + width / 8)


COMPUTE = CostModel(
    "compute",
    "arithmetic only",
    (
        "45 nm, 32-bit floating point: multiplication 3.7 pJ, addition 0.9 pJ (Horowitz 2014)",
        "artificial: a multiplication and an addition for each multiply-accumulate, 4.6 pJ",
        "spiking: an addition for each synapse a spike reaches, 0.9 pJ; the products of the constant input once",
        "memory, state and control cost nothing",
    ),
)
MEMORY = CostModel(
    "memory",
    "arithmetic and memory",
    (
        "as above, and 5 pJ for each 32-bit word from an 8 kB static memory",
        "artificial: reads a weight and an activation for each multiply-accumulate, nothing is reused",
        "spiking: reads a weight, reads and writes a potential for each synapse a spike reaches",
        "spiking: reads, adds to and writes each potential in every step of its layer",
    ),
)
QUANTISED = CostModel(
    "quantised",
    "against the quantised twin",
    (
        "integers: 8-bit weights, 32-bit sums; multiplication of 8 by 8 bits 0.2 pJ, addition 0.1 pJ, reads by width",
        "artificial: activations of ceil(log2(T + 1)) bits, as many as T spikes can say",
        "spiking: reads an 8-bit weight, reads and writes a 32-bit potential for each synapse a spike reaches",
        "spiking: reads, adds to and writes each potential in every step of its layer",
    ),
)
MODELS = (COMPUTE, MEMORY, QUANTISED)
