from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
import snntorch
import torch
from reference_nir import Account
from torch import nn

import ann
import bridge
import snn
from ann.models import SoftResetLeaky
from bridge import ConversionError, Graph, RateOptions, ValidationError
from bridge.nodes import Add, Conv2d, Input, ReLU
from bridge.rate import convert_by_rate

DATA = Path(__file__).parents[3] / "shared" / "data" / "nir"
needs_files = pytest.mark.skipif(not DATA.is_dir(), reason=f"the NIR files are not in {DATA}")
STEPS = 25


def drawn(seed):
    rng = np.random.default_rng(seed)
    return lambda *shape, low=-1.0, high=1.0: rng.uniform(low, high, shape)


def lif(draw, *shape, rest=0.0):
    low, high = {"low": 0.8, "high": 1.2}, {"low": 2.0, "high": 6.0}
    return nir.LIF(draw(*shape, **high), draw(*shape, **high), np.full(shape, rest), draw(*shape, **low) + rest)


def cuba(draw, *shape, rest=0.0):
    taus = (draw(*shape, low=1.5, high=6.0) for _ in range(2))
    r, v_threshold = draw(*shape, low=2.0, high=5.0), draw(*shape, low=0.8, high=1.2) + rest
    reset, w_in = draw(*shape, low=-0.3, high=0.2) + rest, draw(*shape, low=1.0, high=3.0)
    return nir.CubaLIF(*taus, r, np.full(shape, rest), v_threshold, reset, w_in)


def all_nodes(seed):
    """Every type of node, ways that skip populations, and images whose axes all differ."""
    draw = drawn(seed)
    zero, one = np.zeros(2, int), np.ones(2, int)
    nodes = {
        "in": nir.Input({"input": np.array([2, 7, 6])}),
        "conv": nir.Conv2d(None, draw(4, 1, 3, 2), (2, 1), (1, 0), (1, 2), 2, draw(4)),  # (4, 4, 4)
        "lif": lif(draw, 4, 4, 4, rest=0.3),
        "sum": nir.SumPool2d(np.array([2, 1]), np.array([2, 1]), zero),
        "conv2": nir.Conv2d(None, draw(3, 4, 2, 3) / 3, 1, (0, 1), 1, 1, draw(3) / 9),  # (3, 1, 4)
        "late": nir.Delay(np.arange(12).reshape(3, 1, 4) % 3 * 0.5),
        "cuba": cuba(draw, 3, 1, 4, rest=-0.2),
        "flat": nir.Flatten({"input": np.array([3, 1, 4])}, 0, -1),
        "affine": nir.Affine(draw(5, 12), draw(5) / 4),
        "if": nir.IF(draw(5, low=0.5), np.ones(5), np.zeros(5)),
        "average": nir.AvgPool2d(np.array([2, 2]), one, zero),
        "flat2": nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1),
        "linear": nir.Linear(draw(5, 36)),
        "flat3": nir.Flatten({"input": np.array([2, 7, 6])}, 0, -1),
        "linear2": nir.Linear(draw(5, 84) / 30),
        "scale": nir.Scale(draw(5)),
        "threshold": nir.Threshold(draw(5, low=-0.1, high=0.5)),
        "li": nir.LI(draw(5, low=1.0, high=4.0), draw(5), draw(5)),
        "level": nir.Threshold(draw(5)),
        "i": nir.I(draw(5)),
        "cubali": nir.CubaLI(*(draw(5, low=1.0, high=4.0) for _ in range(2)), draw(5), draw(5), draw(5)),
        **{name: nir.Output({"output": np.array([5])}) for name in ("spikes", "levels", "potentials", "sums")},
    }
    chains = (
        "in conv lif sum conv2 late cuba flat affine if spikes",
        "lif average flat2 linear if",
        "in flat3 linear2 if",
        "if scale threshold levels",
        "if li level levels",
        "li potentials",
        "if i scale2 sums",
        "if cubali sums",
    )
    nodes["scale2"] = nir.Scale(draw(5))
    return nir.NIRGraph(nodes, edges(chains), type_check=False), (2, 7, 6)


