"""Networks that branch, against a simulation that knows only what arrives when."""

import numpy as np
import pytest

import snn
from bridge import ConversionError, RateOptions
from bridge.graph import Graph
from bridge.nodes import (
    Add,
    AveragePool2d,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Flatten,
    Hardtanh,
    Input,
    MaxOver,
    MaxPool2d,
    Mean,
    Multiply,
    ReLU,
    ReLU6,
)
from bridge.plan import plan
from bridge.rate import convert_by_rate, emit
from bridge.rate.support import ceiling


def drawn(*size, seed):
    return np.random.default_rng(seed).normal(0.0, 0.5, size)


def residual():
    """Three stages with shortcuts: over one layer, over three with another shape, and from the input."""
    nodes = {
        "x": Input((), (2, 6, 6)),
        "c1": Conv2d(("x",), drawn(3, 2, 3, 3, seed=1), drawn(3, seed=2), padding=(1, 1)),
        "r1": ReLU(("c1",)),
        "c2": Conv2d(("r1",), drawn(3, 3, 3, 3, seed=3), drawn(3, seed=4), padding=(1, 1)),
        "a2": Add(("c2", "r1")),
        "r2": ReLU6(("a2",)),
        "p2": MaxPool2d(("r2",), (2, 2), (2, 2)),
        "c3": Conv2d(("p2",), drawn(4, 3, 2, 2, seed=5), drawn(4, seed=6)),
        "s3": Conv2d(("r1",), drawn(4, 3, 1, 1, seed=7), drawn(4, seed=8), stride=(4, 4)),
        "i3": Conv2d(("x",), drawn(4, 2, 3, 3, seed=9), drawn(4, seed=10), stride=(3, 3)),
        "b3": Add(("c3", "s3")),
        "a3": Add(("b3", "i3")),
        "r3": ReLU(("a3",)),
        "m": Mean(("r3",), (1, 2)),
        "out": Dense(("m",), drawn(3, 4, seed=11), drawn(3, seed=12)),
    }
    return Graph(nodes, "out")


def inception():
    """Branches of grouped, depthwise and dilated, transposed convolutions and pools, joined by concatenation."""
    nodes = {
        "x": Input((), (2, 6, 5)),
        "c": Conv2d(("x",), drawn(4, 2, 2, 2, seed=1), drawn(4, seed=2)),
        "r": ReLU(("c",)),
        "g": Conv2d(("r",), drawn(6, 2, 3, 3, seed=3), drawn(6, seed=4), padding=(1, 1), groups=2),
        "gr": Hardtanh(("g",), 0.0, 2.0),
        "d": Conv2d(("r",), drawn(4, 1, 2, 2, seed=5), drawn(4, seed=6), (1, 1), (1, 1), (2, 2), 4),
        "dr": ReLU(("d",)),
        "t": ConvTranspose2d(("r",), drawn(4, 2, 1, 1, seed=7), drawn(2, seed=8)),
        "a": AveragePool2d(("r",), (3, 3), (1, 1), (1, 1)),
        "m": MaxPool2d(("r",), (3, 3), (1, 1), (1, 1)),
        "j": Concat(("gr", "dr", "t", "a", "m"), 0),
        "jc": Conv2d(("j",), drawn(3, 20, 2, 2, seed=9) / 4, drawn(3, seed=10)),
        "jr": ReLU(("jc",)),
        "f": Flatten(("jr",)),
        "out": Dense(("f",), drawn(3, 36, seed=11), drawn(3, seed=12)),
    }
    return Graph(nodes, "out")


NETWORKS = {"residual": residual, "inception": inception}


