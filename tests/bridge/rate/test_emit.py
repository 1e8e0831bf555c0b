from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from bridge import ConversionError
from bridge.graph import Graph
from bridge.nodes import Conv2d, Dense, Flatten, Input, Leaky, MaxPool2d, ReLU
from bridge.plan import plan
from bridge.rate.emit import emit as emit_plan
from bridge.rate.support import require
from bridge.rate.thresholds import least_squares


def chain(shape, *nodes):
    """Make a graph of nodes that are given by (kind, arguments), each reading the one before it."""
    graph = {"x": Input((), shape)}
    for i, (kind, *arguments) in enumerate(nodes):
        graph[f"n{i}"] = kind((list(graph)[-1],), *arguments)
    return Graph(graph, list(graph)[-1])


def thresholds_of(graph, samples, steps):
    values = graph.evaluate(samples)
    return {name: least_squares(values[name], steps) for name, node in graph.nodes.items() if isinstance(node, ReLU)}


def emit(graph, steps, thresholds, *arguments):
    layers = plan(graph)
    require(layers)
    return emit_plan(layers, steps, thresholds, *arguments)


def simulate(emitted, samples):
    simulation = snn.Simulation(emitted.network, dt=1.0, batch=len(samples))
    for source in emitted.inputs:
        simulation.set(source, amplitude=samples.reshape(len(samples), -1)[:, emitted.input.layout.order])
    return simulation, simulation.run(float(emitted.duration))


def channels_first(counts, layer):
    return np.moveaxis(counts.reshape(-1, *layer.shape), -1, 1)


# The first layer, exactly


def drives(simulation, name):
    """What flows into every neuron of a population a step, exactly: (samples, neurons) of Fraction."""
    program, memory = simulation.program, simulation._engine.memory
    node = program.names.index(name)
    quantum = Fraction(float(program.quanta[program.nodes.quantum[node] + program.nodes.ports[node]]))
    currents = program.currents
    total = 0
    for c in range(program.nodes.first_current[node], program.nodes.first_current[node + 1]):
        first = currents.first_drive[c]
        total = total + memory.drives[:, first : first + currents.size[c]]
    return total.astype(object) * quantum


def expected_count(z, steps):
    return min(max((z * steps + Fraction(1, 2)).__floor__(), 0), steps)


