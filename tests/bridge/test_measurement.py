import json

import numpy as np
import pytest
from torch import nn

import ann
import bridge
from bridge import ConversionError, Graph, ValidationError
from bridge.inference import Inference, Observation
from bridge.measurement import PARTS, measure
from bridge.nodes import Dense, Input, ReLU


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


class Saying:
    """A converted network that says what it is told to say: half the activation, and of the input a third less."""

    after = ()

    def __init__(self, weight, last):
        nodes = {
            "x": Input((), (2,)),
            "linear": Dense(("x",), weight, np.zeros(3)),
            "relu": ReLU(("linear",)),
            "out": Dense(("relu",), last, np.ones(2)),
        }
        self.graph = Graph(nodes, "out")
        self.scales = {"relu": np.full(3, 1.5)}

    def clip(self, name, a):
        return np.minimum(a, 1.5) if name == "relu" else a

    def quantise(self, name, a):
        return np.round(np.minimum(a, 1.5) * 2) / 2 if name == "relu" else a

    def said(self, x):
        values = self.graph.evaluate(x)
        return {"x": x / 1.5, "relu": values["relu"] / 2, "out": values["out"] + 0.25}

    def observe(self, samples, *, threads=1):
        for batch in (samples[:3], samples[3:]):
            said, n = self.said(batch), len(batch)
            spikes = np.arange(n)[:, None]
            inference = Inference(said["out"], said["out"][:, None], spikes, {}, np.zeros(n, int), 0.1)
            yield Observation(inference, said, {"relu": 10 * spikes[:, 0]})


@pytest.fixture(scope="module")
def saying():
    random = np.random.default_rng(0)
    weight, last = random.normal(size=(3, 2)), random.normal(size=(2, 3))
    weight[2] = 0.0  # a neuron that is never active
    return Saying(3.0 * weight, last), random.normal(size=(8, 2))


def test_the_parts_are_the_differences_that_are_stated(saying):
    converted, x = saying
    measured = measure(converted, x)
    assert [layer.name for layer in measured.layers] == ["relu", "out"]
    linear, out = converted.graph.nodes["linear"].weight, converted.graph.nodes["out"].weight
    a = np.maximum(x @ linear.T, 0)
    coded = np.maximum(x / 1.5 @ linear.T, 0)
    clipped, rounded = np.minimum(a, 1.5), np.round(np.minimum(a, 1.5) * 2) / 2
    rounded_code = np.round(np.minimum(coded, 1.5) * 2) / 2
    relu = (clipped - a, rounded - clipped, 0 * a, rounded_code - rounded, a / 2 - rounded_code)
    y, twin, twin_code = (values @ out.T + 1 for values in (a, rounded, rounded_code))
    output = (0 * y, 0 * y, twin - y, twin_code - twin, y + 0.25 - twin_code)
    for layer, differences, own, whole in zip(
        measured.layers, (relu, output), (a, y), (a / 2 - a, 0 * y + 0.25), strict=True
    ):
        assert list(layer.parts) == list(PARTS)
        np.testing.assert_allclose(list(layer.parts.values()), [rms(d) / rms(own) for d in differences], atol=1e-12)
        np.testing.assert_allclose(sum(differences), whole, atol=1e-12)
        assert layer.total == pytest.approx(rms(whole) / rms(own))
        assert layer.rms == pytest.approx(rms(own))
    first, last = measured.layers
    assert first.influence == pytest.approx(rms(twin - y) / rms(y))
    assert last.influence == 0.0
    assert first.clipped == np.mean(a > 1.5) > 0
    assert (first.dead, first.silent) == (1, 0)
    assert measured.spikes == {"relu": (0 + 1 + 2 + 0 + 1 + 2 + 3 + 4) / 8}
    assert measured.operations == {"relu": 130 / 8}
    assert measured.agreement == 1.0
    assert measured.twin_agreement == np.mean(twin.argmax(1) == y.argmax(1))


