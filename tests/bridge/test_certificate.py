import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ann
import bridge
from bridge import ConversionError, Graph, ValidationError, certify, nodes
from bridge.enclosure import Ball, Tables, enclose, is_bounded
from bridge.inference import Inference, Observation

RANDOM = np.random.default_rng(0)
W = RANDOM.normal(size=(4, 6))
# Every kind of node that has a bound, with the shapes of its inputs.
BOUNDED = [
    (nodes.Dense(("a",), W, W[:, 0]), (6,)),
    (nodes.Conv1d(("a",), W.reshape(4, 2, 3), W[:, 0], padding=(1,)), (2, 5)),
    (nodes.Conv2d(("a",), W.reshape(4, 1, 2, 3), W[:, 0], stride=(2, 1), padding=(1, 0)), (1, 4, 5)),
    (nodes.AveragePool2d(("a",), (2, 2), (2, 2)), (2, 4, 4)),
    (nodes.Mean(("a",), (1,)), (2, 3)),
    (nodes.Scale(("a",), W[:1, :3]), (2, 3)),
    (nodes.Shift(("a",), W[:1, :3]), (2, 3)),
    (nodes.Concat(("a", "b"), 0), (2, 3), (1, 3)),
    (nodes.Flatten(("a",)), (2, 3)),
    (nodes.Permute(("a",), (1, 0)), (2, 3)),
    (nodes.Pad(("a",), ((1, 0), (0, 2))), (2, 3)),
    (nodes.Roll(("a",), (1,), (0,)), (5,)),
    (nodes.Add(("a", "b")), (2, 3), (2, 1)),
    (nodes.Multiply(("a", "b")), (2, 3), (1, 3)),
    (nodes.MatMul(("a", "b")), (2, 3, 4), (1, 4, 2)),
    (nodes.MaxPool2d(("a",), (2, 2), (1, 2), (1, 1)), (2, 4, 4)),
    (nodes.MaxOver(("a",), (1,)), (2, 3)),
    (nodes.Softmax(("a",), 0), (4,)),
    (nodes.LogSoftmax(("a",), 1), (2, 3)),
    *((kind(("a",)), (2, 3)) for kind in (nodes.ReLU, nodes.ReLU6, nodes.Hardtanh, nodes.Hardsigmoid, nodes.Absolute)),
    *((kind(("a",)), (2, 3)) for kind in (nodes.GELU, nodes.SiLU, nodes.Mish, nodes.Hardswish, nodes.ELU, nodes.SELU)),
    *((kind(("a",)), (2, 3)) for kind in (nodes.Sigmoid, nodes.Tanh, nodes.Softplus, nodes.Softsign, nodes.LogSigmoid)),
    (nodes.GELU(("a",), tanh=True), (2, 3)),
    (nodes.LeakyReLU(("a",), -0.5), (2, 3)),
    (nodes.PReLU(("a",), np.array([0.25, -0.5])), (2, 3)),
    (nodes.QuantisedReLU(("a",), np.array([1.5, 4.0]), 4), (2, 3)),
    *((nodes.Function(("a",), name), (2, 3)) for name in ("atan", "sinh", "sign", "floor")),
    *((kind(("a",)), (2, 3)) for kind in (nodes.Hardshrink, nodes.Softshrink)),
    (nodes.Threshold(("a",), 0.5, -1.0), (2, 3)),
    (nodes.Exponential(("a",)), (2, 3)),
    (nodes.Power(("a",), 2.0), (2, 3)),
    (nodes.Power(("a",), 3.0), (2, 3)),
    (nodes.Power(("a",), -0.5), (2, 3)),
    (nodes.Logarithm(("a",)), (2, 3)),
]


def spans(random, shape, positive, samples=6):
    """Draw a centre and where the network's values are around it: here wide, there a point, often at a kink."""
    centre = random.normal(scale=3.0, size=(samples, *shape)).round(random.integers(0, 3))
    radius = random.exponential(size=(2, samples, *shape)) * random.choice(
        [0.0, 0.01, 1.0, 5.0], size=(2, *centre.shape)
    )
    if positive:
        centre, radius = np.abs(centre) + 0.5, np.minimum(radius, 0.4)
    return Ball(centre, -radius[0], radius[1])