def cycles(seed):
    """Two populations in a cycle, one of them with one of its own, delays of several steps, sequences."""
    draw = drawn(seed)
    nodes = {
        "in": nir.Input({"input": np.array([2, 6])}),
        "conv": nir.Conv1d(None, draw(3, 2, 3), 1, "same", 1, 1, draw(3, low=0.0)),
        "flat": nir.Flatten({"input": np.array([3, 6])}, 0, -1),
        "forth": nir.Linear(draw(4, 18, low=-0.5)),
        "b": lif(draw, 4),
        "a": cuba(draw, 3, 6),
        "back": nir.Affine(3 * draw(18, 4, low=-0.5), draw(18) / 10),
        "c": lif(draw, 18),
        "delay": nir.Delay(np.tile([0.0, 1.5, 0.5], 6)),
        "again": nir.Linear(draw(4, 4)),
        "pair": nir.Linear(draw(4, 18)),
        "li": nir.LI(draw(4, low=1.0, high=4.0), draw(4), draw(4)),
        "level": nir.Threshold(draw(4)),
        "out": nir.Output({"output": np.array([4])}),
    }
    chains = ("in conv a flat forth b out", "b back delay c pair b", "b again b", "b li level again")
    return nir.NIRGraph(nodes, edges(chains), type_check=False), (2, 6)


def edges(chains):
    return [pair for chain in chains for pair in zip(chain.split(), chain.split()[1:], strict=False)]


def assert_as_accounted_for(source, graph, x, dt, **options):
    """Run samples; every spike, and every value of the outputs, is that of the plain account."""
    imported = bridge.from_nir(source, dt=dt, **options)
    activity, fired = imported.run(x), 0
    for sample, course in enumerate(x):
        account = Account(graph, course, dt, **options)
        for name, spikes in activity.spikes.items():
            np.testing.assert_array_equal(spikes[sample], np.stack(account.said[name]) > 0, err_msg=name)
            fired += spikes[sample].sum()
        for name, values in account.outputs.items():
            np.testing.assert_allclose(activity.outputs[name][sample], values, rtol=0, atol=1e-6, err_msg=name)
    return imported, fired


@pytest.mark.parametrize("make", [all_nodes, cycles])
@pytest.mark.parametrize("method", ["exact", "euler", "semi-implicit"])
def test_graphs_do_what_their_equations_say(make, method):
    graph, shape = make(seed=3)
    x = np.random.default_rng(0).uniform(-1.0, 2.0, (1, STEPS, *shape))
    _, fired = assert_as_accounted_for(graph, graph, x, 0.5, method=method, v_initial=0.1)
    assert fired > 75


# The files of other tools


def files(*names):
    return [pytest.param(DATA / f"{name}.nir", id=name) for name in names]


RECURRENT = files("braille_noDelay_bias_zero", "braille_noDelay_noBias_subtract")
LEAKY = files("lif_norse", "lif_rockpool", "two_lif_neurons", "snntorch1_subtract_vec", "snntorch1_zero_vec")


@needs_files
@pytest.mark.parametrize("path", [*RECURRENT, *LEAKY, *files("cnn_sinabs")])
def test_files_of_other_tools_do_what_their_equations_say(path):
    reset = "delayed" if "subtract" in path.stem else "soft" if "sinabs" in path.stem else "hard"
    sinabs = path.stem == "cnn_sinabs"
    graph = nir.read(path, type_check=path.stem != "lif_rockpool")
    (shape,) = (tuple(node.input_type["input"]) for node in graph.nodes.values() if isinstance(node, nir.Input))
    x = 4.0 * (np.random.default_rng(0).random((1, 5 if sinabs else 60, *shape)) < 0.3)
    imported, fired = assert_as_accounted_for(path, graph, x, 1.0 if sinabs else 1e-4, reset=reset)
    # Nothing reaches the second of the two neurons with its threshold of 20.
    assert fired > 10 or path.stem == "two_lif_neurons"
    assert f'reset = "{reset}"' in str(imported)