def test_the_gain_is_how_much_more_the_output_changes_than_the_input():
    linear = Saying(np.array([[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]]), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    x = np.random.default_rng(0).uniform(1.0, 2.0, size=(2000, 2))  # never below 0, so that y = 3 x + 1
    expected = 3.0 * rms(x) / rms(3.0 * x + 1.0)
    assert measure(linear, x).gain == pytest.approx(expected, rel=0.05)
    assert np.isnan(measure(linear, np.zeros((4, 2))).gain)


def test_points_are_pairs_of_the_layer_in_units_of_most_spikes(saying):
    converted, x = saying
    relu, out = measure(converted, x).layers
    values, said = converted.graph.evaluate(x), converted.said(x)
    for layer, scale in ((relu, 1.5), (out, 1.0)):
        pairs = np.stack([values[layer.name].ravel(), said[layer.name].ravel()], axis=1) / scale
        pairs = pairs[pairs.any(axis=1)]
        assert sorted(map(tuple, layer.points)) == sorted(map(tuple, pairs))


def test_labels_give_accuracies(saying):
    converted, x = saying
    labels = converted.graph.run(x).argmax(axis=1)
    assert measure(converted, x, labels).accuracy["network"] == 1.0
    assert measure(converted, x, 1 - labels).accuracy == pytest.approx(
        {"network": 0.0, "spiking": 0.0, "twin": 1 - measure(converted, x).twin_agreement}
    )
    assert measure(converted, x).accuracy == {}


def test_a_layer_that_is_always_0_has_an_infinite_error_and_json_has_none(saying):
    _, x = saying
    silent = Saying(np.zeros((3, 2)), np.ones((2, 3)))
    silent.said = lambda x: {"relu": np.ones((len(x), 3)), "out": np.ones((len(x), 2))}
    relu, _ = measure(silent, x).layers
    assert relu.total == relu.parts["unevenness"] == np.inf
    assert relu.parts["quantisation"] == 0.0
    told = json.loads(json.dumps(measure(silent, x).to_json(), allow_nan=False))
    assert told["layers"][0]["total"] is None
    assert told["layers"][0]["dead"] == 3


@pytest.fixture(scope="module")
def real():
    data = ann.load("digits")
    model = ann.build("mlp", data.shape, data.n_classes)
    return bridge.convert(model, data.x_train, steps=8), data


def test_of_a_rate_coded_network(real):
    converted, data = real
    x = data.x_test[:60]
    measured = converted.measure(x, data.y_test[:60]).measurement
    relu1, relu2, output = measured.layers
    assert relu1.parts["unevenness"] < 1e-9  # its input is constant in time
    assert relu1.parts["quantisation"] > 0.01
    assert relu2.parts["unevenness"] > 0.0
    assert {layer.parts["input coding"] for layer in measured.layers} == {0.0}
    scores = converted.run(x).scores
    own = converted.graph.run(x)
    assert output.total == pytest.approx(rms(scores - own) / rms(own))
    inherited = bridge.quantised_twin(converted, x) - own
    assert output.parts["inherited"] == pytest.approx(rms(inherited) / rms(own))
    inference = converted.run(x)
    assert sum(measured.spikes.values()) == pytest.approx(inference.spikes.sum() / 60)
    assert sum(measured.operations.values()) == pytest.approx(inference.synaptic_events.sum() / 60)


def test_poisson_input_has_an_error_of_its_own(real):
    _, data = real
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    x = data.x_test[:40]
    converted = bridge.convert(module, x, steps=16, options=bridge.RateOptions(input="poisson"))
    assert converted.report.nodes[0].verdict == "quantised"
    relu, output = converted.measure(x).measurement.layers
    assert relu.parts["input coding"] > relu.parts["quantisation"] > 0.0
    assert output.parts["input coding"] > 0.01
    (observation,) = converted.observe(x)
    said = observation.activations["input"]
    np.testing.assert_array_equal(said * 16, np.round(said * 16))
    assert np.abs(said - x).mean() < 0.1


@pytest.mark.parametrize("labels", [[0, 1], np.zeros(3), np.zeros((3, 1), int), "abc"])
def test_refuses_labels(real, labels):
    converted, data = real
    with pytest.raises(ValidationError, match="labels must be 3 integers"):
        converted.measure(data.x_test[:3], labels)


@pytest.mark.parametrize("labels", [[0, 1, 10], [-1, 0, 1]])
def test_refuses_labels_of_no_class(real, labels):
    converted, data = real
    with pytest.raises(ValidationError, match=r"labels must lie in 0 ... 9, as the network's outputs, not .* to "):
        converted.measure(data.x_test[:3], labels)


def test_refuses_samples(real):
    converted, data = real
    with pytest.raises(ValidationError, match="samples must"):
        converted.measure(data.x_test[:0])
    with pytest.raises(ValidationError, match="finite"):
        converted.measure(data.x_test[:2] * np.nan)


def test_refuses_what_spiked_already():
    body = nn.Sequential(nn.Linear(6, 20), ann.SoftResetLeaky(0.9), nn.Linear(20, 4), ann.SoftResetLeaky(0.9))
    taken = bridge.take_over(body, np.zeros((1, 6)), steps=2)
    assert [node.verdict for node in taken.report.nodes] == ["exact"] * 5
    with pytest.raises(ConversionError, match="is a spiking neuron"):
        taken.measure(np.zeros((1, 6)))
