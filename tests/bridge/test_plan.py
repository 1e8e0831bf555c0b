"""Layers and their terms: what they compute is what the graph computes, however the linear parts are carried."""

import numpy as np
import pytest

from bridge import nodes
from bridge.errors import ConversionError
from bridge.graph import Graph
from bridge.plan import Full, Kernel, Layout, Pick, evaluate, plan


def said(layers, x):
    """What every layer says in float64, by the matrices of its terms, {name: (samples, size)} in the graph's order."""
    values = {}
    for name, layer in layers.items():
        if layer.kind == "input":
            values[name] = x.reshape(len(x), -1)
            if isinstance(layer.node, nodes.Embedding):
                values[name] = np.eye(len(layer.node.table))[x.astype(int)].reshape(len(x), -1)
            continue
        one, other = (
            sum((values[term.source] @ term.operator.matrix().T for term in terms), np.zeros((len(x), 1)))
            for terms in (layer.terms, layer.other_terms)
        )
        if layer.kind == "maximum":
            values[name] = layer.node(one.reshape(len(x), *layers[layer.terms[0].source].layout.shape))
        elif layer.kind == "product":
            values[name] = one * other
        else:
            u = (one + layer.bias).reshape(len(x), *layer.layout.shape)
            values[name] = layer.node(u) if layer.kind == "activation" else u
        values[name] = values[name].reshape(len(x), -1)
    return values


def check(graph, samples=3, seed=0):
    """Compare a graph with its plan, which is returned."""
    x = np.random.default_rng(seed).normal(size=(samples, *graph.shapes()[graph.input]))
    made = plan(graph)
    expected, found = graph.evaluate(x), said(made.layers, x)
    for name, layer in made.layers.items():
        if name in expected and layer.kind not in ("product", "maximum"):
            np.testing.assert_allclose(found[name], expected[name].reshape(samples, -1), atol=1e-9, err_msg=name)
    np.testing.assert_allclose(found[made.output], expected[graph.output].reshape(samples, -1), atol=1e-9)
    for layer, _, value in evaluate(made, x):
        np.testing.assert_allclose(value, found[layer.name], atol=1e-9, err_msg=layer.name)
    return made


def kinds(made):
    return {name: layer.kind for name, layer in made.layers.items()}


def operators(made, name):
    return {term.source: type(term.operator) for term in made.layers[name].terms}


def conv(rng, source, out, channels, size=3, **options):
    return nodes.Conv2d((source,), rng.normal(size=(out, channels, size, size)), rng.normal(size=out), **options)


def dense(rng, source, out, size):
    return nodes.Dense((source,), rng.normal(size=(out, size)), rng.normal(size=out))


RNG = np.random.default_rng(0)


def test_a_chain_has_a_layer_for_each_activation_pool_and_the_output():
    graph = Graph(
        {
            "x": nodes.Input((), (2, 6, 6)),
            "conv": conv(RNG, "x", 4, 2, padding=(1, 1), stride=(1, 2)),
            "relu": nodes.ReLU(("conv",)),
            "pool": nodes.MaxPool2d(("relu",), (2, 2), (2, 1)),
            "flat": nodes.Flatten(("pool",)),
            "fc": dense(RNG, "flat", 5, 24),
        },
        "fc",
    )
    made = check(graph)
    assert kinds(made) == {"x": "input", "relu": "activation", "pool": "maximum", "fc": "readout"}
    assert operators(made, "relu") == {"x": Kernel}
    assert operators(made, "fc") == {"pool": Full}
    assert made.merged == {"conv": ("relu",), "flat": ("fc",)}


def test_branches_keep_their_kernels_and_linear_nodes_need_no_neurons():
    graph = Graph(
        {
            "x": nodes.Input((), (3, 5, 5)),
            "one": nodes.ReLU(("x",)),
            "conv": conv(RNG, "x", 2, 3, padding=(1, 1)),
            "other": nodes.Tanh(("conv",)),
            "both": nodes.Concat(("one", "other"), 0),
            "norm": nodes.BatchNorm(("both",), RNG.normal(size=5), RNG.normal(size=5)),
            "part": nodes.Slice(("norm",), 0, 1, 5, 2),
            "next": conv(RNG, "part", 3, 2, padding=(1, 1)),
            "sum": nodes.Add(("next", "one")),
            "end": nodes.ReLU(("sum",)),
            "mean": nodes.Mean(("end",), (1, 2)),
            "fc": dense(RNG, "mean", 2, 3),
        },
        "fc",
    )
    made = check(graph)
    assert "relay" not in kinds(made).values()
    assert [(term.source, type(term.operator)) for term in made.layers["end"].terms] == [
        ("one", Kernel),
        ("other", Kernel),
        ("one", Pick),
    ]
    assert made.merged["part"] == ("end",)


def test_a_relay_says_what_two_linear_nodes_in_a_row_would_need_too_many_weights_for():
    def bottleneck(width):
        return Graph(
            {
                "x": nodes.Input((), (20,)),
                "narrow": dense(RNG, "x", width, 20),
                "wide": dense(RNG, "narrow", 20, width),
                "end": nodes.ReLU(("wide",)),
            },
            "end",
        )

    assert kinds(check(bottleneck(2))) == {"x": "input", "narrow": "relay", "end": "activation"}
    made = check(bottleneck(10))
    assert kinds(made) == {"x": "input", "end": "activation"}
    assert operators(made, "end") == {"x": Full}
    assert made.merged == {"narrow": ("end",), "wide": ("end",)}


