"""NeuroBench's metrics, on cases small enough to be counted by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import ann
from bridge import convert, take_over, trace
from bridge.comparison import neurobench
from bridge.graph import Graph
from bridge.nodes import Conv2d, Dense, Input, ReLU
from bridge.rate import RateOptions, convert_by_rate

T = 4


def graph():
    """Two inputs, two hidden units of which each reads one input, three outputs of which one reads nothing."""
    return Graph(
        {
            "x": Input((), (2,)),
            "first": Dense(("x",), np.eye(2), np.zeros(2)),
            "relu": ReLU(("first",)),
            "second": Dense(("relu",), np.array([[1.0, 0.0], [2.0, 3.0], [0.0, 0.0]]), np.array([0.0, 1.0, 2.0])),
        },
        "second",
    )


@pytest.fixture(scope="module")
def converted():
    return convert_by_rate(graph(), graph(), np.ones((1, 2)), T, RateOptions(thresholds={"relu": np.ones(2)}))


X = np.array([[1.0, 0.25], [1.0, 0.0], [-3.0, 0.5]])


def test_the_example_of_neurobench_s_documentation():
    weight = np.array([[1.3, 0.0, -3.2], [0.0, 1.2, -5.1], [-1.1, 2.7, 0.0]])
    example = Graph({"x": Input((), (3,)), "y": Dense(("x",), weight, np.ones(3))}, "y")
    found = neurobench.of_artificial(example, np.array([[0.0, 1.3, -1.0]]))
    assert found == {"activation_sparsity": 0.0, "effective_macs": 4.0, "effective_acs": 0.0, "dense": 9.0}
    assert neurobench.connection_sparsity(example) == pytest.approx(3 / 9)
    binary = neurobench.of_artificial(example, np.array([[0.0, 1.0, 1.0]]))
    assert (binary["effective_macs"], binary["effective_acs"]) == (0.0, 4.0)


def test_artificial_by_hand():
    found = neurobench.of_artificial(graph(), X)
    # Hidden outputs (1, 0.25), (1, 0), (0, 0.5): 2 of 6 are zero.
    assert found["activation_sparsity"] == pytest.approx(2 / 6)
    # First layer: 5 inputs that are not zero, a synapse each. Second: units of 2 and 1 synapses, 2 x 2 + 2 x 1.
    assert found["effective_macs"] == pytest.approx((5 + 6) / 3)
    assert found["dense"] == 4 + 6
    assert neurobench.connection_sparsity(graph()) == pytest.approx((2 + 3) / 10)


def test_padding_has_no_synapses():
    node = Conv2d(("x",), np.ones((1, 1, 3, 3)), np.zeros(1), padding=(1, 1))
    image = Graph({"x": Input((), (1, 2, 2)), "y": node}, "y")
    assert neurobench.of_artificial(image, np.full((1, 1, 2, 2), 0.5))["dense"] == 16  # of 36 products
    assert image.macs() == {"y": 36}


def test_spiking_by_hand(converted):
    inference = converted.run(X)
    # Input 1 a step fires every step, 0.25 from a half fires once in four, 0.5 twice, what is below 0 never.
    assert inference.counts["relu"].tolist() == [8, 3]
    found = neurobench.of_spiking(converted, X, inference)
    assert found["activation_sparsity"] == pytest.approx(1 - 11 / (2 * T * 3))
    assert found["effective_acs"] == pytest.approx((2 * 8 + 1 * 3) / 3)
    assert found["effective_macs"] == pytest.approx(T * 5 / 3)
    assert found["dense"] == T * 10


def test_membrane_updates_by_hand(converted):
    # An input of 1 takes v from 1/2 over the threshold and back to 1/2 in every step: no change. Inputs 0.25, -3 and
    # 0.5 change it in all T steps, no input in none. The first two outputs change with every step in which a spike or
    # their bias arrives, the third with its bias.
    relu = 0 + T + 0 + 0 + T + T
    spikes = [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    outputs = sum(map(sum, spikes)) + 3 * T + 3 * T
    assert neurobench.membrane_updates(converted, X) == pytest.approx((relu + outputs) / 3)
    assert not any(probe.view.population.name == "relu" for probe in converted.network.probes)
    assert neurobench.membrane_updates(converted, X[:1]) == pytest.approx(T + 3 * T)


def test_footprints_by_hand(converted):
    module = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
    # 18 weights, and scale, shift, mean and variance of 2 channels at 4 bytes; the counter of batches at 8.
    assert neurobench.module_footprint(module) == 4 * (18 + 8) + 8
    # 4 + 6 weights, 2 + 3 biases, and 2 thresholds or 2 + 3 potentials.
    assert neurobench.twin_footprint(converted) == 4 * (10 + 5 + 2)
    assert neurobench.network_footprint(converted) == 4 * (10 + 5 + 5)


def nonzero_synapses(module, x):
    """Count as NeuroBench does: a layer of ones on an input of ones, where neither is zero."""
    counts = []

    def hook(layer, inputs, _):
        twin = type(layer)(*sizes(layer), bias=False, **options(layer))
        twin.weight.data = (layer.weight != 0).float()
        counts.append(float(twin((inputs[0] != 0).float()).sum()))

    hooks = [m.register_forward_hook(hook) for m in module.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        module(torch.as_tensor(x))
    for handle in hooks:
        handle.remove()
    return counts


def sizes(layer):
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    return layer.in_channels, layer.out_channels, layer.kernel_size


def options(layer):
    return {"padding": layer.padding, "stride": layer.stride} if isinstance(layer, nn.Conv2d) else {}


@pytest.fixture(scope="module")
def data():
    return ann.load("digits")


def test_artificial_is_what_layers_of_ones_count(data):
    module, x = ann.build("cnn", data.shape, data.n_classes, channels=(2, 3)).eval(), data.x_test[:20]
    module.conv2.weight.data[0, 1] = 0.0
    expected = sum(nonzero_synapses(module, x)) / len(x)
    assert neurobench.of_artificial(trace(module, x), x)["effective_macs"] == pytest.approx(expected)


def test_spiking_is_what_layers_of_ones_count_in_every_step(data):
    module, x = ann.build("spiking-mlp", data.shape, data.n_classes, hidden=(24, 12), steps=T), data.x_test[:20]
    network = take_over(module.body, x, steps=T)
    first, *others = np.reshape(nonzero_synapses(module, x), (T, 3)).sum(axis=0) / len(x)
    found = neurobench.of_spiking(network, x, network.run(x))
    assert found["effective_macs"] == pytest.approx(first)
    assert found["effective_acs"] == pytest.approx(sum(others))
    assert found["effective_acs"] > 0


def test_pooled_and_flattened_spikes_reach_the_synapses_of_their_place(data):
    module, x = ann.build("cnn", data.shape, data.n_classes, channels=(2, 3), pooling=("max", "max")), data.x_test[:20]
    network = convert(module, data.x_train[:100], steps=T)
    module.output.weight.data[:, :6] = 0.0
    sparse = convert(module, data.x_train[:100], steps=T)
    inference = sparse.run(x)
    hidden = np.moveaxis(inference.counts["pool2"].reshape(2, 2, 3), -1, 0).ravel()
    second = (
        neurobench.fan_out(sparse.graph, "norm2")
        @ np.moveaxis(inference.counts["pool1"].reshape(4, 4, 2), -1, 0).ravel()
    )
    assert (hidden > 0).any()
    expected = (second + 10 * hidden[6:].sum()) / len(x)
    assert neurobench.of_spiking(sparse, x, inference)["effective_acs"] == pytest.approx(expected)
    assert neurobench.of_spiking(network, x, network.run(x))["effective_acs"] > expected
