"""Neuron models, one file a family."""

from snn.neurons.integrate_and_fire import IF, LIF, DiscreteLIF
from snn.neurons.model import Model, step

__all__ = ["IF", "LIF", "DiscreteLIF", "Model", "step"]
