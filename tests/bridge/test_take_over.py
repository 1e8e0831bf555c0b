import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import ann
from ann.models import SoftResetLeaky
from bridge import ConversionError, TakenOver, ValidationError, convert, from_nir, take_over, to_nir, trace

STEPS = 12


def plain(beta, threshold=1.0, reset="subtract", **options):
    options = {"init_hidden": True, "reset_mechanism": reset, "reset_delay": False} | options
    return snntorch.Leaky(beta, threshold=threshold, **options)


def lattice(values, fineness):
    return torch.round(values * fineness) / fineness


def exact(*layers, seed, gain=1.0, fineness=2.0**20):
    """Make a network in float64 of weights that the simulator keeps as they are, whatever port they arrive at."""
    module, generator = nn.Sequential(*layers).double().eval(), torch.Generator().manual_seed(seed)
    for part in module:
        if isinstance(part, nn.Linear | nn.Conv2d):
            scale = gain / np.sqrt(part.weight[0].numel())
            drawn = torch.randn(part.weight.shape, generator=generator).double() * scale + 0.2 * scale
            part.weight.data = lattice(drawn.clamp(-0.99, 0.99), fineness)
            if part.bias is not None:
                drawn = torch.randn(part.bias.shape, generator=generator).double() * 0.2
                part.bias.data = lattice(drawn.clamp(-0.99, 0.99), fineness)
    return module


def inputs(shape, *, seed, strength=1.0, fineness=2.0**8, count=5):
    drawn = torch.randn((count, *shape), generator=torch.Generator().manual_seed(100 + seed)).double()
    return lattice(drawn * strength, fineness).numpy()


def torch_spikes(module, x):
    """Run a module step by step: for each layer whether each neuron fires, (steps, samples, ...)."""
    for part in module:
        if isinstance(part, SoftResetLeaky):
            part.reset()
        elif isinstance(part, snntorch.Leaky):
            part.reset_mem()
    spikes = {str(i): [] for i, part in enumerate(module) if isinstance(part, snntorch.Leaky | nn.MaxPool2d)}
    with torch.no_grad():
        for _ in range(STEPS):
            value = torch.as_tensor(x)
            for i, part in enumerate(module):
                value = part(value).double()  # spikes of snnTorch are float32
                if str(i) in spikes:
                    spikes[str(i)].append(value.numpy() > 0)
    return {name: np.stack(steps) for name, steps in spikes.items()}


def assert_weights_are_kept(simulation):
    program = simulation.program
    for projection in simulation.network.projections:
        weights = getattr(projection.rule, "weights", None)
        if weights is not None:
            node = program.names.index(projection.target.name)
            quanta = program.quanta[program.nodes.quantum[node] :][: program.nodes.ports[node] + 1]
            assert (np.mod(weights / quanta[0 if projection.delay else -1], 1.0) == 0.0).all()


def assert_same_spikes(module, x, least=0.02):
    taken = take_over(module, x, steps=STEPS)
    simulation = taken.simulation(len(x))
    assert_weights_are_kept(simulation)
    taken.encode(simulation, x)
    recording = simulation.run(float(taken.duration))
    expected = torch_spikes(module, x)
    assert [layer.name for layer in taken.layers] == list(expected)
    assert taken.duration == STEPS + len(expected) - 1
    for number, layer in enumerate(taken.layers):
        record = recording.spikes[layer.name]
        found = np.zeros((taken.duration + 1, len(x), *layer.shape), bool).reshape(taken.duration + 1, len(x), -1)
        found[record.steps, record.samples, record.neurons] = True
        assert not np.delete(found, range(number + 1, number + 1 + STEPS), axis=0).any()
        within = found[number + 1 : number + 1 + STEPS].reshape(STEPS, len(x), *layer.shape)
        np.testing.assert_array_equal(np.moveaxis(within, -1, 2), expected[layer.name])
        assert least < within.mean() < 0.98
    counts = expected[taken.layers[-1].name].sum(axis=0).reshape(len(x), -1)
    np.testing.assert_array_equal(taken.run(x, batch=2).scores, counts)
    return taken


