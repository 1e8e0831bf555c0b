"""The metrics of NeuroBench, by its definitions (Yik et al., Nature Communications 16:1545, 2025; neurobench 2).

All are of one inference, means over the samples. Layers with weights count, that is dense and convolutional ones; what
NeuroBench does not look at, pooling, normalisation and biases, counts nothing. A synapse is a weight between two
units, so padding has none. `docs/comparison.md` has the formulas.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bridge.graph import Graph
from bridge.inference import Inference
from bridge.nodes import Input, Linear, Node, Rearrange, ReLU
from bridge.rate import Converted

_BATCH = 50  # samples whose values are held at once
_VALUES = 2**23  # potentials, likewise
FLOAT = 4  # bytes of a number of 32 bits


def connection_sparsity(graph: Graph) -> float:
    """Return the share of weights that are zero, 0 ... 1."""
    layers: list[Any] = [node for node in graph.nodes.values() if _has_weights(node)]
    weights = [layer.weight.ravel() for layer in layers]
    return float(np.mean(np.concatenate(weights) == 0)) if weights else 0.0


def module_footprint(module: Any) -> int:
    """Return the bytes of all parameters and buffers of a `torch.nn.Module`."""
    return sum(array.numel() * array.element_size() for array in (*module.parameters(), *module.buffers()))


def twin_footprint(converted: Converted) -> int:
    """Return the bytes of a quantised twin: 32 bits for each number of its layers and each threshold."""
    return FLOAT * (_numbers(converted.traced) + sum(threshold.size for threshold in converted.thresholds.values()))


def network_footprint(converted: Converted) -> int:
    """Return the bytes of a spiking network: 32 bits for each number of its layers and each potential.

    Potentials are buffers, as in snnTorch. Thresholds are scaled into the weights, and so is pooling by averages, which
    makes the weights after it more than the module's.
    """
    return FLOAT * (_numbers(converted.graph) + sum(int(np.prod(layer.shape)) for layer in converted.layers))


def of_artificial(
    graph: Graph, x: np.ndarray, said: Callable[[str, np.ndarray], np.ndarray] | None = None
) -> dict[str, float]:
    """Return activation sparsity and synaptic operations of an artificial network.

    Parameters
    ----------
    graph : Graph
    x : ndarray (samples, *shape)
    said : callable, optional
        What a node says in the place of a value, as `replaced` of `Graph.evaluate`.

    Returns
    -------
    dict
        ``activation_sparsity``: the share of outputs of ReLU units that are zero. ``effective_macs``,
        ``effective_acs``: synapses whose weight and input are not zero; additions only where all input of a layer is 0,
        1 or -1. ``dense``: all synapses.
    """
    zeros, outputs, macs, acs = 0, 0, 0.0, 0.0
    fans = {name: fan_out(graph, name) for name, node in graph.nodes.items() if _has_weights(node)}
    binary = dict.fromkeys(fans, True)
    counted = dict.fromkeys(fans, 0.0)
    for start in range(0, len(x), _BATCH):
        values = graph.evaluate(x[start : start + _BATCH], said)
        for name, node in graph.nodes.items():
            if isinstance(node, ReLU):
                zeros += int((values[name] == 0).sum())
                outputs += values[name].size
            elif name in fans:
                given = values[node.inputs[0]]
                binary[name] &= _is_binary(given)
                counted[name] += float(((given != 0).sum(axis=0).ravel() * fans[name]).sum())
    acs = sum(counted[name] for name in fans if binary[name])
    macs = sum(counted[name] for name in fans if not binary[name])
    return {
        "activation_sparsity": zeros / outputs if outputs else 0.0,
        "effective_macs": macs / len(x),
        "effective_acs": acs / len(x),
        "dense": float(sum(fan_out(graph, name, dense=True).sum() for name in fans)),
    }


def of_spiking(converted: Converted, x: np.ndarray, inference: Inference) -> dict[str, float]:
    """Return activation sparsity and synaptic operations of a spiking network.

    Parameters
    ----------
    converted : Converted
    x : ndarray (samples, *shape)
    inference : Inference
        What came of these samples.

    Returns
    -------
    dict
        As `of_artificial`. A neuron has an output in each of its T steps, and so has the input, which is the same in
        all of them: NeuroBench, that calls a layer once a step, counts the first layer's operations T times.
    """
    graph, steps, samples = converted.graph, converted.steps, len(x)
    shapes, layers = graph.shapes(), {layer.name: layer for layer in converted.layers}
    given: dict[str, np.ndarray] = {}  # how often each unit says something other than 0, summed over the samples
    binary, macs, acs, dense = {}, 0.0, 0.0, 0.0
    for name, node in graph.nodes.items():
        if isinstance(node, Input):
            given[name], binary[name] = steps * (x != 0).sum(axis=0)[None], _is_binary(x)
        elif name in inference.counts:
            layout = layers[name].layout
            given[name] = inference.counts[name][layout.neuron].reshape(1, *layout.shape)
            binary[name] = True
        elif isinstance(node, Rearrange):
            given[name], binary[name] = node(*(given[i] for i in node.inputs)), all(binary[i] for i in node.inputs)
        elif _has_weights(node):
            operations = float((given[node.inputs[0]].ravel() * fan_out(graph, name)).sum()) / samples
            acs, macs = (acs + operations, macs) if binary[node.inputs[0]] else (acs, macs + operations)
            dense += steps * float(fan_out(graph, name, dense=True).sum())
    neurons = [layer.name for layer in converted.layers if layer.kind == "neurons"]
    outputs = steps * samples * sum(int(np.prod(shapes[name])) for name in neurons)
    spikes = sum(int(inference.counts[name].sum()) for name in neurons)
    sparsity = 1.0 - spikes / outputs if outputs else 0.0
    return {"activation_sparsity": sparsity, "effective_macs": macs, "effective_acs": acs, "dense": dense}


def membrane_updates(converted: Converted, x: np.ndarray, threads: int = 1) -> float:
    """Return how often a potential is another after a step than before it, a sample.

    Neurons and the integrators that are read count, up to the last of their T steps: that leaky ones decay while layers
    after them still fire is no part of the inference. Pooling's relays do not count. NeuroBench's code counts every
    neuron in its first step, where there is no potential before; its definition, changes of the potential, is what is
    counted here.

    Parameters
    ----------
    converted : Converted
    x : ndarray (samples, *shape)
    threads : int
    """
    network = copy.copy(converted.network)
    network.probes = list(network.probes)
    ends = {layer.name: layer.last for layer in converted.layers if layer.kind != "relay"}
    recorded = {probe.view.population.name for probe in network.probes}
    for name in ends:
        if name not in recorded:
            network.record(network.populations[name], "v", every=1.0)
    watched = replace(converted, emitted=replace(converted.emitted, network=network))
    size = watched.duration * sum(int(np.prod(layer.shape)) for layer in converted.layers)
    batch = min(len(x), max(1, min(_BATCH, _VALUES // size)))
    simulation, changes = watched.simulation(batch, threads), 0
    for start in range(0, len(x), batch):
        chosen = x[start : start + batch]
        simulation.reset()
        watched.encode(simulation, np.concatenate([chosen, np.repeat(chosen[:1], batch - len(chosen), axis=0)]))
        before = {name: simulation.state(network.populations[name])[:, None] for name in ends}
        recording = simulation.run(float(watched.duration))
        for name, last in ends.items():
            course = np.concatenate([before[name], recording.trace(name).values[:, :last]], axis=1)[: len(chosen)]
            changes += int((np.diff(course, axis=1) != 0).sum())
    return changes / len(x)


def fan_out(graph: Graph, name: str, dense: bool = False) -> np.ndarray:
    """Return how many synapses each unit has that a layer reads, (units,): those not zero, or with `dense` all."""
    node: Any = graph.nodes[name]
    if dense:
        node = replace(node, weight=np.ones_like(node.weight))
    matrix = node.matrix(graph.shapes()[node.inputs[0]])
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)


def _numbers(graph: Graph) -> int:
    return sum(getattr(node, name).size for node in graph.nodes.values() for name in node.arrays)


def _has_weights(node: Node) -> bool:
    return isinstance(node, Linear) and "weight" in node.arrays


def _is_binary(values: np.ndarray) -> bool:
    return bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