def expected_counts(layers, steps, thresholds, options, samples):
    """Integrate in the plan's own layers: trains (steps, samples, size) of each, by steps since its input began."""
    said, units = {}, {}
    for name, layer in layers.layers.items():
        if layer.kind == "input":
            said[name] = np.repeat(samples.reshape(1, len(samples), -1), steps, axis=0)
            units[name] = np.ones(layer.layout.size)
            continue
        sources = [term.source for term in layer.terms]
        if layer.kind == "maximum":
            so_far = said[sources[0]].cumsum(axis=0)
            shape = layers.layers[sources[0]].layout.shape
            largest = np.stack([layer.node(c.reshape(-1, *shape)).reshape(len(samples), -1) for c in so_far])
            said[name] = np.diff(largest, axis=0, prepend=0.0)
            units[name] = layer.node(units[sources[0]].reshape(1, *shape)).ravel()
            continue
        drive = layer.bias + sum(
            (said[term.source] * units[term.source]) @ term.operator.matrix().toarray().T for term in layer.terms
        )
        if layer.kind == "readout":
            said[name] = drive.sum(axis=0) / steps
        else:
            units[name] = thresholds[name][layer.layout.channel]
            wait = 0 if set(sources) == {next(iter(layers.layers))} else options.wait
            v = np.full((len(samples), layer.layout.size), options.initial_charge)
            said[name] = np.zeros((steps, *v.shape))
            for step in range(steps + wait):
                v = v + (drive[step] / units[name] if step < steps else 0.0)
                if step >= wait:
                    fires = v >= 1.0
                    said[name][step - wait] = fires
                    v = np.where(fires, v - 1.0 if options.reset == "soft" else 0.0, v)
    return said


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (RateOptions(), 5),
        (RateOptions(wait=0, initial_charge=0.25), 4),
        (RateOptions(wait=2, reset="hard", per="layer"), 3),
    ],
    ids=["defaults", "at once", "hard"],
)
@pytest.mark.parametrize("network", NETWORKS)
def test_what_skips_layers_arrives_with_the_rest(network, options, steps):
    graph = NETWORKS[network]()
    samples = np.random.default_rng(0).normal(size=(7, *graph.shapes()["x"]))
    converted = convert_by_rate(graph, graph, samples, steps, options)
    layers = plan(graph)
    expected = expected_counts(layers, steps, converted.thresholds, options, samples)
    said = next(converted.observe(samples)).activations
    for layer in converted.layers[:-1]:
        if layer.name in converted.thresholds:
            trains = expected[layer.name].sum(axis=0)[:, layer.layout.order]
            assert trains.any()
            np.testing.assert_allclose(said[layer.name], layer.said(trains), atol=1e-12)
    np.testing.assert_allclose(said["out"], expected[layers.output], rtol=0, atol=1e-5)
    assert (np.ptp([layer.last - layer.first for layer in converted.layers])) == 0


@pytest.mark.parametrize("network", NETWORKS)
def test_many_steps_approach_the_artificial_network(network):
    graph = NETWORKS[network]()
    samples = np.random.default_rng(1).normal(size=(20, *graph.shapes()["x"]))
    expected = graph.run(samples)
    scores = convert_by_rate(graph, graph, samples, 300).run(samples).scores
    assert np.abs(scores - expected).max() < 0.03 * np.abs(expected).max()


def test_thresholds_stay_below_ceilings():
    graph = inception()
    samples = 20.0 * np.random.default_rng(1).normal(size=(20, 2, 6, 5))
    converted = convert_by_rate(graph, graph, samples, 1)
    assert (converted.thresholds["gr"] <= 2.0).all()
    assert converted.thresholds["dr"].max() > 2.0
    assert [ceiling(graph.nodes[n]) for n in ("r", "gr", "c")] == [np.inf, 2.0, None]
    assert ceiling(ReLU6(("x",))) == 6.0
    assert ceiling(Hardtanh(("x",), -1.0, 1.0)) is None


def test_one_current_for_every_time_that_the_input_is_read():
    graph = residual()
    samples = np.ones((2, 2, 6, 6))
    emitted = convert_by_rate(graph, graph, samples, 2).emitted
    assert [source.name for source in emitted.inputs] == ["x", "x from 4"]
    assert isinstance(emitted.network, snn.Network)


def test_a_maximum_over_channels_needs_one_threshold_for_all():
    nodes = {
        "x": Input((), (2, 3, 3)),
        "c": Conv2d(("x",), drawn(3, 2, 2, 2, seed=1), np.zeros(3)),
        "r": ReLU(("c",)),
        "m": MaxOver(("r",), (0,)),
    }
    graph = Graph(nodes, "m")
    samples = np.random.default_rng(1).normal(size=(20, 2, 3, 3))
    with pytest.raises(ConversionError, match=r"m.*maximum of channels with thresholds of their own"):
        convert_by_rate(graph, graph, samples, 4)
    scores = convert_by_rate(graph, graph, samples, 300, RateOptions(per="layer")).run(samples).scores
    np.testing.assert_allclose(scores, graph.run(samples).reshape(20, -1), rtol=0, atol=0.03)


def test_relays_that_count_say_sums_of_what_others_say():
    nodes = {
        "x": Input((), (2, 4, 4)),
        "c": Conv2d(("x",), drawn(3, 2, 1, 1, seed=1), np.zeros(3)),
        "r": ReLU(("c",)),
        "a": AveragePool2d(("r",), (2, 2), (1, 1)),
        "m": MaxOver(("a",), (1,)),
    }
    graph = Graph(nodes, "m")
    samples = np.random.default_rng(1).normal(size=(20, 2, 4, 4))
    made = convert_by_rate(graph, graph, samples, 300, RateOptions(per="layer"))
    assert [layer.kind for layer in made.layers] == ["neurons", "relay", "relay", "readout"]
    np.testing.assert_allclose(made.run(samples).scores, graph.run(samples).reshape(20, -1), rtol=0, atol=0.03)


def test_refuses_products():
    graph = Graph({"x": Input((), (2,)), "r": ReLU(("x",)), "m": Multiply(("r", "r"))}, "m")
    with pytest.raises(ConversionError, match=r"m \(Multiply\): is a product"):
        convert_by_rate(graph, graph, np.ones((2, 2)), 4)
    with pytest.raises(ConversionError, match=r"m \(Multiply\): is a product"):
        emit(plan(graph), 4, {"r": np.ones(2)})
