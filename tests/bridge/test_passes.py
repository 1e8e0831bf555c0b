import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import passes
from bridge.errors import ConversionError
from bridge.graph import Graph
from bridge.nodes import (
    GELU,
    Absolute,
    Add,
    AveragePool2d,
    BatchNorm,
    Concat,
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    Input,
    Mask,
    MaxOver,
    MaxPool2d,
    Multiply,
    Permute,
    ReLU,
    Scale,
    Shift,
    Sigmoid,
    Slice,
    Softmax,
)

ALL = [getattr(passes, name) for name in passes.__all__]


class Growing:
    """A network that grows by one drawn node at a time."""

    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))

    def __init__(self, draw):
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.shape = (draw(st.sampled_from([1, 2, 4])), draw(st.integers(4, 12)), draw(st.integers(4, 12)))
        self.nodes = {"x": Input((), self.shape)}
        self.last = "x"

    def add(self, kind, *arguments, **options):
        node = kind((self.last,), *arguments, **options)
        self.shape = node.output_shape(self.shape)
        self.last = f"n{len(self.nodes)}"
        self.nodes[self.last] = node

    def kernel(self):
        return tuple(min(k, n) for k, n in zip(self.draw(self.pairs), self.shape[1:], strict=True))

    def conv(self):
        kernel, channels = self.kernel(), self.shape[0]
        groups = self.draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
        weight = self.rng.normal(size=(groups * self.draw(st.integers(1, 2)), channels // groups, *kernel))
        widest = tuple(2 if 2 * (k - 1) < n else 1 for k, n in zip(kernel, self.shape[1:], strict=True))
        dilation = self.draw(st.sampled_from([(1, 1), widest]))
        padding = self.draw(st.sampled_from([(0, 0), (1, 0), (1, 1)]))
        self.add(Conv2d, weight, self.rng.normal(size=len(weight)), self.draw(self.pairs), padding, dilation, groups)

    def pool(self, kind):
        kernel = self.kernel()
        padding = tuple(k // 2 for k in kernel) if self.draw(st.booleans()) else (0, 0)
        self.add(kind, kernel, self.draw(st.one_of(st.just(kernel), self.pairs)), padding)

    def norm(self):
        self.add(BatchNorm, self.rng.normal(size=self.shape[0]), self.rng.normal(size=self.shape[0]))


@st.composite
def networks(draw):
    """Draw a small network, rich in what the passes look for; sometimes a node has a second reader or is the output."""
    net = Growing(draw)
    for _ in range(draw(st.integers(1, 3))):
        for step in draw(st.sampled_from(["p", "pc", "pc", "ppc", "cn", "cnn", "npcn", "m", "r"])):
            if step == "c":
                net.conv()
            elif step == "n":
                net.norm()
            elif step == "r":
                net.add(ReLU)
            else:
                net.pool(AveragePool2d if step == "p" else MaxPool2d)
    if draw(st.booleans()):
        if draw(st.booleans()):
            net.pool(AveragePool2d)
        net.add(Flatten)
        if draw(st.integers(0, 2)) == 0:
            net.norm()
        weight = net.rng.normal(size=(3, *net.shape))
        net.add(Dense, weight, net.rng.normal(size=3))
    if draw(st.integers(0, 3)) == 0:
        net.nodes["aside"] = ReLU((draw(st.sampled_from(list(net.nodes))),))
    output = draw(st.sampled_from(list(net.nodes))) if draw(st.integers(0, 3)) == 0 else net.last
    return Graph(net.nodes, output)


@pytest.mark.parametrize("rewrite", ALL, ids=passes.__all__)
@settings(max_examples=250, deadline=None)
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


def test_an_activation_moves_before_all_poolings_that_it_reads():
    pools = [MaxPool2d((source,), size, size, (0, 0)) for source, size in (("x", (1, 2)), ("n1", (2, 1)))]
    moved = passes.activate_first(chain((1, 4, 4), *pools, ReLU(("n2",))))
    assert kinds(moved) == [Input, ReLU, MaxPool2d, MaxPool2d]
    assert moved.nodes[moved.output].size == (2, 1)


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


def test_normalisation_of_sequences():
    rng = np.random.default_rng(0)
    norm = BatchNorm(("n1",), rng.normal(size=2), rng.normal(size=2))
    dense = chain((2, 5), Dense(("x",), rng.normal(size=(3, 5)), rng.normal(size=3)), norm)
    convolved = chain((2, 5), Conv1d(("x",), rng.normal(size=(2, 2, 3)), rng.normal(size=2)), norm)
    assert kinds(passes.fold_batchnorm(dense)) == [Input, Dense, Conv1d]
    assert kinds(passes.fold_batchnorm(convolved)) == [Input, Conv1d]
    x = rng.normal(size=(3, 2, 5))
    for graph in (dense, convolved):
        np.testing.assert_allclose(passes.fold_batchnorm(graph).run(x), graph.run(x), rtol=1e-12, atol=1e-12)


def test_normalisation_of_more_axes_than_a_volume_has_is_refused_by_name():
    with pytest.raises(ConversionError, match=r"^n1: is a BatchNorm of shape \(2, 5, 3, 3, 2\)"):
        passes.fold_batchnorm(chain((2, 5, 3, 3, 2), BatchNorm(("x",), np.ones(2), np.ones(2))))


# Masks


def masked(kept, *nodes, before=()):
    """Return a graph of scores (3, 4), of which a mask keeps some, and nodes that read them."""
    return chain((3, 4), *before, Mask((f"n{len(before)}" if before else "x",), kept), *nodes)


KEPT = np.array([[1, 0, 1, 0], [0, 1, 1, 1], [1, 1, 1, 1]])
FAR = np.where(KEPT, 0.5, -1e30)
READERS = {
    "softmax": masked(KEPT, Softmax(("n1",), 1)),
    "a maximum over an axis": masked(KEPT, MaxOver(("n1",), (0,))),
    "a maximum over both": masked(KEPT, MaxOver(("n1",), (1, 0), True)),
    "what is moved": masked(KEPT, Permute(("n1",), (1, 0)), Slice(("n2",), 1, 0, 2), Softmax(("n3",), 0)),
    "what is scaled and shifted": masked(
        KEPT, Scale(("n1",), np.array(0.3)), Shift(("n2",), np.arange(4.0)), Softmax(("n3",), 1)
    ),
    "two masks": masked(KEPT, Mask(("n1",), [1, 1, 0, 1]), MaxOver(("n2",), (0, 1))),
    "a mask that keeps all": masked(np.ones(4), Softmax(("n1",), 1)),
    "a sum": masked(KEPT, Add(("n1", "x")), Softmax(("n2",), 1)),
    "joined": masked(KEPT, Concat(("n1", "x"), 1), Softmax(("n2",), 1)),
    "a function": masked(KEPT, ReLU(("n1",)), Dense(("n2",), np.ones((2, 4)), np.ones(2))),
    "functions": masked(KEPT, Sigmoid(("n1",)), Softmax(("n2",), 1)),
    "a number far below": chain((3, 4), Shift(("x",), FAR), Softmax(("n1",), 1)),
    "a number far below, then a mask": chain(
        (3, 4), Shift(("x",), FAR), Mask(("n1",), [1, 1, 1, 0]), Softmax(("n2",), 1)
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_masks_are_absorbed_by_what_reads_them(name):
    graph = READERS[name]
    absorbed = passes.absorb_masks(graph)
    x = np.random.default_rng(0).normal(size=(5, 3, 4))
    with np.errstate(all="raise"):
        found = absorbed.run(x)
    np.testing.assert_allclose(found, graph.run(x), rtol=1e-12, atol=1e-15)
    assert Mask not in kinds(absorbed)
    assert all(np.abs(node.term).max() < 100.0 for node in absorbed.nodes.values() if isinstance(node, Shift))
    # What is left out is not looked at: values far above the others change nothing.
    if name not in ("a sum", "joined", "a mask that keeps all"):
        there = x + 50.0 * (1 - KEPT)
        np.testing.assert_allclose(absorbed.run(there), found, rtol=1e-12, atol=1e-15)


def test_numbers_far_below_are_left_to_what_reads_them_as_numbers():
    shift = Shift(("x",), FAR)
    for reader in (Dense(("n1",), np.ones((2, 4)), np.zeros(2)), Absolute(("n1",)), Multiply(("n1", "x"))):
        graph = chain((3, 4), shift, reader)
        x = np.random.default_rng(0).normal(size=(5, 3, 4))
        np.testing.assert_allclose(passes.absorb_masks(graph).run(x), graph.run(x), rtol=1e-12)
    # Far below throughout, as where a mean is taken away: nothing is left out.
    centred = chain((3, 4), Shift(("x",), np.array(-2e4)), Softmax(("n1",), 1))
    assert kinds(passes.absorb_masks(centred)) == kinds(centred)
    np.testing.assert_array_equal(passes.absorb_masks(centred).run(x), centred.run(x))


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (masked(KEPT, Dense(("n1",), np.ones((2, 4)), np.zeros(2))), r"n1 \(Mask\): leaves values out for what"),
        (masked(KEPT, GELU(("n1",))), r"n1 \(Mask\): leaves values out for what"),
        (masked(KEPT), r"n1 \(Mask\): leaves values out for what"),
        (masked([0, 0, 0, 1], Slice(("n1",), 1, 0, 2), Softmax(("n2",), 1)), r"n3 \(Softmax\).*mask leaves nothing"),
    ],
)
def test_masks_that_something_else_reads_are_refused(graph, says):
    with pytest.raises(ConversionError, match=says):
        passes.absorb_masks(graph)


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


def test_a_pool_that_is_the_output_stays():
    nodes = chain((1, 8, 8), AveragePool2d(("x",), (2, 2), (2, 2)), conv("n1", (1, 1, 2, 2))).nodes
    graph = Graph(nodes, "n1")
    assert kinds(passes.merge_pooling(graph)) == kinds(graph)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
def test_overlapping_windows_add_up(dilation):
    pool = AveragePool2d(("x",), (3, 2), (1, 1), (1, 1))
    graph = chain((2, 7, 7), pool, conv("n1", (3, 2, 2, 3), dilation=dilation, stride=(2, 1)))
    merged = passes.merge_pooling(graph)
    assert kinds(merged) == [Input, Conv2d]
    x = np.random.default_rng(0).normal(size=(3, 2, 7, 7))
    np.testing.assert_allclose(merged.run(x), graph.run(x), rtol=0, atol=1e-12)


def test_a_padded_pool_before_a_dense_layer():
    weight = np.random.default_rng(1).normal(size=(4, 2 * 4 * 4))
    pool = AveragePool2d(("x",), (3, 3), (2, 2), (1, 1))
    graph = chain((2, 7, 8), pool, Flatten(("n1",)), Dense(("n2",), weight, np.ones(4)))
    merged = passes.merge_pooling(graph)
    assert kinds(merged) == [Input, Flatten, Dense]
    x = np.random.default_rng(0).normal(size=(3, 2, 7, 8))
    np.testing.assert_allclose(merged.run(x), graph.run(x), rtol=0, atol=1e-12)
