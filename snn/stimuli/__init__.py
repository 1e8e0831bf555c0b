"""What enters a network from outside: spikes and currents.

A stimulus without a shape gives every target an input of its own; one with a shape is a population, each element of
which any number of targets may share.
"""

from snn.stimuli.counts import Counts
from snn.stimuli.currents import Current, NoiseCurrent, SampledCurrent, SineCurrent
from snn.stimuli.inputs import Inputs
from snn.stimuli.source import Source
from snn.stimuli.spikes import GammaTrains, InhomogeneousPoisson, Poisson, SpikeTrains

__all__ = [
    "Counts",
    "Current",
    "GammaTrains",
    "InhomogeneousPoisson",
    "Inputs",
    "NoiseCurrent",
    "Poisson",
    "SampledCurrent",
    "SineCurrent",
    "Source",
    "SpikeTrains",
]
