"""Networks of staircase neurons say what the quantised network computes, whatever the order of their events."""

import numpy as np
import pytest
from reference_graphs import delayed, in_windows, random_graph, recurrent

import snn
from bridge import nodes
from bridge.errors import ConversionError, ValidationError
from bridge.event import convert_graph, emit, quantised, twin
from bridge.event.tables import level_changes
from bridge.event.twin import _exactly
from bridge.graph import Graph
from bridge.passes import absorb_masks, decompose, unroll
from bridge.plan import Full, Kernel, Layout, plan
from bridge.rate.thresholds import least_squares, quantise

SCHEDULES = ("phased", "coalescing", "free")
RNG = np.random.default_rng(0)


def convert(graph, x, levels=16, allow=("product",)):
    return convert_graph(graph, graph, x, levels, allow)


def relative(found, expected):
    return np.linalg.norm(found - expected.reshape(found.shape)) / np.linalg.norm(expected)


def dense(source, out, size):
    return nodes.Dense((source,), RNG.normal(size=(out, size)), RNG.normal(size=out))


def sequence(*layers, features=3, time=5):
    """A graph of layers one after the other on a sequence."""
    made, name = {"x": nodes.Input((), (time, features))}, "x"
    for number, (kind, options) in enumerate(layers):
        size = Graph(made, name).shapes()[name][1]
        made[f"cell{number}"] = recurrent(RNG, kind, name, size, 4, **options)
        name = f"cell{number}"
    made |= {"flat": nodes.Flatten((name,)), "out": dense("flat", 3, 4 * time)}
    return Graph(made, "out")


def attention():
    """A layer of a transformer with one head."""
    return Graph(
        {
            "x": nodes.Input((), (4, 6)),
            "q": dense("x", 6, 6),
            "k": dense("x", 6, 6),
            "v": dense("x", 6, 6),
            "turned": nodes.Permute(("k",), (1, 0)),
            "scores": nodes.MatMul(("q", "turned")),
            "small": nodes.Scale(("scores",), np.array(0.1)),
            "soft": nodes.Softmax(("small",), 1),
            "mixed": nodes.MatMul(("soft", "v")),
            "sum": nodes.Add(("mixed", "x")),
            "norm": nodes.LayerNorm(("sum",), RNG.normal(size=6), RNG.normal(size=6)),
            "gelu": nodes.GELU(("norm",)),
            "out": dense("gelu", 2, 6),
        },
        "out",
    )


# ---- the twin, whatever the schedule