@needs_files
@pytest.mark.parametrize(
    "path", files("braille_noDelay_bias_zero_subgraph", "braille_noDelay_noBias_subtract_subgraph")
)
def test_files_whose_edges_lead_nowhere_are_refused(path):
    with pytest.raises(ConversionError, match=r"lif1 \(NIRGraph\): has an edge input -> lif, but no node lif"):
        bridge.from_nir(path, dt=1e-4)


@needs_files
@pytest.mark.parametrize(
    ("mechanism", "delay", "reset"),
    [("zero", False, "hard"), ("subtract", True, "delayed"), ("subtract", False, "retested")],
)
def test_files_of_snntorch_do_what_snntorch_does(mechanism, delay, reset):
    path = DATA / f"snntorch1_{mechanism}_vec.nir"
    graph, x = nir.read(path), np.random.default_rng(1).normal(0.3, 1.0, (6, 50, 8))
    layers = []
    for linear, neurons in (("0", "1"), ("2", "3")):
        weight, bias = (torch.as_tensor(getattr(graph.nodes[linear], name)).double() for name in ("weight", "bias"))
        beta = torch.as_tensor(1.0 - 1e-4 / graph.nodes[neurons].tau.astype(float))
        neuron = snntorch.Leaky(beta, reset_mechanism=mechanism, reset_delay=delay).double()
        layers.append((weight, bias, neuron))
    potentials, said = [torch.zeros(6, 6).double(), torch.zeros(6, 3).double()], []
    for value in torch.as_tensor(x).transpose(0, 1):
        for i, (weight, bias, neuron) in enumerate(layers):
            value, potentials[i] = neuron(value @ weight.T + bias, potentials[i])
            value = value.double()
        said.append(value.numpy())
    found = bridge.from_nir(path, dt=1e-4, method="euler", reset=reset).run(x)
    np.testing.assert_array_equal(found.output, np.stack(said, axis=1))
    assert found.output.sum() > 100


# Nested graphs


def perceptron(draw=None):
    draw = draw or drawn(5)
    nodes = {
        "in": nir.Input({"input": np.array([6])}),
        "w": nir.Affine(draw(4, 6), draw(4)),
        "n": lif(draw, 4),
        "out": nir.Output({"output": np.array([4])}),
    }
    return nir.NIRGraph(nodes, edges(["in w n out"]), type_check=False)


def test_nested_graphs_are_taken_apart():
    flat, inner = perceptron(), perceptron()
    outer = {name: nir.Scale(np.full(size, 1.0)) for name, size in (("first", 6), ("last", 4))}
    outer |= {"sub": inner, "in": nir.Input({"input": np.array([6])}), "out": nir.Output({"output": np.array([4])})}
    nested = nir.NIRGraph(outer, edges(["in first sub last out"]), type_check=False)
    x = np.random.default_rng(0).uniform(-1.0, 2.0, (2, STEPS, 6))
    one, other = (bridge.from_nir(graph, dt=0.5).run(x) for graph in (flat, nested))
    np.testing.assert_array_equal(one.output, other.output)
    np.testing.assert_array_equal(one.spikes["n"], other.spikes["sub.n"])
    assert one.output.sum() > 10


def test_constant_input_is_given_once():
    imported = bridge.from_nir(perceptron(), dt=0.5)
    x = np.random.default_rng(0).uniform(-1.0, 2.0, (3, 6))
    whole = imported.run(np.repeat(x[:, None], STEPS, axis=1))
    np.testing.assert_array_equal(imported.run(x, steps=STEPS).output, whole.output)


# Our own networks, there and back


def plain(beta, threshold=1.0, reset="subtract"):
    return snntorch.Leaky(beta, threshold=threshold, init_hidden=True, reset_mechanism=reset, reset_delay=False)


