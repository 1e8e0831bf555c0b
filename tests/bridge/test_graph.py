import numpy as np
import pytest

from bridge.errors import BridgeError, ConversionError, ValidationError
from bridge.graph import Graph
from bridge.nodes import AveragePool2d, BatchNorm, Conv2d, Dense, Flatten, Input, Leaky, MaxPool2d, ReLU


def small():
    rng = np.random.default_rng(0)
    return {
        "x": Input((), (2, 6, 6)),
        "conv": Conv2d(("x",), rng.normal(size=(4, 2, 3, 3)), rng.normal(size=4), padding=(1, 1)),
        "relu": ReLU(("conv",)),
        "pool": MaxPool2d(("relu",), (2, 2), (2, 2)),
        "flat": Flatten(("pool",)),
        "fc": Dense(("flat",), rng.normal(size=(5, 36)), np.zeros(5)),
    }


def naive_conv(x, node):
    (sh, sw), (ph, pw), (dh, dw) = node.stride, node.padding, node.dilation
    out, per_group, kh, kw = node.weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    _, height, width = node.output_shape((x.shape[1], x.shape[2] - 2 * ph, x.shape[3] - 2 * pw))
    y = np.zeros((len(x), out, height, width))
    for o, i, j in np.ndindex(out, height, width):
        first = o // (out // node.groups) * per_group
        for c, m, n in np.ndindex(per_group, kh, kw):
            y[:, o, i, j] += node.weight[o, c, m, n] * x[:, first + c, sh * i + dh * m, sw * j + dw * n]
        y[:, o, i, j] += node.bias[o]
    return y