@st.composite
def first_layers(draw):
    """A layer with its thresholds and samples, of numbers on a lattice, where sums meet the threshold, or of any."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lattice = draw(st.sampled_from([None, 8.0, 10.0]))

    def numbers(*size):
        values = rng.normal(0.0, 0.5, size)
        return values if lattice is None else np.round(values * lattice) / lattice

    if draw(st.booleans()):
        shape, kind, weight = (6,), Dense, numbers(5, 6)
    else:
        shape, kind, weight = (2, 4, 5), Conv2d, numbers(3, 2, 3, 2)
    bias = numbers(len(weight)) * draw(st.booleans())
    theta = np.ones(len(weight)) if lattice else rng.uniform(0.2, 3.0, len(weight))
    return chain(shape, (kind, weight, bias), (ReLU,)), theta, numbers(4, *shape), lattice


@settings(max_examples=60, deadline=None)
@given(layer=first_layers(), steps=st.sampled_from([1, 2, 4, 8, 32]))
def test_first_layer_fires_the_quantised_activation_exactly(layer, steps):
    graph, theta, samples, lattice = layer
    emitted = emit(graph, steps, {"n1": theta})
    simulation, recording = simulate(emitted, samples)
    z = drives(simulation, "n1")
    activation = graph.evaluate(samples)["n0"] / theta.reshape(-1, *(1,) * (samples.ndim - 2))
    found = channels_first(z.astype(np.float64), emitted.layers[0])
    np.testing.assert_allclose(found, activation, rtol=0, atol=0.0 if lattice == 8.0 else 1e-7)
    counts = recording.spikes["n1"].counts()
    assert counts.tolist() == [[expected_count(one, steps) for one in row] for row in z]


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 32])
def test_a_sum_exactly_at_the_threshold_fires(steps):
    # One spike at z T + 1/2 = 1, and none a quantum below.
    z = 0.5 / steps
    below = z - 2.0**-30
    graph = chain((1,), (Dense, [[z], [below], [1.0], [-1.0]], np.zeros(4)), (ReLU,))
    _, recording = simulate(emit(graph, steps, {"n1": np.ones(4)}), np.ones((1, 1)))
    np.testing.assert_array_equal(recording.spikes["n1"].counts(), [[1, 0, steps, 0]])


# Deeper layers


def deep(rng):
    """A network with two poolings, the first with overlap and padding, and all kinds of biases."""
    return chain(
        (2, 9, 8),
        (Conv2d, rng.normal(0.0, 0.4, (3, 2, 3, 3)), rng.normal(0.0, 0.2, 3), (1, 1), (1, 0)),
        (ReLU,),
        (MaxPool2d, (3, 3), (2, 2), (1, 1)),
        (Conv2d, rng.normal(0.0, 0.4, (4, 3, 2, 2)), np.zeros(4)),
        (ReLU,),
        (MaxPool2d, (2, 1), (2, 1)),
        (Flatten,),
        (Dense, rng.normal(0.0, 0.3, (8, 16)), rng.normal(0.0, 0.2, 8)),
        (ReLU,),
        # As many inputs as an image of the layers before: none of their order may be left here.
        (Dense, rng.normal(0.0, 0.4, (8, 8)), rng.normal(0.0, 0.2, 8)),
        (ReLU,),
        (Dense, rng.normal(0.0, 0.4, (5, 8)), rng.normal(0.0, 0.2, 5)),
    )


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_layers_fire_in_their_windows_and_at_most_t_times(steps):
    rng = np.random.default_rng(steps)
    graph, samples = deep(rng), rng.normal(size=(6, 2, 9, 8))
    emitted = emit(graph, steps, thresholds_of(graph, samples, steps))
    _, recording = simulate(emitted, samples)
    kinds = ["neurons", "relay", "neurons", "relay", "neurons", "neurons", "readout"]
    assert [layer.kind for layer in emitted.layers] == kinds
    # Relays pass on at once, neurons that read spikes wait a step; the readout's input comes a step after the last.
    assert [layer.first for layer in emitted.layers] == [1, 2, 4, 5, 7, 9, 10]
    assert all(layer.last == layer.first + steps - 1 for layer in emitted.layers)
    assert emitted.duration == 9 + steps
    for layer in emitted.layers[:-1]:
        record = recording.spikes[layer.name]
        assert len(record) > 0
        assert record.steps.min() >= layer.first
        assert record.steps.max() <= layer.last
        assert record.counts().max() <= steps
    assert len(recording.spikes[emitted.layers[-1].name]) == 0


@pytest.mark.parametrize("steps", [1, 3, 16])
def test_relays_fire_as_often_as_the_most_active_of_their_window(steps):
    rng = np.random.default_rng(10 + steps)
    graph, samples = deep(rng), rng.normal(size=(6, 2, 9, 8))
    emitted = emit(graph, steps, thresholds_of(graph, samples, steps))
    _, recording = simulate(emitted, samples)
    layers = {layer.name: layer for layer in emitted.layers}
    for name in ("n2", "n5"):
        node = graph.nodes[name]
        counts = {n: channels_first(recording.spikes[n].counts(), layers[n]) for n in (name, *node.inputs)}
        assert counts[name].any()
        np.testing.assert_array_equal(counts[name], node(counts[node.inputs[0]].astype(float)))


def test_many_steps_approach_the_artificial_network():
    rng = np.random.default_rng(3)
    graph, samples = deep(rng), rng.normal(size=(10, 2, 9, 8))
    emitted = emit(graph, 256, thresholds_of(graph, samples, 256))
    simulation, _ = simulate(emitted, samples)
    output = emitted.layers[-1].said(simulation.state(emitted.network.populations["n11"]))
    expected = graph.run(samples)
    assert np.abs(output - expected).max() <= 0.02 * np.abs(expected).max()


def test_the_input_and_biases_flow_for_t_steps():
    graph = chain((2,), (Dense, [[0.25, 0.5]], [0.125]))
    emitted = emit(graph, 4, {})
    simulation, _ = simulate(emitted, np.ones((1, 2)))
    simulation.run(10.0)
    assert simulation.state(emitted.network.populations["n0"]) == 4 * 0.875


def test_names_of_nodes_are_free():
    graph = Graph({"input": Input((), (2,)), "in": Dense(("input",), np.eye(2), np.ones(2)), "x": ReLU(("in",))}, "x")
    emitted = emit(graph, 2, {"x": np.ones(2)})
    assert [layer.name for layer in emitted.layers] == ["x"]


# Refusals

DENSE = (Dense, np.eye(4), np.zeros(4))
CONV = (Conv2d, np.ones((2, 2, 2, 2)), np.zeros(2))
LEAKY = (Leaky, 0.9, 1.0, "soft", False)


@pytest.mark.parametrize(
    ("shape", "nodes", "says"),
    [
        ((2, 4, 4), [CONV, (MaxPool2d, (2, 2), (2, 2)), (ReLU,)], r"n0 \(Conv2d\): may be negative"),
        ((2, 4, 4), [(MaxPool2d, (2, 2), (2, 2))], r"n0 \(MaxPool2d\): may be negative"),
        ((4,), [DENSE, (Leaky, 0.9, 1.0, "zero", True)], r"n1 \(Leaky\): resets one step after its spike"),
    ],
)
def test_refuses_by_name(shape, nodes, says):
    graph = chain(shape, *nodes)
    thresholds = {name: np.ones(4) for name, node in graph.nodes.items() if isinstance(node, ReLU)}
    with pytest.raises(ConversionError, match=says):
        emit(graph, 4, thresholds)


def test_refuses_an_activation_among_spiking_neurons():
    with pytest.raises(ConversionError, match=r"n1 \(ReLU\): is an activation among spiking neurons"):
        emit(chain((4,), DENSE, (ReLU,), DENSE, LEAKY), 4, {})
