"""Recurrent layers unrolled, normalisations and softmax decomposed: nothing changes but the nodes."""

import numpy as np
import pytest

from bridge import nodes
from bridge.graph import Graph
from bridge.passes import decompose, unroll

RNG = np.random.default_rng(0)


def recurrent(kind, inputs=("x",), features=3, hidden=4, **options):
    gates = kind.gates * hidden
    weights = RNG.normal(size=(gates, features)), RNG.normal(size=(gates, hidden))
    biases = [RNG.normal(size=gates) for _ in range(2 if kind is nodes.GRU else 1)]
    return kind(inputs, *weights, *biases, **options)


def same(graph, changed, kinds):
    assert not any(isinstance(node, kinds) for node in changed.nodes.values())
    x = RNG.normal(size=(5, *graph.shapes()[graph.input]))
    expected, found = graph.evaluate(x), changed.evaluate(x)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-12, err_msg=name)


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nodes.RNN, {}),
        (nodes.RNN, {"relu": True}),
        (nodes.LSTM, {}),
        (nodes.LSTM, {"cell": True}),
        (nodes.GRU, {}),
    ],
)
def test_unrolled_recurrent_layers_compute_the_same(kind, options, with_state):
    made = {"x": nodes.Input((), (6, 3))}
    states = ()
    if with_state:
        made["row"] = nodes.Mean(("x",), (0,))
        for k in range(kind.states):
            made[f"s{k}"] = nodes.Dense(("row",), RNG.normal(size=(4, 3)), RNG.normal(size=4))
        states = tuple(f"s{k}" for k in range(kind.states))
    made |= {"cell": recurrent(kind, ("x", *states), **options), "twice": recurrent(kind, ("cell",), 4, 2)}
    made["last"] = nodes.Flip(("twice",), 0)
    graph = Graph(made, "last")
    same(graph, unroll(graph), nodes.Recurrent)


DECOMPOSED = {
    "layer": nodes.LayerNorm(("x",), RNG.normal(size=5), RNG.normal(size=5)),
    "layer of two axes": nodes.LayerNorm(("x",), RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5)), 0.1),
    "root mean square": nodes.RMSNorm(("x",), RNG.normal(size=5), 1e-3),
    "group": nodes.GroupNorm(("x",), 2, RNG.normal(size=4), RNG.normal(size=4)),
    "softmax": nodes.Softmax(("x",), 1),
    "logarithm": nodes.LogSoftmax(("x",), 2),
}


@pytest.mark.parametrize("name", DECOMPOSED)
def test_decomposed_nodes_compute_the_same(name):
    node = DECOMPOSED[name]
    graph = Graph({"x": nodes.Input((), (4, 3, 5)), "x_mean": nodes.ReLU(("x",)), "y": node}, "y")
    same(graph, decompose(graph), type(node))
