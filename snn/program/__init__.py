"""A network as plain arrays: the only thing that engines see."""

from snn.program.exact import ExactProgram, lower_exact
from snn.program.lowering import lower
from snn.program.neurons import Group, draw, flow_model, lower_model, pack
from snn.program.program import Program
from snn.program.stimuli import stimulus_input
from snn.program.synapses import quantum_of

__all__ = [
    "ExactProgram",
    "Group",
    "Program",
    "draw",
    "flow_model",
    "lower",
    "lower_exact",
    "lower_model",
    "pack",
    "quantum_of",
    "stimulus_input",
]
