"""Networks with quantised activations: what they say is what their spikes say."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import ann
import bridge
from bridge.nodes import QuantisedReLU
from bridge.passes import activate_first

LEVELS = 4


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.MaxPool2d(2),
        ann.QuantisedReLU(LEVELS, [0.3, 0.5, 0.7, 0.9]),
        nn.Flatten(),
        nn.Linear(36, 12),
        ann.QuantisedReLU(LEVELS, np.linspace(0.2, 0.5, 12)),
        nn.Linear(12, 3),
    )
    return module.eval()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 1, 8, 8))


def test_a_traced_network_says_the_same(network, images):
    graph = bridge.trace(network, images[:5])
    expected = network.double()(torch.tensor(images)).detach().numpy()
    np.testing.assert_allclose(graph.run(images), expected, atol=1e-9)
    node = graph.nodes["2"]
    assert isinstance(node, QuantisedReLU)
    assert node.levels == LEVELS
    np.testing.assert_allclose(node.threshold, [0.3, 0.5, 0.7, 0.9], rtol=1e-6)
    first = activate_first(graph)
    assert isinstance(first.nodes["2_first"], QuantisedReLU)
    np.testing.assert_array_equal(first.run(images), graph.run(images))


def test_it_brings_its_thresholds_and_its_twin_is_itself(network, images):
    converted = bridge.convert(network, images, steps=LEVELS)
    np.testing.assert_allclose(converted.thresholds["5"], np.linspace(0.2, 0.5, 12), rtol=1e-6)
    expected = network.double()(torch.tensor(images)).detach().numpy()
    np.testing.assert_allclose(bridge.quantised_twin(converted, images), expected, atol=1e-9)
    said = next(converted.observe(images)).activations
    # Its input is constant in time, so that the first layer says the very activation; later ones nearly.
    np.testing.assert_allclose(said["2_first"], converted.graph.evaluate(images)["2_first"], atol=1e-6)
    assert np.abs(said["6"] - expected).mean() < 0.1 * np.abs(expected).mean()


def test_by_event_it_keeps_its_steps_and_nothing_is_lost(network):
    images = np.round(np.random.default_rng(1).random((20, 1, 8, 8)) * 255)  # as counts say them
    images[0, 0, 0, 0] = 255.0
    with torch.no_grad():
        network = copy.deepcopy(network)
        network[0].weight /= 255.0
    converted = bridge.convert(network, images, method="event", levels=2 * LEVELS)
    said = {v.node: v.verdict for v in converted.verdicts}
    assert said["2"] == said["5"] == "exact"
    expected = network.double()(torch.tensor(images)).detach().numpy()
    scores = converted.run(images).scores
    np.testing.assert_array_equal(scores, converted.twin(images))
    np.testing.assert_allclose(scores, expected, atol=1e-6)
