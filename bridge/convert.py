"""Conversion: from a trained PyTorch module to a spiking network that answers in the module's own terms."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from bridge import event
from bridge.errors import ConversionError, ValidationError, positive_integer
from bridge.event import EventConverted
from bridge.graph import Graph
from bridge.inference import as_array, check_samples
from bridge.nodes import Leaky
from bridge.passes import activate_first, fold_batchnorm, merge_pooling
from bridge.rate import Converted, RateOptions, TakenOver, convert_by_rate, take_over_graph
from bridge.trace import trace

if TYPE_CHECKING:
    from torch import nn

    from ann import SpikingNetwork

MOST = 2**16  # steps or levels: more than sixteen bits say of an activation
_TRACED = 1000  # samples that are looked at, at most


def prepare(module: nn.Module, samples: np.ndarray) -> tuple[Graph, Graph]:
    """Trace a module; returns the graph as traced, and as it is converted."""
    traced = trace(module, np.atleast_1d(samples)[:_TRACED])
    return traced, merge_pooling(activate_first(fold_batchnorm(traced)))


@overload
def convert(
    module: nn.Module,
    samples: np.ndarray,
    *,
    method: Literal["rate"] = "rate",
    steps: int = 32,
    options: RateOptions | None = None,
) -> Converted: ...


@overload
def convert(
    module: nn.Module,
    samples: np.ndarray,
    *,
    method: Literal["event"],
    levels: int = 32,
    allow: Collection[str] = (),
) -> EventConverted: ...


def convert(
    module: nn.Module,
    samples: np.ndarray,
    *,
    method: str = "rate",
    steps: int | None = None,
    options: RateOptions | None = None,
    levels: int | None = None,
    allow: Collection[str] = (),
) -> Converted | EventConverted:
    """Convert a trained network into a spiking one.

    By **rate** (clocked, T steps) every ReLU becomes a population of integrate-and-fire neurons with soft reset,
    started at half their threshold; thresholds are chosen for each channel by least squares for the given T on the
    samples (see `bridge.rate`). With input that is constant in time a neuron's spike count N is the quantised
    activation exactly: N = clip(floor(z T / theta + 1/2), 0, T). The last linear layer is read as it integrates; a
    network that ends in ReLU answers with what its spikes say.

    By **event** (asynchronous) every activation becomes a population of staircase neurons, and the network at rest says
    exactly what the quantised network computes, in whatever order its events come (see `bridge.event`).

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode or not, it is left as it is. By rate of linear layers, activations like ReLU and max-pooling,
        with residual connections and concatenations or without.
    samples : ndarray or tensor (samples, *shape)
        Calibration data, such as some training images; at most 1,000 are used.
    method : {"rate", "event"}
    steps : int
        By rate: T, the steps in which a layer may fire; 32 by default, at most 65,536.
    options : RateOptions, optional
        By rate: thresholds, reset, input and more; the defaults are what was measured to lose least.
    levels : int
        By event: K, the events of either sign that a neuron of an activation says at most; 32 by default, at most
        65,536.
    allow : collection of str
        By event: what may be said by graded events, which carry a number and are not all-or-none: "product" for
        all products of two values, or kinds or names of nodes, such as "LSTM". What needs them and is not allowed is
        refused.

    Returns
    -------
    Converted or EventConverted

    Raises
    ------
    ValidationError
        If samples, given thresholds or another argument are refused.
    ConversionError
        If a part of the module has no counterpart, or needs graded events that are not allowed; it names the node and
        what would do.

    Examples
    --------
    >>> import ann, bridge
    >>> data = ann.load("digits")
    >>> model = ann.build("mlp", data.shape, data.n_classes)
    >>> converted = bridge.convert(model, data.x_train, steps=8)
    >>> converted.run(data.x_test[:3]).scores.shape
    (3, 10)
    """
    if method not in ("rate", "event"):
        raise ValidationError(f"method must be 'rate' or 'event', not {method!r}")
    unused = {"steps": steps, "options": options} if method == "event" else {"levels": levels, "allow": allow or None}
    for name, value in unused.items():
        if value is not None:
            raise ValidationError(f"{name} does not go with method={method!r}; leave it out")
    steps = positive_integer("steps", 32 if steps is None else steps, MOST)
    levels = positive_integer("levels", 32 if levels is None else levels, MOST)
    samples = as_array(samples)
    from ann import SpikingNetwork

    if isinstance(module, SpikingNetwork):
        raise ConversionError(type(module).__name__, "spikes already", "Use bridge.take_over(module, samples)")
    traced, graph = prepare(module, samples)
    if method == "event":
        return event.convert_graph(traced, graph, samples[:_TRACED], levels, allow)
    return convert_by_rate(traced, graph, samples, steps, options)


def take_over(module: nn.Module, samples: np.ndarray, *, steps: int | None = None) -> Converted:
    """Take a spiking network trained with a surrogate gradient over, spike for spike.

    A layer's spikes come as many steps later as it has layers before it, since a spike acts one step after it.

    Parameters
    ----------
    module : torch.nn.Module
        An `ann.SpikingNetwork`, which says how samples are given, for how many steps, and how it is read. Or one time
        step: layers with spiking neurons, which may be connected with themselves, that end in such neurons, whose
        spikes are counted, or in linear layers, whose output is summed over all steps. Neurons reset without delay.
    samples : ndarray (samples, *shape)
        One or more samples, for their shape; of a time step they are the input current of every step.
    steps : int, optional
        T, the steps of an inference: of a time step, needed; an `ann.SpikingNetwork` has its own.

    Returns
    -------
    Converted
        Of an `ann.SpikingNetwork` a `TakenOver`.

    Raises
    ------
    ValidationError
        If samples or steps are refused.
    ConversionError
        If a part of the module has no counterpart; it names the node and what would do.
    """
    from ann import SpikingNetwork

    if isinstance(module, SpikingNetwork):
        if steps is not None:
            raise ValidationError(f"steps must be left out, not {steps!r}: the module has its own, {module.steps}")
        return _take_over_whole(module, samples)
    if steps is None:
        raise ValidationError("steps must be given: the module is one time step")
    return _take_over_step(module, as_array(samples), positive_integer("steps", steps, MOST))


def _take_over_step(module: nn.Module, samples: np.ndarray, steps: int) -> Converted:
    traced, graph = prepare(module, samples)
    if not any(isinstance(node, Leaky) for node in graph.nodes.values()):
        label = f"{graph.output} ({type(graph.nodes[graph.output]).__name__})"
        raise ConversionError(label, "has no spiking neuron before it and is none", "Use bridge.convert")
    return take_over_graph(traced, graph, steps)


def _take_over_whole(module: SpikingNetwork, samples: np.ndarray) -> TakenOver:
    import torch

    kept = copy.deepcopy(module).cpu().eval()
    kind = next(kept.parameters()).dtype

    def given(samples: np.ndarray) -> np.ndarray:
        """Return what neurons are given, in the precision of the training: spikes are a matter of rounding."""
        x = torch.as_tensor(as_array(samples))
        with torch.no_grad():
            return kept.given(x.long() if kept.vocabulary else x.to(kind)).double().numpy()

    samples = as_array(samples)
    samples = check_samples(samples, kept.input_shape or samples.shape[1:])
    steps = np.moveaxis(given(samples[:_TRACED]), 0, 1)
    taken = _take_over_step(kept.body, steps.reshape(-1, *steps.shape[2:]), kept.steps)
    fields = {field.name: getattr(taken, field.name) for field in dataclasses.fields(Converted) if field.init}
    shape, first_spike = samples.shape[1:], kept.decision == "first-spike"
    return TakenOver(**fields, given=given, shape=shape, first_spike=first_spike)