def seeded(*layers, seed=0, gain=1.0):
    module, generator = nn.Sequential(*layers).double().eval(), torch.Generator().manual_seed(seed)
    for part in module.modules():
        for parameter in part.parameters(recurse=False) if isinstance(part, nn.Linear | nn.Conv2d | nn.Conv1d) else []:
            width = part.weight[0].numel() ** 0.5
            parameter.data = torch.randn(parameter.shape, generator=generator).double() * gain / width
    return module


def assert_comes_back(converted, x, path):
    """Write and read a network; every spike and every answer is as before."""
    bridge.to_nir(converted, path)
    imported = bridge.from_nir(path)
    found, expected = imported.run(x), converted.run(x)
    np.testing.assert_array_equal(found.output.reshape(expected.course.shape), expected.course)
    simulation = converted.simulation(batch=len(x))
    converted.encode(simulation, x)
    recording, total = simulation.run(float(converted.duration)), 0
    for layer in converted.layers:
        if layer.kind != "readout":
            record, spikes = recording.spikes[layer.name], found.spikes[layer.name]
            said = np.zeros((len(x), converted.steps, int(np.prod(layer.shape))), np.bool_)
            said[record.samples, record.steps - layer.first, record.neurons] = True
            np.testing.assert_array_equal(np.moveaxis(spikes, 2, -1).reshape(said.shape), said, err_msg=layer.name)
            total += said.sum()
    assert total > 100
    return imported


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_converted_networks_come_back_spike_for_spike(name, tmp_path):
    data = ann.load("digits")
    module = ann.build(name, data.shape, data.n_classes)
    converted = bridge.convert(module, data.x_train[:50], steps=8)
    imported = assert_comes_back(converted, data.x_test[:20].astype(np.float64), tmp_path / "net.nir")
    assert imported.steps == 8
    graph = nir.read(tmp_path / "net.nir")  # with its type check: other tools can read it
    assert tuple(graph.nodes["output"].output_type["output"]) == (10,)


def drawn_normal(*shape, seed):
    return np.random.default_rng(seed).normal(0.0, 0.5, shape)


def residual():
    """Shortcuts over a layer and from the input, whose current begins late there, and images as output."""
    nodes = {
        "x": Input((), (2, 4, 5)),
        "c1": Conv2d(("x",), drawn_normal(3, 2, 3, 3, seed=1), drawn_normal(3, seed=2), padding=(1, 1)),
        "r1": ReLU(("c1",)),
        "c2": Conv2d(("r1",), drawn_normal(3, 3, 1, 3, seed=3), drawn_normal(3, seed=4), padding=(0, 1)),
        "s2": Conv2d(("x",), drawn_normal(3, 2, 1, 1, seed=5), drawn_normal(3, seed=6)),
        "a2": Add(("c2", "r1")),
        "b2": Add(("a2", "s2")),
        "r2": ReLU(("b2",)),
    }
    return Graph(nodes, "r2")


def test_what_skips_layers_and_images_as_output_come_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(10, 2, 4, 5))
    assert_comes_back(convert_by_rate(residual(), residual(), x, 6, RateOptions()), x, tmp_path / "net.nir")


