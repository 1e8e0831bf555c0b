"""A network as plain arrays: the only thing that engines see."""

from snn.program.lowering import Program, lower, lower_model, stimulus_input
from snn.program.neurons import Group, draw, pack
from snn.program.synapses import quantum_of

__all__ = ["Group", "Program", "draw", "lower", "lower_model", "pack", "quantum_of", "stimulus_input"]
