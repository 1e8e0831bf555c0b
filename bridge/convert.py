"""Conversion: from a trained PyTorch module to a spiking network that answers in the module's own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bridge.errors import ConversionError, positive_integer
from bridge.graph import Graph
from bridge.nodes import Leaky
from bridge.passes import activate_first, fold_batchnorm, merge_pooling
from bridge.rate import Converted, RateOptions, convert_by_rate, take_over_graph
from bridge.trace import trace

if TYPE_CHECKING:
    from torch import nn

_TRACED = 1000  # samples that are looked at, at most


def prepare(module: nn.Module, samples: np.ndarray) -> tuple[Graph, Graph]:
    """Trace a module; returns the graph as traced, and as it is converted."""
    traced = trace(module, np.atleast_1d(samples)[:_TRACED])
    return traced, merge_pooling(activate_first(fold_batchnorm(traced)))


def convert(
    module: nn.Module, samples: np.ndarray, *, steps: int = 32, options: RateOptions | None = None
) -> Converted:
    """Convert a trained ReLU network into a rate-coded spiking network.

    Every ReLU becomes a population of integrate-and-fire neurons with soft reset, started at half their threshold;
    thresholds are chosen for each channel by least squares for the given T on the samples (see `bridge.rate`).
    With input that is constant in time a neuron's spike count N is the quantised activation exactly:
    N = clip(floor(z T / theta + 1/2), 0, T).

    The last linear layer is read as it integrates; a network that ends in ReLU answers with what its spikes say.

    Parameters
    ----------
    module : torch.nn.Module
        Of linear layers, activations like ReLU and max-pooling, with residual connections and concatenations or
        without; in evaluation mode or not, it is left as it is.
    samples : ndarray (samples, *shape)
        Calibration data, such as some training images; at most 1,000 are used.
    steps : int
        T, the steps in which a layer may fire.
    options : RateOptions, optional
        Thresholds, reset, input and more; the defaults are what was measured to lose least.

    Raises
    ------
    ValidationError
        If samples, steps or given thresholds are refused.
    ConversionError
        If a part of the module has no counterpart; it names the node and what would do.

    Examples
    --------
    >>> import ann, bridge
    >>> data = ann.load("digits")
    >>> model = ann.build("mlp", data.shape, data.n_classes)
    >>> converted = bridge.convert(model, data.x_train, steps=8)
    >>> converted.run(data.x_test[:3]).scores.shape
    (3, 10)
    """
    steps = positive_integer("steps", steps)
    traced, graph = prepare(module, samples)
    return convert_by_rate(traced, graph, samples, steps, options)


def take_over(module: nn.Module, samples: np.ndarray, *, steps: int) -> Converted:
    """Take a spiking network trained with snnTorch over, spike for spike.

    A layer's spikes come as many steps later as it has layers before it, since a spike acts one step after it.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of layers that ends in a spiking neuron, called once a step; its neurons reset without delay.
    samples : ndarray (samples, *shape)
        One or more samples, for their shape; they are the input current of every step.
    steps : int
        T, the steps of an inference.

    Raises
    ------
    ValidationError
        If samples or steps are refused.
    ConversionError
        If a part of the module has no counterpart; it names the node and what would do.
    """
    steps = positive_integer("steps", steps)
    traced, graph = prepare(module, samples)
    if not isinstance(output := graph.nodes[graph.output], Leaky):
        label, remedy = f"{graph.output} ({type(output).__name__})", "End the chain with a spiking neuron"
        raise ConversionError(label, "is the output but not a spiking neuron", remedy)
    return take_over_graph(traced, graph, steps)