class Grouped(nn.Module):
    """Depthwise, grouped and dilated convolutions, and a concatenation of two of them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.depthwise = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4)
        self.grouped = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.dilated = nn.Conv2d(10, 3, 2, dilation=2)
        self.last = nn.Linear(3, 3)

    def forward(self, x):
        x = self.first(x).relu()
        x = torch.cat([self.depthwise(x).relu(), self.grouped(x).relu()], 1)
        return self.last(self.dilated(x).relu().flatten(1))


def test_grouped_and_dilated_convolutions_and_concatenations_come_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(10, 2, 6, 6))
    torch.manual_seed(1)
    converted = bridge.convert(Grouped().double().eval(), x, steps=6)
    assert_comes_back(converted, x, tmp_path / "net.nir")
    # nir 1.0.8 takes the second axis of a weight for all input channels, of which groups have a part each.
    written = nir.read(tmp_path / "net.nir", type_check=False).nodes.values()
    convolutions = [(int(one.groups), *one.dilation) for one in written if isinstance(one, nir.Conv2d)]
    assert sorted(convolutions)[-2:] == [(2, 1, 1), (4, 1, 1)]
    assert (1, 2, 2) in convolutions


# `to_nir` makes sure that what comes back is the same network; these are not run.


def test_max_pooling_and_hard_resets_come_back(tmp_path):
    module = seeded(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 3),
    )
    x = np.random.default_rng(0).normal(size=(10, 2, 6, 6))
    for options in (RateOptions(), RateOptions(reset="hard", initial_charge=0.25, wait=2)):
        converted = bridge.convert(module, x, steps=6, options=options)
        notes = bridge.to_nir(converted, tmp_path / "net.nir")
        assert any("maximum" in note for note in notes)
        assert same_network(bridge.from_nir(tmp_path / "net.nir").network, converted.network)


def same_network(one, other):
    """Whether two networks consist of the same neurons, in the same state, with the same rules."""
    return one.populations.keys() == other.populations.keys() and all(
        vars(a.model) == vars(b.model) and (a.initial, a.active, a.shape) == (b.initial, b.active, b.shape)
        for a, b in zip(one.populations.values(), other.populations.values(), strict=True)
    )


def own_parameters(low, high, size):
    return torch.linspace(low, high, size)


def test_snntorch_s_resets_and_factors_come_back(tmp_path):
    module = seeded(
        nn.Conv2d(2, 3, 3, padding=1),
        SoftResetLeaky(0.8),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, (2, 3), stride=(1, 2), bias=False),
        plain(own_parameters(0.6, 1.0, 4)[:, None, None], 0.8),
        nn.Flatten(),
        nn.Linear(8, 8),
        plain(0.0, 0.9, "zero"),
        nn.Linear(8, 5),
        plain(own_parameters(1.0, 0.4, 5)),
        gain=3.0,
    )
    taken = bridge.take_over(module, np.ones((1, 2, 6, 7)), steps=20)
    bridge.to_nir(taken, tmp_path / "net.nir")
    found = bridge.from_nir(tmp_path / "net.nir").network
    for name, population in taken.network.populations.items():
        for field, value in vars(population.model).items():
            np.testing.assert_array_equal(getattr(found.populations[name].model, field), value)


def test_trained_spiking_models_come_back(tmp_path):
    data = ann.load("digits")
    module = ann.build("spiking-mlp", data.shape, data.n_classes, hidden=(16,)).double()
    taken = bridge.take_over(module.body, data.x_test[:1], steps=10)
    assert_comes_back(taken, data.x_test[:20].astype(np.float64), tmp_path / "net.nir")


def test_without_metadata_a_network_is_what_others_read(tmp_path):
    path, layers = tmp_path / "net.nir", (nn.Linear(6, 9), plain(0.9, 1.0, "zero"), nn.Linear(9, 5))
    module = seeded(*layers, plain(0.8, 0.9, "zero"), gain=3.0)
    x = np.random.default_rng(0).normal(size=(10, 6))
    bridge.to_nir(bridge.take_over(module, x, steps=20), path)
    # Hard resets from 0 are all that NIR needs to be told: forward Euler gives snnTorch's spikes.
    found = bridge.from_nir(path, metadata=False, dt=1e-4, method="euler").run(x, steps=20)
    said = []
    with torch.no_grad():
        for _ in range(20):
            value = torch.as_tensor(x)
            for part in module:
                value = part(value).double()  # spikes of snnTorch are float32
            said.append(value.numpy())
    np.testing.assert_array_equal(found.output, np.stack(said, axis=1))
    assert found.output.sum() > 50


# What is refused


def test_a_file_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "net.nir"
    x = np.random.default_rng(0).normal(size=(10, 6))
    bridge.to_nir(bridge.convert(seeded(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)), x, steps=4), path)
    written = path.read_bytes()
    for place, index, value in (
        ("node/nodes/1.weight/weight", (0, 0), 2.0),
        ("node/nodes/1/metadata/allornone/initial/v", (), 0.25),
        ("node/metadata/allornone/steps", (), 5),
    ):
        path.write_bytes(written)
        with h5py.File(path, "r+") as file:
            file[place][index] = value
        with pytest.raises(ConversionError, match="the graph: was changed since allornone wrote it"):
            bridge.from_nir(path)
    bridge.from_nir(path, metadata=False, dt=1.0)
    with h5py.File(path, "r+") as file:
        file["node/metadata/allornone/version"][()] = 2
    with pytest.raises(ConversionError, match="version 2"):
        bridge.from_nir(path)


def test_networks_without_counterpart_are_not_written(tmp_path):
    x = np.random.default_rng(0).random((10, 6))
    module = seeded(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2))
    converted = bridge.convert(module, x, steps=4, options=RateOptions(input="poisson"))
    with pytest.raises(ConversionError, match=r"\(Poisson\): is not a constant current"):
        bridge.to_nir(converted, tmp_path / "net.nir")
    with pytest.raises(ConversionError, match=r"\((Quantizer|Staircase)\): says integers with a sign"):
        bridge.to_nir(bridge.convert(module, x, method="event"), tmp_path / "net.nir")
    with pytest.raises(ValidationError, match="converted must be"):
        bridge.to_nir(snn.Network(), tmp_path / "net.nir")
    with pytest.raises(bridge.BridgeError, match="cannot write"):
        bridge.to_nir(bridge.convert(module, x, steps=4), tmp_path / "no folder" / "net.nir")
    assert not list(tmp_path.iterdir())


def changed(**nodes):
    graph = perceptron()
    graph.nodes.update(nodes)
    return graph


def with_edges(*chains):
    graph = perceptron()
    graph.edges = edges(chains)
    return graph


def spoilt(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (changed(w=nir.Affine(spoilt(np.ones((4, 6)), np.nan), np.ones(4))), r"w \(Affine\): has weight\[3, 5\] = nan"),
        (changed(w=nir.Affine(np.ones((4, 5)), np.ones(4))), r"w \(Affine\): receives shape \(6,\)"),
        (changed(w=nir.Linear(np.ones((3, 6)))), r"n \(LIF\): takes shape \(4,\) and receives \(3,\) from w"),
        (changed(w=nir.Affine(np.ones((4, 6)), np.ones(3))), r"w \(Affine\): has a bias of shape \(3,\)"),
        (changed(n=nir.IF(np.ones(4), spoilt(np.ones(4), np.inf))), r"n \(IF\): has v_threshold\[3\] = inf"),
        (changed(n=nir.LI(np.zeros(4), np.ones(4), np.ones(4))), r"n \(LI\): has tau = 0\. It must be above 0"),
        (changed(n=nir.Delay(-np.ones(4))), r"n \(Delay\): has delay = -1"),
        (changed(n=nir.Delay(np.full(4, 0.7))), r"waits 0\.7, which is 1\.4 steps .* 0\.5"),
        (changed(out=nir.Output({"output": np.array([5])})), r"out \(Output\): declares shape \(5,\) and receives"),
        (with_edges("in w n out", "n other"), r"the graph: has an edge n -> other, but no node other"),
        (with_edges("in w n out", "in w"), r"the graph: has the edge in -> w twice"),
        (with_edges("in w n"), r"out \(Output\): receives nothing"),
        (with_edges("in w n out w"), r"out \(Output\): is at the wrong end"),
        (with_edges("in w w n out"), r"w \(Affine\): (is in a cycle without neurons|receives)"),
    ],
)
def test_malformed_graphs_are_refused_by_name(graph, says):
    with pytest.raises(ConversionError, match=says):
        bridge.from_nir(graph, dt=0.5)


def test_voltages_lead_to_outputs_only():
    graph = changed(n=nir.LI(np.ones(4), np.ones(4), np.ones(4)), m=nir.IF(np.ones(4), np.ones(4)))
    graph.edges = edges(["in w n m out"])
    with pytest.raises(ConversionError, match=r"n \(LI\): says its voltage to m \(IF\)"):
        bridge.from_nir(graph, dt=0.5)


def test_resets_that_a_neuron_cannot_have_are_refused():
    draw = drawn(0)
    with pytest.raises(ConversionError, match=r"n \(CubaLIF\): is current-based"):
        bridge.from_nir(changed(n=cuba(draw, 4)), dt=0.5, reset="retested")
    forgets = nir.LIF(*np.full((2, 4), 0.5), np.zeros(4), np.ones(4))
    with pytest.raises(ConversionError, match=r"n \(LIF\): keeps nothing of v"):
        bridge.from_nir(changed(n=forgets), dt=0.5, method="euler", reset="delayed")


def test_a_step_that_is_too_long_is_refused():
    with pytest.raises(ConversionError, match=r"n \(LIF\): has tau = .*, below dt = 50"):
        bridge.from_nir(perceptron(), dt=50.0, method="euler")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "dt must be given, in the file's unit of time.*shortest time constant is 2"),
        ({"dt": -1.0}, "dt must be a number above 0"),
        ({"dt": 0.5, "reset": "late"}, "reset must be 'hard' or 'soft' or"),
        ({"dt": 0.5, "method": "rk4"}, "method must be 'exact' or"),
        ({"dt": 0.5, "v_initial": {"m": 0.0}}, "v_initial must name nodes with neurons, n, not 'm'"),
        ({"dt": 0.5, "v_initial": np.nan}, "v_initial must be finite"),
    ],
)
def test_arguments_are_refused_by_name(options, says):
    with pytest.raises(ValidationError, match=says):
        bridge.from_nir(perceptron(), **options)


@pytest.mark.parametrize(
    ("x", "steps", "says"),
    [
        (np.ones((2, 6)), None, "steps must be given"),
        (np.ones((2, 3, 6)), 4, "has 3 steps, not 4"),
        (np.ones((2, 7)), 4, "must have shape"),
        (np.full((2, 6), np.nan), 4, "must be finite"),
        ({"out": np.ones((2, 6))}, 4, "an array for each input, in"),
    ],
)
def test_samples_are_refused(x, steps, says):
    with pytest.raises(ValidationError, match=says):
        bridge.from_nir(perceptron(), dt=0.5).run(x, steps=steps)


def test_what_is_not_a_nir_file_is_refused(tmp_path):
    path = tmp_path / "file"
    for given in (path, 5):
        with pytest.raises(ValidationError, match="path must be that of a NIR file"):
            bridge.from_nir(given, dt=1.0)
    path.write_bytes(b"nothing")
    with pytest.raises(ValidationError, match="is not HDF5"):
        bridge.from_nir(path, dt=1.0)
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(ConversionError, match=r"node, .* is not in .*, which holds weights"):
        bridge.from_nir(path, dt=1.0)
    for spoil, says in (
        (lambda nodes: nodes["w"].pop("weight"), r"w \(Affine\): has no weight"),
        (lambda nodes: nodes["w"].pop("type"), "w: has no type"),
        (lambda nodes: nodes["w"].update(type="Attention"), r"w \(Attention\): is of a type that is not known"),
        (lambda nodes: nodes["w"].update(weight="seven"), "has weight = 'seven'. It must be numbers"),
        (lambda nodes: nodes.clear(), "the graph: has no nodes"),
    ):
        graph = perceptron().to_dict()
        spoil(graph["nodes"])
        write(path, graph)
        with pytest.raises(ConversionError, match=says):
            bridge.from_nir(path, dt=1.0)
    nir.write(path, perceptron())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(bridge.BridgeError):
        bridge.from_nir(path, dt=1.0)


def write(path, graph):
    """Write nested dictionaries as `nir.write` writes graphs, which it would not make of spoilt ones."""

    def add(group, content):
        for name, value in content.items():
            if isinstance(value, dict):
                add(group.create_group(name), value)
            else:
                group.create_dataset(name, data=value)

    with h5py.File(path, "w") as file:
        add(file.create_group("node"), graph)