# Every network has neurons of all resets and of different parameters, and so is of the types compiled for the first.


def own(low, high, size):
    return torch.linspace(low, high, size)


ORDERS = {
    "subtract": lambda: (SoftResetLeaky(0.9), plain(0.8), plain(0.95, 0.7), plain(0.5, 0.9, "zero")),
    "zero": lambda: (plain(0.6, 0.9, "zero"), plain(0.9, 1.3), plain(0.85, 0.8), SoftResetLeaky(0.7)),
    "soft": lambda: (SoftResetLeaky(1.0, 0.6), plain(0.9), plain(0.8, 1.1, "zero"), plain(0.7, 0.9)),
    "own parameters": lambda: (
        plain(own(0.3, 1.0, 9), own(0.5, 1.5, 9), "zero"),
        plain(own(0.2, 0.9, 8), own(0.5, 1.5, 8)),
        SoftResetLeaky(0.9),
        plain(own(1.0, 0.4, 5)),
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [1.0, 5.0])
@pytest.mark.parametrize("order", ORDERS)
def test_dense_networks_fire_the_same_spikes(order, strength, seed):
    a, b, c, d = ORDERS[order]()
    layers = nn.Linear(7, 9), a, nn.Linear(9, 8), b, nn.Linear(8, 6, bias=False), c, nn.Linear(6, 5), d
    assert_same_spikes(exact(*layers, seed=seed, gain=3.0), inputs((7,), seed=seed, strength=strength))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pool", [nn.AvgPool2d, nn.MaxPool2d])
def test_convolutional_networks_fire_the_same_spikes(pool, seed):
    module = exact(
        nn.Conv2d(2, 3, 3, padding=1),
        SoftResetLeaky(0.8),
        pool(2),
        nn.Conv2d(3, 4, (2, 3), stride=(1, 2), bias=False),
        plain(own(0.6, 0.9, 4)[:, None, None], 0.8),
        nn.MaxPool2d((2, 1)),
        nn.Flatten(),
        nn.Linear(4, 8),
        plain(0.7, 0.9, "zero"),
        nn.Linear(8, 5),
        plain(0.95),
        seed=seed,
        gain=3.0,
    )
    assert_same_spikes(module, inputs((2, 6, 7), seed=seed, strength=2.0))


@pytest.mark.parametrize("seed", range(4))
def test_a_potential_at_the_threshold_does_not_fire(seed):
    # Multiples of 1/4 meet the threshold exactly, over and over.
    neurons = SoftResetLeaky(0.5), plain(0.5, 0.75), plain(1.0, 0.5, "zero"), plain(1.0)
    linear = nn.Linear(4, 30), nn.Linear(30, 20), nn.Linear(20, 20), nn.Linear(20, 20)
    layers = [layer for pair in zip(linear, neurons, strict=True) for layer in pair]
    module = exact(*layers, seed=seed, gain=2.0, fineness=4.0)
    x = inputs((4,), seed=seed, fineness=2.0)
    assert_same_spikes(module, x)
    with torch.no_grad():
        assert (module[0](torch.as_tensor(x)) == 1.0).any()


def test_an_image_is_answered_in_the_order_of_the_module():
    module = exact(nn.Conv2d(1, 3, 2), SoftResetLeaky(0.8), seed=5, gain=3.0)
    taken = assert_same_spikes(module, inputs((1, 4, 5), seed=5))
    assert taken.layers[0].shape == (3, 4, 3)
    assert taken.thresholds == {}


def test_every_neuron_comes_with_its_own_reset():
    resets = {"soft": SoftResetLeaky(0.9), "subtract": plain(0.9), "zero": plain(0.9, reset="zero")}
    spikes = {}
    for reset, neuron in resets.items():
        module = nn.Sequential(nn.Linear(1, 1), neuron)
        assert trace(module, np.ones((1, 1))).nodes["1"].reset == reset
        # Three thresholds at once leave two: only the pure soft reset fires again in the next step.
        spikes[reset] = [neuron(torch.full((1, 1), x)).item() for x in (3.0, 0.0, 0.0)]
    assert spikes == {"soft": [1, 1, 0], "subtract": [1, 0, 0], "zero": [1, 0, 0]}


# Whole networks of `ann`, with the code of their input and their decision


SIZES = {"spiking-mlp": {"hidden": (9, 7)}, "spiking-cnn": {"channels": (3, 4)}, "spiking-rnn": {"hidden": 9}}


def built(name, **options):
    model = ann.build(name, (1, 8, 8), 4, seed=1, **SIZES[name], **options).double().eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if weight.ndim > 1:
                weight *= 3.0 if "recurrent" in key else 5.0
    return model


def spikes_of(model, x):
    """Run a network of `ann`: for each layer of neurons whether each fires, (steps, samples, neurons), and scores."""
    spikes, hooks = {}, []
    for name, layer in model.body.named_modules():
        if isinstance(layer, SoftResetLeaky):
            told = spikes.setdefault(name.removesuffix(".neurons"), [])
            hooks.append(layer.register_forward_hook(lambda _, __, fired, told=told: told.append(fired)))
    with torch.no_grad():
        scores = model(torch.as_tensor(x)).numpy()
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(told).numpy() > 0 for name, told in spikes.items()}, scores


