"""From a graph of a trained network to a rate-coded spiking one: thresholds, biases, network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from bridge.ending import without_end
from bridge.errors import ConversionError, ValidationError, positive_integer
from bridge.graph import Graph
from bridge.inference import check_samples
from bridge.nodes import Leaky, QuantisedReLU
from bridge.passes import absorb_masks, unroll
from bridge.plan import Layer, Plan, evaluate, plan
from bridge.rate.converted import Converted, check_probabilities
from bridge.rate.emit import emit
from bridge.rate.emitted import Emitted
from bridge.rate.options import RateOptions
from bridge.rate.recurrent import Chains, Unrolled, chains_of, emit_recurrent
from bridge.rate.support import ceiling, counts, require, require_nodes, title
from bridge.rate.thresholds import least_squares, local_balancing, maximum, note_of_silence, percentile

_CALIBRATION = 1000  # samples that thresholds are chosen on, at most
_CORRECTED = 200  # samples that biases are corrected on, and errors looked at, at most
_WORSE = 4.0  # times: spikes that come unevenly make two to three of the error of a population a step, as measured


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
    steps, options = positive_integer("steps", steps), RateOptions() if options is None else options
    if not isinstance(options, RateOptions):
        raise ValidationError(f"options must be bridge.RateOptions(...), not {options!r}")
    graph, after = without_end(graph)
    require_nodes(graph)
    recurrent = absorb_masks(graph)
    graph = unroll(recurrent)
    layers = plan(graph)
    require(layers)
    samples = check_samples(samples[:_CALIBRATION], graph.shapes()[graph.input])
    if options.input == "poisson":
        check_probabilities(samples)
    values = _values(layers, samples)

    def made(chains: Chains, unrolled: str | None) -> Converted:
        """Convert with one population for each chain of layers."""

        def emitted(corrections: Mapping[str, np.ndarray]) -> Emitted:
            if chains:
                return emit_recurrent(layers, chains, steps, thresholds, options, corrections)
            return replace(emit(layers, steps, thresholds, options, corrections), unrolled=unrolled)

        groups = _groups(layers, chains)
        thresholds, notes = _thresholds(layers, groups, values, steps, options)
        converted = Converted(traced, graph, after, emitted({}), thresholds, options, notes)
        if not options.correct_bias:
            return converted
        return _corrected(converted, layers, groups, samples[:_CORRECTED], values, emitted)

    chains = chains_of(recurrent, graph, layers)
    try:
        one = made(_accepted(chains, options), None)
    except Unrolled as reason:
        return made({}, str(reason))
    if not one.emitted.sums or isinstance(options.thresholds, Mapping):
        return one
    # A sum needs all steps, among which those with small states may be below half a step of what the largest take.
    every = made({}, None)
    off, less = (_off(converted, samples[:_CORRECTED]) for converted in (one, every))
    if off <= _WORSE * less:
        return one
    sums = ", ".join(one.emitted.sums)
    reason = f"{sums} sums all of it, and would be {off:.0%} off on the samples with one threshold for all steps"
    return replace(every, emitted=replace(every.emitted, unrolled=reason))


def _off(converted: Converted, samples: np.ndarray) -> float:
    """Return how far the quantised twin is from the network itself, relative to the network's output."""
    graph = converted.graph
    own, twin = (graph.evaluate(samples, changed)[graph.output] for changed in (None, converted.quantise))
    return float(np.linalg.norm(twin - own) / max(np.linalg.norm(own), np.finfo(float).tiny))


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


def _accepted(chains: Chains, options: RateOptions) -> Chains:
    """Return the chains, or say which of the options their populations cannot have."""
    if not chains or options.unroll:
        raise Unrolled("it was asked for")
    if options.reset == "hard":
        raise Unrolled("a hard reset would leave one spike of what a step of the sequence says")
    given = options.thresholds if isinstance(options.thresholds, Mapping) else {}
    if steps := [name for chain in chains.values() for name in chain if name in given]:
        raise Unrolled(f"{steps[0]}, a step of the sequence, has a threshold of its own")
    return chains


