"""What a rate-coded network is made of, and what its parts stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

import snn
from bridge import plan as plans
from bridge.plan import Layout
from snn.network import Source


@dataclass(frozen=True, eq=False)
class Layer:
    """What a population of an emitted network says, or one of several things that it says one after the other.

    Attributes
    ----------
    name : str
        Name of the plan's layer.
    kind : {"neurons", "relay", "readout"}
        Neurons of an activation, relays that pass on what others say or what a pooling lets through, or the integrators
        that are read.
    layout : Layout
        Shape in the graph, and the order of its elements in the population.
    unit : ndarray of float64 (size,)
        What a spike of each element says, or 1 of a readout's v, in the module's own units; in the graph's order.
    first, last : int
        The first and the last step in which the layer may fire, or, for a readout, in which its input arrives.
    population : str
        Name of the population: that of the layer, or of the recurrent layer of which this is a step of the sequence.
    windows : int
        In how many windows of T steps, one after the other, the population says the layer; each is a part of it, the
        elements of one position.
    """

    name: str
    kind: Literal["neurons", "relay", "readout"]
    layout: Layout
    unit: np.ndarray
    first: int
    last: int
    population: str
    windows: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what is said, channels last: that of the population, where it says nothing else."""
        return self.layout.image

    def by_neuron(self, counts: np.ndarray) -> np.ndarray:
        """Return numbers of spikes (batch, size) by neuron of the population: of all windows together."""
        return counts.reshape(len(counts), self.windows, -1).sum(axis=1)

    def said(self, counts: np.ndarray) -> np.ndarray:
        """Return what numbers of spikes, or values of v, (..., neurons) say: (..., *shape) as the module has it."""
        in_order = counts[..., self.layout.neuron] * self.unit
        return in_order.reshape(*counts.shape[:-1], *self.layout.shape)


@dataclass(frozen=True, eq=False)
class Emitted:
    """A spiking network and what its parts stand for.

    Attributes
    ----------
    network : snn.Network
    inputs : tuple of Source
        Each gets the sample, channels last: currents that flow as long as the layers that read them need them, or
        Poisson trains.
    elements : tuple of tuple of ndarray
        For each input which elements of the sample, in the graph's order, it gives in one window of T steps after the
        other.
    input : bridge.plan.Layer
        What the inputs stand for: how a sample is given to them, and in which order.
    layers : tuple of Layer
        In the order of the plan; the last gives the output.
    steps : int
        T, the steps in which a layer may fire.
    sums : tuple of str
        Layers that sum all steps of a sequence.
    unrolled : str, optional
        Why recurrent layers have a population for every step of the sequence, where they have.
    """

    network: snn.Network
    inputs: tuple[Source, ...]
    elements: tuple[tuple[np.ndarray, ...], ...]
    input: plans.Layer
    layers: tuple[Layer, ...]
    steps: int
    sums: tuple[str, ...] = ()
    unrolled: str | None = None

    @property
    def duration(self) -> int:
        """Steps of an inference, all layers included."""
        return self.layers[-1].last