@pytest.mark.parametrize("jump", [0.0, 0.3])
@pytest.mark.parametrize("encoding", ["direct", "rate", "latency", "delta"])
@pytest.mark.parametrize("name", SIZES)
def test_networks_of_ann_fire_the_same_spikes(name, encoding, jump):
    model, x = built(name, encoding=encoding, jump=jump), np.random.default_rng(2).uniform(0, 1, (3, 1, 8, 8))
    taken = take_over(model, x)
    expected, scores = spikes_of(model, x)
    recording = taken.simulate(taken.simulation(len(x)), x)
    layers = [layer for layer in taken.layers if layer.kind == "neurons"]
    assert [layer.name for layer in layers] == list(expected)
    for layer in layers:
        record = recording.spikes[layer.name]
        found = np.zeros((taken.duration + 1, len(x), *layer.shape), bool).reshape(taken.duration + 1, len(x), -1)
        found[record.steps, record.samples, record.neurons] = True
        told = found[layer.first : layer.last + 1].reshape(model.steps, len(x), *layer.shape)
        np.testing.assert_array_equal(np.moveaxis(told, -1, 2), expected[layer.name])
        assert 0.01 < told.mean() < 0.99
        assert found.sum() == told.sum()
    np.testing.assert_allclose(taken.run(x, batch=2).scores, scores, rtol=1e-6, atol=1e-6)


def test_a_threshold_that_adapts_and_a_neuron_that_hears_itself_matter():
    x = np.random.default_rng(2).uniform(0, 1, (3, 1, 8, 8))
    counts = [take_over(built("spiking-rnn", jump=jump), x).run(x).spikes.sum() for jump in (0.0, 0.3)]
    alone = built("spiking-rnn")
    with torch.no_grad():
        alone.body.leaky.recurrent.weight.zero_()
    assert len({*counts, take_over(alone, x).run(x).spikes.sum()}) == 3


def test_the_first_spike_decides_where_it_did():
    model = built("spiking-mlp", encoding="latency", decision="first-spike", steps=6)
    x = np.random.default_rng(3).uniform(0, 1, (5, 1, 8, 8))
    taken = take_over(model, x[:1])
    assert isinstance(taken, TakenOver)
    scores = taken.run(x).scores
    np.testing.assert_array_equal(scores, spikes_of(model, x)[1])
    assert len(np.unique(scores)) > 2
    with pytest.raises(ValidationError, match="changes from step to step"):
        taken.encode(taken.simulation(len(x)), x)