@pytest.mark.parametrize("seed", range(24))
def test_at_rest_every_layer_says_what_its_twin_does(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    x = rng.normal(size=(4, *graph.shapes()[graph.input]))
    network = quantised(plan(decompose(unroll(absorb_masks(graph)))), x, int(rng.choice([2, 8, 32])))
    layout = network.neurons["x"].layer.layout
    counts = rng.integers(-300, 300, (4, layout.size))
    levels, sums = twin(network, counts)
    inputs = counts[:, layout.order].reshape(4, *layout.image)
    for schedule in SCHEDULES:
        simulation = snn.Simulation(delayed(rng, emit(network)), engine="exact", batch=4)
        whole = schedule == "free"  # in parts every unit of a change would come by itself, through a product a square
        parts = {"x": inputs[None] if whole else in_windows(rng, inputs, 3)}
        settled = simulation.settle(parts, schedule=schedule, times=np.sort(rng.uniform(0.0, 6.0, len(parts["x"]))))
        for name, neurons in network.neurons.items():
            found = settled.levels[name].reshape(4, -1)[:, neurons.layer.layout.neuron]
            np.testing.assert_array_equal(found, levels[name], err_msg=f"{name} {schedule}")
        output = network.neurons[network.output]
        if output.layer.kind == "readout":
            found = settled.sums[network.output].reshape(4, -1)[:, output.layer.layout.neuron]
            np.testing.assert_array_equal(found, sums * output.quantum)


@pytest.mark.parametrize(
    "layers",
    [
        [(nodes.RNN, {}), (nodes.RNN, {"relu": True})],
        [(nodes.LSTM, {})],
        [(nodes.GRU, {}), (nodes.GRU, {})],
    ],
)
def test_recurrent_networks_come_near_the_module_and_equal_their_twin(layers):
    graph = sequence(*layers)
    x = RNG.normal(size=(40, 5, 3))
    converted = convert(graph, x, 64)
    scores = converted.twin(x)
    assert relative(scores, graph.run(x)) < 0.05
    for schedule in SCHEDULES[:2]:
        np.testing.assert_array_equal(converted.run(x[:5], schedule=schedule).scores, scores[:5])


def test_attention_comes_near_the_module_and_equals_its_twin():
    graph = attention()
    x = RNG.normal(size=(60, 4, 6))
    converted = convert(graph, x, 128)
    scores = converted.twin(x)
    assert relative(scores, graph.run(x)) < 0.05
    np.testing.assert_array_equal(converted.run(x[:7], batch=4).scores, scores[:7])


def test_more_levels_come_nearer():
    graph = random_graph(np.random.default_rng(5))
    x = RNG.normal(size=(100, *graph.shapes()["x"]))
    errors = [relative(convert(graph, x, levels).twin(x), graph.run(x)) for levels in (4, 32, 256)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01


def test_whole_numbers_are_summed_exactly_however_large():
    weight = RNG.integers(-(2**30), 2**30, (3, 400)).astype(float)
    levels = RNG.integers(-(2**22), 2**22, (2, 400))
    expected = levels.astype(object) @ weight.astype(int).astype(object).T
    np.testing.assert_array_equal(_exactly(Full(weight), levels), expected.astype(np.int64))
    assert np.abs(expected).max() > 2**53 > np.abs(expected[0, 0] // 2**8)
    layout = Layout((400, 1, 1))
    kernel = Kernel(weight[:, :, None, None], (1, 1), (0, 0), layout, Layout((3, 1, 1)))
    np.testing.assert_array_equal(_exactly(kernel, levels), expected.astype(np.int64))


# ---- steps, tables


FUNCTIONS = {
    "gelu": nodes.GELU(()),
    "silu": nodes.SiLU(()),
    "tanh": nodes.Tanh(()),
    "cosine": None,
    "root": nodes.Power((), -0.5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_table_has_the_level_of_the_function(name):
    function = FUNCTIONS[name] or (lambda u: np.cos(3.0 * u))
    step, low, high = np.array([0.02, 0.3]), np.array([-6.0, -1.0]), np.array([5.0, 4.0])
    thresholds, levels = level_changes(function, step, low, high, 40)
    assert (thresholds[:, 1:] >= thresholds[:, :-1]).all()
    for channel in range(2):
        u = RNG.uniform(low[channel], high[channel], 2000)
        if name == "root":
            u = np.concatenate([u[u > 0.0], 10.0 ** RNG.uniform(-8.0, 0.0, 500)])  # steepest at the edge
        found = levels[channel][np.searchsorted(thresholds[channel], u, side="right") - 1]
        expected = np.clip(np.floor(function(u) / step[channel] + 0.5), -40, 40)
        near = np.abs(u[:, None] - thresholds[channel]).min(axis=1) < 1e-9
        np.testing.assert_array_equal(found[~near], expected[~near])
    # Outside of the range the level is that at its ends, or where the function is first a number.
    ends = levels[0][np.searchsorted(thresholds[0], [-1e9, 1e9], side="right") - 1]
    nearest = np.array([1e-30 if name == "root" else -6.0, 5.0])
    np.testing.assert_array_equal(ends, np.clip(np.floor(function(nearest) / 0.02 + 0.5), -40, 40))


def test_rectifiers_say_what_least_squares_gives():
    graph = Graph({"x": nodes.Input((), (6,)), "fc": dense("x", 4, 6), "relu": nodes.ReLU(("fc",))}, "relu")
    x = np.round(RNG.normal(size=(50, 6)), 2)
    x[0] = 2.55  # so that the step of the input is 0.01
    x = np.clip(x, -2.55, 2.55)
    a = graph.run(x)
    np.testing.assert_allclose(convert(graph, x, 8).twin(x), quantise(a, least_squares(a, 8), 8), atol=1e-6)


def test_channels_that_are_silent_on_the_samples_are_told():
    graph = Graph({"x": nodes.Input((), (6,)), "fc": dense("x", 4, 6), "relu": nodes.ReLU(("fc",))}, "relu")
    bias = np.array([-100.0, 1.0, 1.0, -100.0])
    few = Graph({**graph.nodes, "fc": nodes.Dense(("x",), np.ones((4, 6)), bias)}, "relu")
    all_of_them = Graph({**graph.nodes, "fc": nodes.Dense(("x",), np.ones((4, 6)), np.full(4, -100.0))}, "relu")
    x = RNG.uniform(0.0, 1.0, (20, 6))
    assert convert(few, x, 8).report.notes == (
        "relu (ReLU): 2 of 4 channels (0, 3) are silent on the samples; they have the largest step of the others",
    )
    assert convert(all_of_them, x, 8).notes == (
        "relu (ReLU): all 4 channels are silent on the samples; nothing tells their step",
    )
    nothing = Graph({**graph.nodes, "fc": nodes.Dense(("x",), np.ones((4, 6)), np.ones(4))}, "relu")
    assert convert(nothing, x, 8).notes == ()


def test_a_relay_that_only_passes_on_loses_nothing():
    graph = Graph(
        {
            "x": nodes.Input((), (2, 4, 4)),
            "one": nodes.ReLU(("x",)),
            "other": nodes.Tanh(("x",)),
            "both": nodes.Concat(("one", "other"), 0),
            "pool": nodes.MaxPool2d(("both",), (2, 2), (2, 2)),
        },
        "pool",
    )
    x = RNG.normal(size=(20, 2, 4, 4))
    converted = convert(graph, x)
    assert converted.quantised.neurons["both"].lossless
    levels, _ = twin(converted.quantised, converted._counts(x))
    said = {name: levels[name] * converted.quantised.neurons[name].unit for name in ("one", "other", "pool")}
    both = np.concatenate([said["one"], said["other"]], axis=1).reshape(20, 4, 4, 4)
    np.testing.assert_array_equal(graph.nodes["pool"](both).reshape(20, -1), said["pool"])


# ---- what is said of it


def image_network():
    return Graph(
        {
            "x": nodes.Input((), (2, 6, 5)),
            "conv": nodes.Conv2d(("x",), RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=3), padding=(1, 1)),
            "relu": nodes.ReLU(("conv",)),
            "pool": nodes.MaxPool2d(("relu",), (2, 2), (2, 2)),
            "gate": nodes.Sigmoid(("pool",)),
            "gated": nodes.Multiply(("pool", "gate")),
            "logits": nodes.Conv2d(("gated",), RNG.normal(size=(2, 3, 1, 1)), RNG.normal(size=2)),
            "soft": nodes.Softmax(("logits",), 0),
        },
        "soft",
    )


def test_results_are_in_the_module_s_units_and_order():
    graph = image_network()
    x = RNG.normal(size=(30, 2, 6, 5))
    converted = convert(graph, x, 64)
    inference = converted.run(x, batch=7)
    assert inference.scores.shape == (30, 12)
    np.testing.assert_allclose(inference.scores.reshape(30, 2, 6).sum(axis=1), 1.0)
    assert relative(inference.scores, graph.run(x)) < 0.02
    np.testing.assert_array_equal(inference.scores, converted.twin(x))
    assert (inference.latency() == 1).all()
    assert inference.spikes.shape == (30, 4)
    assert {name: len(count) for name, count in inference.counts.items()} == {
        "relu": 90,
        "pool": 18,
        "gate": 18,
        "gated": 18,
    }


def test_every_node_has_a_verdict():
    graph = image_network()
    found = {one.node: one.verdict for one in convert(graph, RNG.normal(size=(5, 2, 6, 5))).verdicts}
    assert found == {
        "x": "quantised",
        "conv": "merged",
        "relu": "quantised",
        "pool": "exact",
        "gate": "quantised",
        "gated": "graded",
        "logits": "exact",
        "soft": "exact",
    }


def test_layers_are_observed_in_the_module_s_units():
    graph = image_network()
    x = RNG.normal(size=(30, 2, 6, 5))
    converted = convert(graph, x, 64)
    values, seen = graph.evaluate(x), list(converted.observe(x, batch=20))
    assert [len(one.inference.scores) for one in seen] == [20, 10]
    for name in ("x", "relu", "pool", "gate", "gated", "logits"):
        said = np.concatenate([one.activations[name] for one in seen])
        assert said.shape == values[name].shape
        assert relative(said, values[name]) < 0.02
    assert list(seen[0].operations) == ["relu", "pool", "gate", "gated"]
    assert (sum(seen[0].operations.values()) < seen[0].inference.synaptic_events).all()


def test_the_report_splits_the_error_of_each_layer():
    graph = image_network()
    x = RNG.normal(size=(60, 2, 6, 5))
    report = convert(graph, x, 16).measure(x)
    parts = {layer.name: layer.parts for layer in report.measurement.layers}
    assert list(parts) == ["relu", "pool", "gate", "gated", "logits"]
    for name, part in parts.items():
        assert part["unevenness"] < 1e-6, name
        assert part["input coding"] < 0.1
    assert 0.0 < parts["relu"]["quantisation"] < 0.1
    assert parts["pool"]["quantisation"] == 0.0 < parts["pool"]["inherited"]
    assert "event, K = 16" in str(report)


def test_indices_are_read_by_one_neuron_each():
    table = RNG.normal(size=(7, 3))
    graph = Graph(
        {
            "x": nodes.Input((), (4,)),
            "e": nodes.Embedding(("x",), table),
            "tanh": nodes.Tanh(("e",)),
            "out": dense("tanh", 2, 3),
        },
        "out",
    )
    x = RNG.integers(0, 7, (20, 4)).astype(float)
    converted = convert(graph, x, 64)
    assert converted.encode(x).shape == (20, 4, 1, 7)
    assert (converted.encode(x).sum(axis=-1) == 1).all()
    np.testing.assert_array_equal(converted.run(x).scores, converted.twin(x))
    assert relative(converted.twin(x), graph.run(x)) < 0.02


# ---- what is refused


def test_products_are_refused_unless_allowed():
    graph = image_network()
    x = RNG.normal(size=(5, 2, 6, 5))
    with pytest.raises(ConversionError, match=r'gated \(Multiply\).*allow=\("Multiply",\)'):
        convert(graph, x, allow=())
    for allow in (("product",), ("Multiply",), ["gated"]):
        assert convert(graph, x, allow=allow).network.populations.keys() >= {"gated"}
    recurring = sequence((nodes.LSTM, {}))
    with pytest.raises(ConversionError, match=r"cell0 \(LSTM\)"):
        convert(recurring, RNG.normal(size=(5, 5, 3)), allow=("Multiply",))


def test_what_spikes_already_is_refused():
    leaky = nodes.Leaky(("x",), np.array(0.9), np.array(1.0), "subtract", False)
    with pytest.raises(ConversionError, match=r"spiking \(Leaky\): spikes already"):
        convert(Graph({"x": nodes.Input((), (3,)), "spiking": leaky}, "spiking"), RNG.normal(size=(5, 3)))


@pytest.mark.parametrize(("allow", "named"), [(("LTSM",), "'LTSM'"), ("product", "'product'")])
def test_what_is_allowed_must_exist(allow, named):
    with pytest.raises(ValidationError, match=named):
        convert(image_network(), RNG.normal(size=(5, 2, 6, 5)), allow=allow)


def test_a_bias_too_large_for_its_weights_is_refused():
    graph = Graph(
        {"x": nodes.Input((), (2,)), "fc": nodes.Dense(("x",), np.full((1, 2), 1e-12), np.array([1e8]))}, "fc"
    )
    with pytest.raises(ConversionError, match=r"fc: has a bias of 1e\+08"):
        convert(graph, RNG.normal(size=(5, 2)))


def test_samples_are_checked():
    converted = convert(image_network(), RNG.normal(size=(5, 2, 6, 5)))
    with pytest.raises(ValidationError, match="samples must have shape"):
        converted.run(np.zeros((3, 2, 5, 6)))
    with pytest.raises(ValidationError, match="samples must be finite"):
        converted.twin(np.full((3, 2, 6, 5), np.nan))
    with pytest.raises(ValidationError, match="levels must be a positive integer"):
        convert(image_network(), RNG.normal(size=(5, 2, 6, 5)), levels=0)
