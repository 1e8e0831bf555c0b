"""Event-driven simulation of all-or-none spiking neurons.

Describe a network (`Network`), run it (`Simulation`), look at what it did (`Recording`). Times are in ms, voltages in
mV, currents in pA, capacitances in pF, conductances in nS, rates in Hz; Brian2 quantities are accepted, too.
"""

from snn import networks as networks
from snn.connectivity import (
    AllToAll,
    Conv2d,
    Dense,
    DiscKernel,
    DistanceDependent,
    Edges,
    ExponentialKernel,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    GaussianKernel,
    MaxPool2d,
    OneToOne,
    PairwiseBernoulli,
    Sparse,
    SumPool2d,
    grid_positions,
    random_positions,
)
from snn.errors import (
    BackendUnavailable,
    FileFormatError,
    NumericalError,
    ResourceError,
    SnnError,
    ValidationError,
)
from snn.network import Network
from snn.neurons import (
    IF,
    LIF,
    QIF,
    AdaptiveLIF,
    AdEx,
    ConductanceLIF,
    CustomModel,
    DiscreteAdaptiveLIF,
    DiscreteCubaLIF,
    DiscreteLIF,
    HodgkinHuxley,
    Izhikevich,
    McCullochPitts,
    Product,
    Quantizer,
    Staircase,
)
from snn.program import ExactProgram, Program, lower, lower_exact
from snn.random import Normal, Uniform
from snn.recording import Changes, Recording, Settled
from snn.simulation import Simulation
from snn.synapses import TsodyksMarkram

__all__ = [
    "IF",
    "LIF",
    "QIF",
    "AdEx",
    "AdaptiveLIF",
    "AllToAll",
    "BackendUnavailable",
    "Changes",
    "ConductanceLIF",
    "Conv2d",
    "CustomModel",
    "Dense",
    "DiscKernel",
    "DiscreteAdaptiveLIF",
    "DiscreteCubaLIF",
    "DiscreteLIF",
    "DistanceDependent",
    "Edges",
    "ExactProgram",
    "ExponentialKernel",
    "FileFormatError",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedTotalNumber",
    "GaussianKernel",
    "HodgkinHuxley",
    "Izhikevich",
    "MaxPool2d",
    "McCullochPitts",
    "Network",
    "Normal",
    "NumericalError",
    "OneToOne",
    "PairwiseBernoulli",
    "Product",
    "Program",
    "Quantizer",
    "Recording",
    "ResourceError",
    "Settled",
    "Simulation",
    "SnnError",
    "Sparse",
    "Staircase",
    "SumPool2d",
    "TsodyksMarkram",
    "Uniform",
    "ValidationError",
    "grid_positions",
    "lower",
    "lower_exact",
    "random_positions",
]
