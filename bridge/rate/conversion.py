"""From a graph of a trained network to a rate-coded spiking one: thresholds, biases, network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bridge.errors import ConversionError, ValidationError, positive_integer
from bridge.graph import Graph
from bridge.inference import check_samples
from bridge.nodes import Leaky, LogSoftmax, Node, QuantisedReLU, Softmax
from bridge.passes import unroll
from bridge.plan import Layer, Plan, evaluate, plan
from bridge.rate.converted import Converted, check_probabilities
from bridge.rate.emit import emit
from bridge.rate.options import RateOptions
from bridge.rate.support import ceiling, counts, require, require_nodes, title
from bridge.rate.thresholds import least_squares, local_balancing, maximum, percentile

_CALIBRATION = 1000  # samples that thresholds are chosen on, at most
_CORRECTED = 200  # samples that biases are corrected on, at most


def convert_by_rate(
    traced: Graph, graph: Graph, samples: np.ndarray, steps: int, options: RateOptions | None = None
) -> Converted:
    """Convert a graph.

    Parameters
    ----------
    traced, graph : Graph
        The module as traced, and with normalisation folded and average pooling merged.
    samples : ndarray (samples, *shape)
        Calibration data; at most 1,000 are used, 200 to correct biases.
    steps : int
        T, the steps in which a layer may fire.
    options : RateOptions, optional

    Raises
    ------
    ValidationError
        If samples, steps or thresholds are refused.
    ConversionError
        If a part of the graph has no counterpart; it names the node and what would do.
    """
    steps, options = positive_integer("steps", steps), options or RateOptions()
    after: tuple[Node, ...] = ()
    while isinstance(last := graph.nodes[graph.output], Softmax | LogSoftmax):
        after = (last, *after)
        graph = Graph({name: node for name, node in graph.nodes.items() if node is not last}, last.inputs[0])
    require_nodes(graph)
    graph = unroll(graph)
    layers = plan(graph)
    require(layers)
    samples = check_samples(samples[:_CALIBRATION], graph.shapes()[graph.input])
    if options.input == "poisson":
        check_probabilities(samples)
    values = _values(layers, samples)
    thresholds, notes = _thresholds(layers, values, steps, options)
    emitted = emit(layers, steps, thresholds, options)
    converted = Converted(traced, graph, after, emitted, thresholds, options, notes)
    return _corrected(converted, layers, samples[:_CORRECTED], values) if options.correct_bias else converted


def take_over_graph(traced: Graph, graph: Graph, steps: int) -> Converted:
    """Take a graph of spiking neurons over as it is; the public function is `bridge.take_over`."""
    layers = plan(graph)
    for layer in layers.layers.values():
        if layer.kind == "activation" and not isinstance(layer.node, Leaky):
            remedy = "Use spiking neurons throughout, or ReLU throughout and bridge.convert"
            raise ConversionError(title(layer), "is an activation among spiking neurons", remedy)
    return Converted(traced, graph, (), emit(layers, steps, {}), {}, RateOptions(wait=0, weight_bits=32), ())


# ---- thresholds


def _values(layers: Plan, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the layers that count, and the output, say of the samples: (samples, *shape) by layer."""
    wanted = {*counts(layers), layers.output}
    return {
        layer.name: said.reshape(len(samples), *layer.layout.shape)
        for layer, _, said in evaluate(layers, samples)
        if layer.name in wanted
    }


def _thresholds(
    layers: Plan, values: dict[str, np.ndarray], steps: int, options: RateOptions
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Choose the thresholds (channels,) of every layer that counts; returns them, and what is to be known of them."""
    wanted = counts(layers)
    given = options.thresholds if isinstance(options.thresholds, Mapping) else {}
    if unknown := [name for name in given if name not in wanted]:
        raise ValidationError(f"thresholds names {unknown[0]!r}, which is no activation; those are {list(wanted)}")
    thresholds, notes = {}, []
    for name, layer in wanted.items():
        a = _channels_second(values[name], layer)
        if not np.isfinite(a).all():
            raise ValidationError(f"the samples make activations of {title(layer)} that are not finite")
        if name in given:
            thresholds[name] = _given(name, given[name], a.shape[1])
            continue
        if isinstance(layer.node, QuantisedReLU):
            thresholds[name] = layer.node.threshold
            continue
        theta = _chosen(a, steps, options)
        top = ceiling(layer.node)
        thresholds[name] = theta if top is None else np.minimum(theta, top)
        silent = np.flatnonzero(~(a > 0.0).any(axis=(0, *range(2, a.ndim))))
        if len(silent):
            told = ", ".join(map(str, silent[:5])) + (", ..." if len(silent) > 5 else "")
            notes.append(
                f"{title(layer)}: {len(silent)} of {a.shape[1]} channels ({told}) are silent on the samples; "
                "they have the largest threshold of the others"
            )
    return thresholds, tuple(notes)


def _chosen(a: np.ndarray, steps: int, options: RateOptions) -> np.ndarray:
    """Apply the rule to activations (samples, channels, ...)."""
    channels = a.shape[1]
    if options.per == "layer":
        a = a.reshape(len(a), 1, -1)
    if options.thresholds == "max":
        theta = maximum(a)
    elif options.thresholds == "percentile":
        theta = percentile(a, options.percentile)
    elif options.thresholds == "local_balancing":
        theta = local_balancing(a)
    else:
        theta = least_squares(a, steps)
    return np.broadcast_to(theta, (channels,)).copy()


def _given(name: str, value: object, channels: int) -> np.ndarray:
    theta = np.asarray(value)
    numbers = theta.dtype.kind in "iuf" and theta.shape in ((), (channels,))
    if not (numbers and (np.isfinite(theta) & (theta > 0.0)).all()):
        expected = f"a positive number or {channels} of them"
        raise ValidationError(f"thresholds[{name!r}] must be {expected}, not {value!r}")
    return np.broadcast_to(theta.astype(np.float64), (channels,)).copy()


def _channels_second(values: np.ndarray, layer: Layer) -> np.ndarray:
    """Return values (samples, *shape) with the channels' axis behind that of the samples."""
    return np.moveaxis(values, layer.layout.axis % len(layer.layout.shape) + 1, 1)


# ---- biases


def _corrected(converted: Converted, layers: Plan, samples: np.ndarray, values: dict[str, np.ndarray]) -> Converted:
    """Add to each layer's biases, one layer after the other, what it said too little on average in each channel.

    b <- b + E[a - s], with a what the artificial and s what the spiking network says, whose earlier layers are
    corrected already (Li et al., "A free lunch from ANN: towards efficient, accurate spiking neural networks
    calibration", ICML 2021).
    """
    corrections: dict[str, np.ndarray] = {}
    for name, a in values.items():
        said = np.concatenate([part.activations[name] for part in converted.observe(samples)])
        layer = layers.layers[name]
        missing = _channels_second(a[: len(samples)] - said, layer)
        by_channel = missing.mean(axis=(0, *range(2, missing.ndim)))
        corrections[name] = by_channel[layer.layout.channel]
        emitted = emit(layers, converted.steps, converted.thresholds, converted.options, corrections)
        converted = replace(converted, emitted=emitted)
    return converted