def _groups(layers: Plan, chains: Chains) -> dict[str, tuple[str, ...]]:
    """Return by name the layers that count and share thresholds: those of a chain, or one."""
    chained = {layer: name for name, chain in chains.items() for layer in chain}
    wanted = dict.fromkeys(chained.get(name, name) for name in counts(layers))
    return {name: tuple(chains.get(name, (name,))) for name in wanted}


def _thresholds(
    layers: Plan,
    groups: dict[str, tuple[str, ...]],
    values: dict[str, np.ndarray],
    steps: int,
    options: RateOptions,
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Choose the thresholds (channels,) of every layer that counts; returns them, and what is to be known of them."""
    given = options.thresholds if isinstance(options.thresholds, Mapping) else {}
    if unknown := [name for name in given if name not in groups]:
        raise ValidationError(f"thresholds names {unknown[0]!r}, which is no activation; those are {list(groups)}")
    thresholds, notes = {}, []
    for name, members in groups.items():
        layer = layers.layers[members[0]]
        said = [_channels_second(values[one], layer) for one in members]
        a = np.concatenate(said)
        called = title(layer) if members == (name,) else name
        if not np.isfinite(a).all():
            raise ValidationError(f"the samples make activations of {called} that are not finite")
        if name in given:
            theta = _given(name, given[name], a.shape[1])
        elif isinstance(layer.node, QuantisedReLU):
            theta = layer.node.threshold
        else:
            theta = _chosen(a, steps, options, _evenly(said) if len(said) > 1 else None)
            top = ceiling(layer.node)
            theta = theta if top is None else np.minimum(theta, top)
            if note := note_of_silence(called, a.max(axis=(0, *range(2, a.ndim))), "threshold"):
                notes.append(note)
        thresholds |= dict.fromkeys(members, theta)
    return thresholds, tuple(notes)


def _evenly(said: list[np.ndarray]) -> np.ndarray:
    """Return weights that make the squares of a channel sum to the same in every step of a sequence.

    Where it is nearly silent to less: as if it had a thousandth of the largest mean square of all.
    """
    squares = np.array([(a**2).mean(axis=(0, *range(2, a.ndim))) for a in said])
    weights = 1.0 / np.maximum(squares, max(1e-3 * squares.max(), np.finfo(float).tiny))
    return np.concatenate(
        [np.broadcast_to(w.reshape(-1, *(1,) * (a.ndim - 2)), a.shape) for w, a in zip(weights, said, strict=True)]
    )


def _chosen(a: np.ndarray, steps: int, options: RateOptions, weights: np.ndarray | None) -> np.ndarray:
    """Apply the rule to activations (samples, channels, ...), weighted where it is by least squares."""
    channels = a.shape[1]
    if options.per == "layer":
        a = a.reshape(len(a), 1, -1)
        weights = None if weights is None else weights.reshape(a.shape)
    if options.thresholds == "max":
        theta = maximum(a)
    elif options.thresholds == "percentile":
        theta = percentile(a, options.percentile)
    elif options.thresholds == "local_balancing":
        theta = local_balancing(a)
    else:
        theta = least_squares(a, steps, weights)
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


def _corrected(
    converted: Converted,
    layers: Plan,
    groups: dict[str, tuple[str, ...]],
    samples: np.ndarray,
    values: dict[str, np.ndarray],
    emitted: Callable[[Mapping[str, np.ndarray]], Emitted],
) -> Converted:
    """Add to each layer's biases, one layer after the other, what it said too little on average in each channel.

    b <- b + E[a - s], with a what the artificial and s what the spiking network says, whose earlier layers are
    corrected already (Li et al., "A free lunch from ANN: towards efficient, accurate spiking neural networks
    calibration", ICML 2021). All steps of a recurrent population are corrected by the same.
    """
    corrections: dict[str, np.ndarray] = {}
    for members in [*groups.values(), *((name,) for name in values if name not in converted.thresholds)]:
        observed = list(converted.observe(samples))
        layer = layers.layers[members[0]]
        missing = np.concatenate(
            [
                _channels_second(
                    values[one][: len(samples)] - np.concatenate([part.activations[one] for part in observed]), layer
                )
                for one in members
            ]
        )
        by_channel = missing.mean(axis=(0, *range(2, missing.ndim)))
        corrections |= dict.fromkeys(members, by_channel[layer.layout.channel])
        converted = replace(converted, emitted=emitted(corrections))
    return converted
