"""Neuron models, one file a family."""

from snn.neurons.adaptive import AdaptiveLIF
from snn.neurons.adex import AdEx
from snn.neurons.binary import McCullochPitts
from snn.neurons.conductance import ConductanceLIF
from snn.neurons.custom import CustomModel
from snn.neurons.discrete import DiscreteAdaptiveLIF, DiscreteCubaLIF, DiscreteLIF
from snn.neurons.hodgkin_huxley import HodgkinHuxley
from snn.neurons.integrate_and_fire import IF, LIF
from snn.neurons.model import Model, step
from snn.neurons.periodic import PeriodicIF
from snn.neurons.product import Product
from snn.neurons.quadratic import QIF, Izhikevich
from snn.neurons.staircase import Quantizer, Staircase, StaircaseModel

__all__ = [
    "IF",
    "LIF",
    "QIF",
    "AdEx",
    "AdaptiveLIF",
    "ConductanceLIF",
    "CustomModel",
    "DiscreteAdaptiveLIF",
    "DiscreteCubaLIF",
    "DiscreteLIF",
    "HodgkinHuxley",
    "Izhikevich",
    "McCullochPitts",
    "Model",
    "PeriodicIF",
    "Product",
    "Quantizer",
    "Staircase",
    "StaircaseModel",
    "step",
]
