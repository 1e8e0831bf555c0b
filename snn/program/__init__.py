"""A network as plain arrays: the only thing that engines see."""

from snn.program.lowering import lower
from snn.program.neurons import Group, draw, lower_model, pack
from snn.program.program import Program
from snn.program.stimuli import stimulus_input
from snn.program.synapses import quantum_of

__all__ = ["Group", "Program", "draw", "lower", "lower_model", "pack", "quantum_of", "stimulus_input"]