def test_tokens_are_read_through_their_embedding():
    model = ann.build("spiking-rnn", (5,), 3, hidden=9, vocabulary=7, seed=1).double().eval()
    with torch.no_grad():
        model.body.forwards.weight *= 5
    x = np.random.default_rng(4).integers(0, 7, (4, 5))
    with torch.no_grad():
        np.testing.assert_allclose(take_over(model, x).run(x).scores, model(torch.as_tensor(x)).numpy(), rtol=1e-6)


def test_a_network_that_hears_itself_comes_back_from_nir_and_an_adaptive_one_is_refused(tmp_path):
    x = np.random.default_rng(2).uniform(0, 1, (3, 1, 8, 8))
    taken = take_over(built("spiking-rnn"), x)
    to_nir(taken, tmp_path / "net.nir")
    again = from_nir(tmp_path / "net.nir").run(np.moveaxis(taken.given(x), 0, 1))
    np.testing.assert_array_equal(again.output[:, -1], taken.run(x).scores)
    with pytest.raises(ConversionError, match=r"leaky \(DiscreteAdaptiveLIF\): has no counterpart in NIR"):
        to_nir(take_over(built("spiking-rnn", jump=0.3), x), tmp_path / "net.nir")


# Refusals


def network(*layers):
    return nn.Sequential(nn.Linear(4, 3), *layers)


class Own(SoftResetLeaky):
    def forward(self, input_):
        return 2.0 * super().forward(input_)


class Late(snntorch.Leaky):
    def forward(self, input_):
        return super().forward(0.5 * input_)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (network(), r"0 \(Dense\): has no spiking neuron before it and is none"),
        (network(nn.ReLU()), r"1 \(ReLU\): has no spiking neuron"),
        (ann.SelfConnected(Own(), 4), r"SelfConnected\): is made of Own"),
        (network(plain(0.9, reset_delay=True)), r"1 \(Leaky\): resets one step after its spike"),
        (network(nn.ReLU(), nn.Linear(3, 2), plain(0.9)), r"1 \(ReLU\): is an activation among spiking neurons"),
        (network(Own()), r"1 \(Own\): has no counterpart"),
        (network(Late(0.9, init_hidden=True)), r"1 \(Late\): has no counterpart"),
    ],
)
def test_refuses_by_name(module, says):
    with pytest.raises(ConversionError, match=says):
        take_over(module, np.ones((2, 4)), steps=4)


def test_a_state_that_goes_along_is_refused_with_what_would_do():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 3), snntorch.Leaky(0.9)

        def forward(self, x):
            return self.lif(self.fc(x), self.lif.init_leaky())[0]

    with pytest.raises(ConversionError, match=r"lif \(Leaky\): is given its state. Use init_hidden=True"):
        take_over(Loop(), np.ones((2, 4)), steps=4)


def test_a_spiking_network_is_not_converted():
    with pytest.raises(ConversionError, match=r"SpikingNetwork: spikes already. Use bridge.take_over"):
        convert(ann.build("spiking-mlp", (4,), 2), np.ones((2, 4)))


def test_steps_belong_to_a_time_step_and_not_to_a_whole_network():
    with pytest.raises(ValidationError, match="steps must be given"):
        take_over(network(plain(0.9)), np.ones((2, 4)))
    with pytest.raises(ValidationError, match=r"steps must be left out, not 4: .* its own, 8"):
        take_over(built("spiking-mlp"), np.ones((1, 1, 8, 8)), steps=4)


@pytest.mark.parametrize("steps", [True, 0, -1, 2.5])
def test_refuses_steps(steps):
    with pytest.raises(ValidationError, match="steps must be a positive integer"):
        take_over(network(plain(0.9)), np.ones((2, 4)), steps=steps)


@pytest.mark.parametrize("x", [np.full((1, 4), np.nan), np.ones((0, 4)), np.ones((2, 5)), np.ones(4)])
def test_refuses_samples(x):
    with pytest.raises(ValidationError):
        take_over(network(plain(0.9)), x, steps=4)
