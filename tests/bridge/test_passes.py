import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import passes
from bridge.errors import ConversionError
from bridge.graph import AveragePool2d, BatchNorm, Conv2d, Dense, Flatten, Graph, Input, MaxPool2d, ReLU

ALL = [getattr(passes, name) for name in passes.__all__]


@st.composite
def networks(draw):
    """Draw a small convolutional network, sometimes with a second reader of a node."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.sampled_from([1, 2, 4])), draw(st.integers(3, 11)), draw(st.integers(3, 11)))
    nodes = {"x": Input((), shape)}
    last = "x"

    def add(node):
        nonlocal last, shape
        shape = node.output_shape(shape)
        last = f"n{len(nodes)}"
        nodes[last] = node

    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "average", "max", "norm", "relu"]))
        kernel = tuple(min(k, n) for k, n in zip(draw(pairs), shape[1:], strict=True))
        padding = draw(st.sampled_from([(0, 0), (1, 0), (1, 1)]))
        if kind == "conv":
            groups = draw(st.sampled_from([g for g in (1, 2, 4) if shape[0] % g == 0]))
            weight = rng.normal(size=(groups * draw(st.integers(1, 2)), shape[0] // groups, *kernel))
            dilation = tuple(2 if 2 * (k - 1) < n else 1 for k, n in zip(kernel, shape[1:], strict=True))
            dilation = draw(st.sampled_from([(1, 1), dilation]))
            add(Conv2d((last,), weight, rng.normal(size=len(weight)), draw(pairs), padding, dilation, groups))
        elif kind in ("average", "max"):
            padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
            pool = AveragePool2d if kind == "average" else MaxPool2d
            add(pool((last,), kernel, draw(st.one_of(st.just(kernel), pairs)), padding))
        elif kind == "norm":
            add(BatchNorm((last,), rng.normal(size=shape[0]), rng.normal(size=shape[0])))
        else:
            add(ReLU((last,)))
    if draw(st.booleans()):  # somebody else reads what the end reads
        nodes["aside"] = ReLU((last,))
    output = last
    if draw(st.booleans()):
        add(Flatten((last,)))
        if draw(st.booleans()):
            add(BatchNorm((last,), rng.normal(size=shape), rng.normal(size=shape)))
        add(Dense((last,), rng.normal(size=(3, *shape)), rng.normal(size=3)))
        output = draw(st.sampled_from([output, last]))
    return Graph(nodes, output)


@pytest.mark.parametrize("rewrite", ALL, ids=passes.__all__)
@settings(max_examples=120, deadline=None)
@given(graph=networks())
def test_a_pass_changes_no_value(rewrite, graph):
    before = dict(graph.nodes)
    rewritten = rewrite(graph)
    assert graph.nodes == before
    assert rewritten.output == graph.output
    x = np.random.default_rng(0).normal(size=(3, *graph.shapes()["x"]))
    expected, values = graph.evaluate(x), rewritten.evaluate(x)
    for name in expected.keys() & values.keys():
        scale = max(1.0, np.abs(expected[name]).max())
        np.testing.assert_allclose(values[name], expected[name], rtol=0, atol=1e-12 * scale, err_msg=name)
    again = rewrite(rewritten)
    assert list(again.nodes) == list(rewritten.nodes)


def kinds(graph):
    return [type(node) for node in graph.nodes.values()]


def chain(shape, *nodes):
    named = {"x": Input((), shape)}
    for number, node in enumerate(nodes, 1):
        named[f"n{number}"] = node
    return Graph(named, f"n{len(nodes)}")


def conv(source, weight_shape, **options):
    rng = np.random.default_rng(5)
    return Conv2d((source,), rng.normal(size=weight_shape), rng.normal(size=weight_shape[0]), **options)


def test_normalisation_is_folded_into_the_layer_before():
    norm = BatchNorm(("n1",), np.array([2.0, -1.0]), np.array([0.5, 3.0]))
    folded = passes.fold_batchnorm(
        chain((1, 4, 4), conv("x", (2, 1, 3, 3)), norm, BatchNorm(("n2",), *np.ones((2, 2))))
    )
    assert kinds(folded) == [Input, Conv2d]
    assert folded.output == "n3"


def test_a_layer_that_others_read_stays():
    graph = Graph(
        {
            "x": Input((), (3,)),
            "fc": Dense(("x",), np.ones((2, 3)), np.zeros(2)),
            "norm": BatchNorm(("fc",), np.array([2.0, 3.0]), np.ones(2)),
            "relu": ReLU(("fc",)),
        },
        "norm",
    )
    folded = passes.fold_batchnorm(graph)
    assert list(folded.nodes) == ["x", "fc", "norm", "relu"]
    np.testing.assert_array_equal(folded.run(np.ones((1, 3))), [[7.0, 10.0]])


def test_a_layer_that_is_the_output_stays():
    nodes = chain((3,), Dense(("x",), np.ones((2, 3)), np.zeros(2)), BatchNorm(("n1",), np.ones(2), np.ones(2))).nodes
    assert list(passes.fold_batchnorm(Graph(nodes, "n1")).nodes) == ["x", "n1", "n2"]


def test_normalisation_of_the_input_becomes_a_layer():
    image = passes.fold_batchnorm(chain((2, 3, 3), BatchNorm(("x",), np.ones(2), np.ones(2))))
    vector = passes.fold_batchnorm(chain((2,), BatchNorm(("x",), np.ones(2), np.ones(2))))
    assert (kinds(image), kinds(vector)) == ([Input, Conv2d], [Input, Dense])
    assert image.nodes["n1"].groups == 2


def test_normalisation_of_a_sequence_is_refused_by_name():
    with pytest.raises(ConversionError, match=r"^n1: is a BatchNorm of shape \(2, 5\)"):
        passes.fold_batchnorm(chain((2, 5), BatchNorm(("x",), np.ones(2), np.ones(2))))


def test_pool_and_convolution_become_one():
    pool = AveragePool2d(("x",), (2, 2), (2, 2))
    merged = passes.merge_pooling(chain((3, 8, 8), pool, conv("n1", (4, 3, 3, 3), padding=(1, 1), stride=(2, 1))))
    assert kinds(merged) == [Input, Conv2d]
    node = merged.nodes["n2"]
    assert (node.weight.shape, node.stride, node.padding) == ((4, 3, 6, 6), (4, 2), (2, 2))
    np.testing.assert_allclose(node.weight, np.kron(conv("n1", (4, 3, 3, 3)).weight, np.ones((2, 2))) / 4, rtol=1e-15)


def test_pool_flattening_and_dense_become_two():
    fc = Dense(("n2",), np.arange(1.0, 5.0)[None], np.zeros(1))
    merged = passes.merge_pooling(chain((1, 5, 4), AveragePool2d(("x",), (2, 2), (2, 2)), Flatten(("n1",)), fc))
    assert kinds(merged) == [Input, Flatten, Dense]
    assert list(merged.nodes) == ["x", "n2_unpooled", "n3"]
    weight = merged.nodes["n3"].weight.reshape(5, 4)
    np.testing.assert_array_equal(weight[4], 0.0)  # the row that no window covers
    np.testing.assert_array_equal(weight[:4], np.kron([[1, 2], [3, 4]], np.ones((2, 2))) / 4)


def test_pools_in_a_row_are_all_merged():
    pools = AveragePool2d(("x",), (2, 2), (2, 2)), AveragePool2d(("n1",), (2, 2), (2, 2))
    assert kinds(passes.merge_pooling(chain((1, 8, 8), *pools, conv("n2", (1, 1, 2, 2))))) == [Input, Conv2d]


@pytest.mark.parametrize(
    ("image", "pool", "padding"),
    [
        ((8, 8), AveragePool2d(("x",), (3, 3), (2, 2)), (1, 1)),
        ((8, 8), AveragePool2d(("x",), (2, 2), (2, 2), (1, 1)), (1, 1)),
        ((9, 8), AveragePool2d(("x",), (2, 2), (2, 2)), (1, 1)),
        ((8, 8), MaxPool2d(("x",), (2, 2), (2, 2)), (0, 0)),
    ],
)
def test_pools_that_would_not_be_exact_stay(image, pool, padding):
    graph = chain((1, *image), pool, conv("n1", (1, 1, 2, 2), padding=padding))
    assert kinds(passes.merge_pooling(graph)) == kinds(graph)


def test_a_pool_that_others_read_stays():
    pool = AveragePool2d(("x",), (2, 2), (2, 2))
    graph = chain((1, 8, 8), pool, ReLU(("n1",)), conv("n1", (1, 1, 2, 2)))
    assert kinds(passes.merge_pooling(graph)) == kinds(graph)