def test_products_and_maxima_read_what_single_neurons_say():
    graph = Graph(
        {
            "x": nodes.Input((), (4, 6)),
            "q": dense(RNG, "x", 6, 6),
            "k": nodes.Permute(("x",), (1, 0)),
            "scores": nodes.MatMul(("q", "k")),
            "top": nodes.MaxOver(("scores",), (1,), keep=True),
            "gate": nodes.Multiply(("scores", "top")),
            "squared": nodes.Multiply(("gate", "gate")),
            "out": dense(RNG, "squared", 3, 4),
        },
        "out",
    )
    made = check(graph)
    assert kinds(made) == {
        "x": "input",
        "q": "relay",
        "scores": "product",
        "top_windows": "relay",
        "top": "maximum",
        "scores_relay": "relay",
        "gate": "product",
        "gate_relay": "relay",
        "squared": "product",
        "out": "readout",
    }
    for layer in made.layers.values():
        if layer.kind == "product":
            (a,), (b,) = layer.terms, layer.other_terms
            assert isinstance(a.operator, Pick)
            assert isinstance(b.operator, Pick)
            assert {made.layers[a.source].kind, made.layers[b.source].kind} <= {"input", "relay", "maximum"}


def test_what_the_output_does_not_need_is_left_out():
    graph = Graph({"x": nodes.Input((), (3,)), "a": nodes.ReLU(("x",)), "b": nodes.Tanh(("x",))}, "b")
    assert list(check(graph).layers) == ["x", "b"]


def test_an_embedding_is_read_from_one_neuron_for_each_row():
    table = RNG.normal(size=(7, 3))
    graph = Graph({"x": nodes.Input((), (4,)), "e": nodes.Embedding(("x",), table), "f": dense(RNG, "e", 2, 3)}, "f")
    made = plan(graph)
    x = RNG.integers(0, 7, (5, 4)).astype(float)
    np.testing.assert_allclose(said(made.layers, x)["f"], graph.run(x).reshape(5, -1))
    assert made.layers["x"].layout.shape == (4, 7)


def test_a_node_without_a_plan_is_refused_by_name():
    graph = Graph({"x": nodes.Input((), (3,)), "soft": nodes.Softmax(("x",), 0)}, "soft")
    with pytest.raises(ConversionError, match=r"soft \(Softmax\)"):
        plan(graph)


@pytest.mark.parametrize(
    ("shape", "axis", "image"), [((3, 4, 5), 0, (4, 5, 3)), ((4, 5), -1, (4, 1, 5)), ((6,), 0, (6,))]
)
def test_a_layout_knows_the_population(shape, axis, image):
    layout = Layout(shape, axis)
    assert layout.image == image
    values = np.arange(layout.size).reshape(shape)
    np.testing.assert_array_equal(values.ravel()[layout.order], np.moveaxis(values, axis, -1).ravel())
    np.testing.assert_array_equal(layout.order[layout.neuron], np.arange(layout.size))
    np.testing.assert_array_equal(layout.channel, np.broadcast_to(np.indices(shape)[axis], shape).ravel())


# ---- random graphs


def random_graph(rng, length=8):
    """Branches, sums, products and rearrangements of images, sequences and vectors."""
    made = {"x": nodes.Input((), tuple(rng.integers(2, 5, rng.integers(1, 4)).tolist()))}
    for number in range(length):
        shapes = Graph(made, "x").shapes()
        source = str(rng.choice(list(made)[-4:]))
        shape = shapes[source]
        alike = [name for name in made if shapes[name] == shape]
        other = str(rng.choice(alike))
        choices = [
            nodes.ReLU((source,)),
            nodes.Tanh((source,)),
            nodes.Add((source, other)),
            nodes.Multiply((source, other)),
            nodes.Concat((source, other), int(rng.integers(len(shape)))),
            nodes.Permute((source,), tuple(rng.permutation(len(shape)).tolist())),
            nodes.Slice((source,), 0, int(rng.integers(shape[0])), shape[0]),
            nodes.Dense((source,), rng.normal(size=(3, shape[-1])), rng.normal(size=3)),
            nodes.Scale((source,), rng.normal(size=shape)),
            nodes.BatchNorm((source,), rng.normal(size=shape[0]), rng.normal(size=shape[0])),
        ]
        if len(shape) > 1:
            choices += [
                nodes.Mean((source,), (0,)),
                nodes.MaxOver((source,), (len(shape) - 1,)),
                nodes.Flatten((source,)),
            ]
        if len(shape) == 2:
            choices.append(
                nodes.Conv1d((source,), rng.normal(size=(2, shape[0], 2)), rng.normal(size=2), (1,), (1,), (1,))
            )
            choices.append(nodes.MaxPool1d((source,), (2,), (1,), (1,)))
        if len(shape) == 3 and min(shape[1:]) > 1:
            choices.append(conv(rng, source, 3, shape[0], 2, padding=(1, 1), stride=(2, 1)))
            choices.append(conv(rng, source, 2 * shape[0], 1, 1, groups=shape[0]))
            choices.append(nodes.MaxPool2d((source,), (2, 2), (1, 1)))
        made[f"n{number}"] = choices[rng.integers(len(choices))]
    return Graph(made, f"n{length - 1}")


@pytest.mark.parametrize("seed", range(60))
def test_a_plan_computes_what_the_graph_does(seed):
    check(random_graph(np.random.default_rng(seed)))