@pytest.mark.parametrize(
    ("node", "shapes"), [(node, shapes) for node, *shapes in BOUNDED], ids=lambda x: type(x).__name__
)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_value_of_a_node_is_out_of_its_bounds(node, shapes, seed):
    random = np.random.default_rng(seed)
    positive = isinstance(node, nodes.Logarithm) or (isinstance(node, nodes.Power) and node.exponent < 0)
    balls = [spans(random, shape, positive) for shape in shapes]
    step = enclose(node, balls, Tables())
    rows = np.arange(len(step.value))
    weights = random.normal(size=step.value.shape)
    pulled = step.pull(weights, rows)
    axes = tuple(range(1, step.value.ndim))
    for _ in range(20):
        distances = []
        for ball in balls:  # at the ends as often as between
            share = np.clip(random.uniform(-1.0, 2.0, size=ball.centre.shape), 0.0, 1.0)
            distances.append(ball.low + share * (ball.high - ball.low))
        moved = node(*(ball.centre + d for ball, d in zip(balls, distances, strict=True))) - step.value
        assert (moved >= step.low - 1e-12).all()
        assert (moved <= step.high + 1e-12).all()
        linear = sum((w * d).sum(axis=tuple(range(1, d.ndim))) for w, d in zip(pulled, distances, strict=True))
        rest = (weights * (moved - step.shift)).sum(axis=axes) - linear
        assert (np.abs(rest) <= (np.abs(weights) * step.slack).sum(axis=axes) + 1e-9).all()


def test_every_bounded_kind_of_node_is_tested():
    kinds = {kind for kind in vars(nodes).values() if isinstance(kind, type) and issubclass(kind, nodes.Node)}
    tested = {type(node) for node, *_ in BOUNDED}
    for kind in kinds - tested - {nodes.Input, nodes.Node, nodes.Activation, nodes.Linear, nodes.Rearrange}:
        general = issubclass(kind, nodes.Linear | nodes.Rearrange | nodes.Maximum)  # one rule for all of them
        assert general or not is_bounded(object.__new__(kind)), kind


class Spoken:
    """A converted network that says what it is given."""

    def __init__(self, graph, said):
        self.graph, self.said = graph, said

    def observe(self, samples, *, threads=1):
        scores = self.said[self.graph.output].reshape(len(samples), -1)
        silent = np.zeros((len(samples), 0), int)
        inference = Inference(scores, scores[:, None], silent, {}, np.zeros(len(samples), int), 0.1)
        yield Observation(inference, self.said, {})


def branched(random):
    """Make a network with branches, a product, pooling and curved activations, of random weights."""

    def draw(*shape):
        return random.normal(size=shape) / np.sqrt(shape[-1])

    made = {
        "x": nodes.Input((), (2, 6)),
        "conv": nodes.Conv1d(("x",), 2 * draw(3, 2, 3), draw(3), padding=(1,)),
        "relu": nodes.ReLU(("conv",)),
        "conv2": nodes.Conv1d(("relu",), draw(3, 3, 1), draw(3)),
        "sum": nodes.Add(("conv2", "relu")),
        "gelu": nodes.GELU(("sum",)),
        "mean": nodes.Mean(("gelu",), (1,), keep=True),
        "gate": nodes.Sigmoid(("mean",)),
        "gated": nodes.Multiply(("gelu", "gate")),
        "pool": nodes.MaxPool1d(("gated",), (2,), (2,)),
        "both": nodes.Concat(("pool", "relu"), 1),
        "flat": nodes.Flatten(("both",)),
        "hidden": nodes.Dense(("flat",), draw(8, 27), draw(8)),
        "relu2": nodes.ReLU(("hidden",)),
        "scores": nodes.Dense(("relu2",), 3 * draw(4, 8), draw(4)),
        "softmax": nodes.Softmax(("scores",), 0),
    }
    return Graph(made, "softmax")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([0.0, 1e-3, 0.02, 0.3]))