@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_is_its_equation(groups):
    rng = np.random.default_rng(1)
    weight = rng.normal(size=(4, 4 // groups, 3, 2))
    node = Conv2d(("x",), weight, rng.normal(size=4), (2, 1), (1, 2), (1, 3), groups)
    x = rng.normal(size=(3, 4, 7, 8))
    np.testing.assert_allclose(node(x), naive_conv(x, node), rtol=1e-12, atol=1e-12)


def test_convolution_is_the_same_in_parts(monkeypatch):
    rng = np.random.default_rng(2)
    node = Conv2d(("x",), rng.normal(size=(3, 2, 3, 3)), np.zeros(3))
    x = rng.normal(size=(7, 2, 6, 6))
    whole = node(x)
    monkeypatch.setattr("bridge.nodes.convolution._WINDOW_VALUES", 2 * 2 * 9 * 16)
    np.testing.assert_allclose(node(x), whole, rtol=1e-13, atol=1e-13)


def test_evaluates_every_node_and_runs_the_output():
    graph = Graph(small(), "fc")
    x = np.random.default_rng(3).normal(size=(300, 2, 6, 6))
    values = graph.evaluate(x)
    assert {name: value.shape[1:] for name, value in values.items()} == graph.shapes()
    np.testing.assert_allclose(graph.run(x), values["fc"], rtol=1e-12)
    assert (values["pool"][:, :, 0, 0] == values["relu"][:, :, :2, :2].max(axis=(2, 3))).all()
    assert graph.run(x[:0]).shape == (0, 5)
    assert graph.input == "x"
    assert graph.consumers("relu") == ["pool"]


def test_counts_full_kernels():
    assert Graph(small(), "fc").macs() == {"conv": 4 * 2 * 9 * 36, "fc": 36 * 5}


def test_average_counts_its_padding():
    node = AveragePool2d(("x",), (2, 2), (2, 2), (1, 1))
    np.testing.assert_array_equal(node(np.ones((1, 1, 2, 2))), np.full((1, 1, 2, 2), 0.25))


def test_max_of_padded_negative_values():
    node = MaxPool2d(("x",), (2, 2), (2, 2), (1, 1))
    np.testing.assert_array_equal(node(np.full((1, 1, 2, 2), -3.0)), np.full((1, 1, 2, 2), -3.0))


def test_weights_are_copies_that_nobody_can_change():
    weight = np.ones((2, 3), dtype=np.float32)
    node = Dense(("x",), weight, np.zeros(2))
    weight[:] = 7.0
    assert node.weight.dtype == np.float64
    assert (node.weight == 1.0).all()
    with pytest.raises(ValueError, match="read-only"):
        node.weight[0, 0] = 2.0


LEAKY = {"beta": 0.9, "threshold": 1.0, "reset": "zero", "reset_delay": True}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"conv": Conv2d(("x",), np.full((4, 2, 3, 3), np.nan), np.zeros(4))}, "'conv'.*weight must be finite"),
        ({"fc": Dense(("flat",), np.ones((5, 36)), np.full(5, np.inf))}, "'fc'.*bias must be finite"),
        ({"fc": Dense(("flat",), np.ones((5, 35)), np.zeros(5))}, r"'fc'.*shape \(35,\), got \(36,\)"),
        ({"fc": Dense(("flat",), np.ones((5, 36)), np.zeros(4))}, r"'fc'.*bias must have shape \(5,\)"),
        ({"conv": Conv2d(("x",), np.ones((4, 3, 3, 3)), np.zeros(4))}, "'conv'.*2 input channels"),
        ({"conv": Conv2d(("x",), np.ones((4, 2, 3, 3)), np.zeros(4), groups=3)}, "'conv'.*groups 3"),
        ({"conv": Conv2d(("x",), np.ones((4, 2, 9, 3)), np.zeros(4))}, "'conv'.*larger than"),
        ({"conv": Conv2d(("x",), np.ones((4, 2, 3, 3)), np.zeros(4), stride=(0, 1))}, "'conv'.*positive"),
        ({"pool": MaxPool2d(("flat",), (2, 2), (2, 2))}, "'pool'.*'flat'.*not nodes before"),
        ({"pool": MaxPool2d(("relu",), (2, 2), (2, 2), (2, 0))}, "'pool'.*at most half"),
        ({"fc": MaxPool2d(("flat",), (2, 2), (2, 2))}, r"'fc'.*\(channels, height, width\)"),
        ({"relu": ReLU(("conv", "x"))}, "'relu'.*needs 1 inputs"),
        ({"relu": ReLU(("nowhere",))}, "'relu'.*'nowhere'"),
        ({"relu": BatchNorm(("conv",), np.ones(3), np.ones(3))}, "'relu'.*do not fit"),
        ({"relu": Leaky(("conv",), **LEAKY | {"reset": "none"})}, "'relu'.*reset"),
        ({"relu": Leaky(("conv",), **LEAKY | {"reset": "soft"})}, "'relu'.*reset_delay must be False"),
        ({"relu": Leaky(("conv",), **LEAKY | {"beta": 1.1})}, "'relu'.*beta"),
        ({"relu": Leaky(("conv",), **LEAKY | {"threshold": -0.1})}, "'relu'.*threshold must be at least 0"),
        ({"relu": Leaky(("conv",), **LEAKY | {"threshold": np.ones(4)})}, "'relu'.*does not broadcast"),
        ({"relu": Leaky(("conv",), **LEAKY | {"threshold": np.ones((1, 1, 6, 6))})}, "'relu'.*does not broadcast"),
        ({"x": Input((), (2, 0, 6))}, "'x'.*positive sizes"),
        ({"y": Input((), (3,))}, "exactly one Input"),
    ],
)
def test_refuses_what_does_not_fit_by_name(changes, says):
    with pytest.raises(ValidationError, match=says):
        Graph(small() | changes, "fc")


def test_refuses_an_unknown_output():
    with pytest.raises(ValidationError, match="'nowhere' is not a node"):
        Graph(small(), "nowhere")


def test_refuses_weights_with_wrong_axes():
    with pytest.raises(ValidationError, match="weight must have 2 axes"):
        Dense(("x",), np.ones(3), np.ones(3))


@pytest.mark.parametrize("shape", [(2, 6, 6), (4, 2, 6, 5), ()])
def test_refuses_samples_of_another_shape(shape):
    with pytest.raises(ValidationError, match="x must have shape"):
        Graph(small(), "fc").evaluate(np.zeros(shape))


def test_does_not_evaluate_spiking_neurons():
    graph = Graph(small() | {"relu": Leaky(("conv",), **LEAKY | {"threshold": np.ones((4, 1, 1))})}, "fc")
    with pytest.raises(ConversionError, match=r"^relu: is a spiking neuron"):
        graph.evaluate(np.zeros((1, 2, 6, 6)))


def test_errors_are_of_one_family():
    assert issubclass(ValidationError, (BridgeError, ValueError))
    assert issubclass(ConversionError, BridgeError)
