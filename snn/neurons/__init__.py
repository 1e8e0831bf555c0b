"""Neuron models, one file a family."""

from snn.neurons.discrete import DiscreteLIF
from snn.neurons.integrate_and_fire import IF, LIF
from snn.neurons.model import Model, step

__all__ = ["IF", "LIF", "DiscreteLIF", "Model", "step"]