def test_whatever_is_said_nothing_wrong_is_certified(seed, size):
    random = np.random.default_rng(seed)
    graph = branched(random)
    x = random.normal(size=(20, 2, 6))
    values = graph.evaluate(x)
    coarse = {"x": x + 0.1 * size * random.normal(size=x.shape)}
    for name in ("relu", "gelu", "gate", "gated", "relu2", "softmax"):  # as if rounded, or much worse
        coarse[name] = values[name] + size * random.normal(size=values[name].shape)
    certificate = certify(Spoken(graph, coarse), x)
    scores = values["scores"]
    own = np.take_along_axis(scores, certificate.classes[:, None], axis=1)
    others = np.where(np.arange(4) == certificate.classes[:, None], -np.inf, scores)
    true = (own - others.max(axis=1, keepdims=True))[:, 0]
    assert (true >= certificate.margin - certificate.bound).all()
    assert (true[certificate.certified] > 0).all()
    if size == 0.0:  # then only rounding is left
        assert (certificate.bound < 1e-2).all()


def test_what_is_said_exactly_is_certified_up_to_rounding():
    graph = branched(np.random.default_rng(1))
    x = np.random.default_rng(2).normal(size=(50, 2, 6))
    certificate = certify(Spoken(graph, {"softmax": graph.run(x)}), x)
    assert certificate.certified.mean() > 0.95
    assert str(certificate).startswith(f"{certificate.certified.sum()} of 50 samples")


def test_digits_are_certified_and_pytorch_gives_the_same_classes():
    data = ann.load("digits")
    model = ann.build("mlp", data.shape, data.n_classes)
    ann.fit(model, data, epochs=8, batch_size=32, learning_rate=3e-3)
    converted = bridge.convert(model, data.x_train, steps=128)
    certificate = certify(converted, data.x_test)
    own = ann.predict(model, data.x_test)
    assert (certificate.classes == converted.run(data.x_test).classes).all()
    assert (certificate.classes == own)[certificate.certified].all()
    assert certificate.certified.mean() > 0.95


@pytest.mark.parametrize("bits", [24, 16])
def test_the_bound_holds_for_weights_rounded_to_so_many_bits(bits):
    data = ann.load("digits")
    model = ann.build("mlp", data.shape, data.n_classes, seed=1)
    converted = bridge.convert(model, data.x_train, steps=128, options=bridge.RateOptions(weight_bits=bits))
    x = data.x_test[:100]
    certificate = certify(converted, x)
    own = converted.graph.run(x)
    others = np.where(np.arange(10) == certificate.classes[:, None], -np.inf, own)
    true = own[np.arange(100), certificate.classes] - others.max(axis=1)
    assert (true >= certificate.margin - certificate.bound).all()
    assert (true > 0)[certificate.certified].all()
    assert certificate.certified.mean() > 0.5
    assert converted.report.settings == {"T": 128, "weight_bits": bits}


class Silent(Spoken):
    def observe(self, samples, *, threads=1):
        raise AssertionError("was run")


@pytest.mark.parametrize(
    "node", [nodes.LayerNorm(("x",), np.ones(4), np.zeros(4), 1e-5), nodes.Leaky(("x",), 0.9, 1.0, "soft", False)]
)
def test_refuses_nodes_without_a_bound_before_it_runs(node):
    graph = Graph({"x": nodes.Input((), (4,)), "odd one": node}, "odd one")
    with pytest.raises(ConversionError, match=rf"odd one \({type(node).__name__}\): has no bound"):
        certify(Silent(graph, {}), np.zeros((2, 4)))


def test_refuses_samples_and_what_has_no_classes():
    graph = Graph({"x": nodes.Input((), (4,)), "y": nodes.Dense(("x",), np.ones((1, 4)), np.zeros(1))}, "y")
    with pytest.raises(ValidationError, match="samples must"):
        certify(Silent(graph, {}), np.zeros((2, 5)))
    with pytest.raises(ConversionError, match="y: has a single output"):
        certify(Spoken(graph, {"y": np.zeros((2, 1))}), np.zeros((2, 4)))
