"""Recurrent networks of rectifiers, by rate: one population that says a sequence step after step, or one a step."""

import numpy as np
import pytest
import torch
from torch import nn

import ann
import bridge
from bridge import ConversionError, RateOptions, ValidationError

LENGTH, FEATURES, HIDDEN = 5, 3, 10


class Classifier(nn.Module):
    def __init__(self, kind=nn.RNN, layers=1, last=True, **options):
        super().__init__()
        torch.manual_seed(0)
        self.recurrent = kind(FEATURES, HIDDEN, layers, batch_first=True, **options)
        self.read = nn.Linear(HIDDEN if last else LENGTH * HIDDEN, 4)
        self.last = last

    def forward(self, x):
        said = self.recurrent(x)[0]
        return torch.log_softmax(self.read(said[:, -1] if self.last else said.flatten(1)), dim=1)


class Around(nn.Module):
    """A recurrent network with something before it, and something after it."""

    def __init__(self, before=None, after=None, width=FEATURES, **options):
        super().__init__()
        torch.manual_seed(1)
        self.before = before or nn.Identity()
        self.recurrent = nn.RNN(width, HIDDEN, batch_first=True, nonlinearity="relu", **options)
        self.after = after or (lambda own, said: said)
        self.out = nn.Linear(HIDDEN * (2 if options.get("bidirectional") else 1), 4)
        self.more = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x):
        return self.after(self, self.recurrent(self.before(x))[0])


def sequences(count, seed=0):
    return np.random.default_rng(seed).normal(0.0, 1.5, (count, LENGTH, FEATURES))


def answers(module, x):
    return module.double()(torch.tensor(x)).detach().numpy().reshape(len(x), -1)


def verdict(converted):
    return next(v.reason for v in converted.report.nodes if v.kind == "RNN")


# ---- one population


class Sequence(nn.Module):
    """Answers of a readout at every step, with weights that have few digits."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(3)
        self.recurrent = nn.RNN(FEATURES, 4, batch_first=True, nonlinearity="relu")
        self.read = nn.Linear(4, 2)
        for parameter in self.parameters():
            parameter.data = torch.tensor(random.integers(-40, 60, tuple(parameter.shape)) / 64.0)

    def forward(self, x):
        return self.read(self.recurrent(x)[0])


def reference(module, x, theta, steps):
    """Return spikes of the recurrent population, and what the readout has summed, in every step of one sample."""
    weights = {name: value.detach().numpy() for name, value in module.named_parameters()}
    w, u = weights["recurrent.weight_ih_l0"] / theta, weights["recurrent.weight_hh_l0"]
    bias = (weights["recurrent.bias_ih_l0"] + weights["recurrent.bias_hh_l0"]) / theta
    integrated, to_fire, spikes = np.full(4, 0.5), np.zeros(4), np.zeros(4)
    read, fired, summed = np.zeros(2), [], []
    for k in range(1, (len(x) + 1) * steps + 1):
        window = (k - 1) // steps
        if (k - 1) % steps == 0:
            integrated, read = np.full(4, 0.5), np.zeros(2)
        integrated = integrated + u @ spikes
        if window < len(x):
            integrated = integrated + w @ x[window] + bias
        read = read + theta * weights["read.weight"] @ spikes + weights["read.bias"]
        if k % steps == 0:
            to_fire = integrated.copy()
        spikes = 1.0 * (to_fire >= 1.0) * (steps <= k < (len(x) + 1) * steps)
        to_fire = to_fire - spikes
        fired.append(spikes)
        summed.append(read)
    return np.array(fired, bool), np.array(summed)


def test_spikes_are_those_of_a_plain_loop():
    module, steps, theta = Sequence(), 6, 4.0
    x = np.random.default_rng(4).integers(-32, 64, (3, LENGTH, FEATURES)) / 32.0
    options = RateOptions(thresholds={"recurrent": theta})
    converted = bridge.convert(module, x, steps=steps, options=options)
    assert list(converted.network.populations) == ["recurrent", "read"]
    simulation = converted.simulation(batch=len(x))
    recording = converted.simulate(simulation, x)
    record = recording.spikes["recurrent"]
    total = 0
    for sample, sequence in enumerate(x):
        fired, summed = reference(module, sequence, theta, steps)
        own = record.samples == sample
        found = np.zeros_like(fired)
        found[record.steps[own] - 1, record.neurons[own]] = True
        np.testing.assert_array_equal(found, fired)
        read = recording.trace("read", "u").values[sample]
        np.testing.assert_array_equal(read[steps:] / steps, summed[steps:] / steps)
        ends = read[2 * steps - 1 :: steps] / steps
        np.testing.assert_allclose(converted.run(sequence[None]).scores[0], ends.ravel(), atol=1e-15)
        total += fired.sum()
    assert total > 50


LAST = Around(after=lambda own, said: own.out(said[:, -1]))
ENDS = Around(
    after=lambda own, said: own.out(torch.cat([said[:, -1, :HIDDEN], said[:, 0, HIDDEN:]], 1)), bidirectional=True
)
MODULES = {
    "the last state": (LAST, ["recurrent"]),
    "all states": (Around(), ["recurrent_"]),
    "an answer a step": (Around(after=lambda own, said: own.out(said)), ["recurrent"]),
    "a layer a step": (Around(after=lambda own, said: own.out(own.more(said).relu())), ["recurrent", "relu"]),
    "a rectifier in the end": (Around(after=lambda own, said: own.out(said).relu()), ["recurrent", "relu"]),
    "a layer after the last": (
        Around(after=lambda own, said: own.out(own.more(said[:, -1]).relu())),
        ["recurrent", "relu"],
    ),
    "a mean": (Around(after=lambda own, said: own.out(said.mean(1))), ["recurrent"]),
    "a layer after a sum": (
        Around(after=lambda own, said: own.out(own.more(said.sum(1)).relu())),
        ["recurrent", "relu"],
    ),
    "a mean of a layer a step": (
        Around(after=lambda own, said: own.out(own.more(said).relu().mean(1))),
        ["recurrent", "relu", "mean"],
    ),
    "a mean of both ways": (Around(after=lambda own, said: own.out(said.mean(1)), bidirectional=True), None),
    "a mean of two layers": (
        Around(after=lambda own, said: own.out(said.mean(1)), num_layers=2),
        ["recurrent", "recurrent.rnn"],
    ),
    "two layers": (
        Around(after=lambda own, said: own.out(said[:, -1]), num_layers=2),
        ["recurrent", "recurrent.rnn"],
    ),
    "both ends": (ENDS, None),
    "a layer before": (
        Around(nn.Sequential(nn.Linear(FEATURES, 6), nn.ReLU()), lambda own, said: own.out(said[:, -1]), 6),
        None,
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_it_says_what_the_quantised_network_does(name):
    module, populations = MODULES[name]
    x = sequences(12)
    converted = bridge.convert(module, x, steps=16)
    assert verdict(converted).startswith("one population that says a step of the sequence after the other")
    if populations is not None:
        spiking = [p.name for p in converted.network.populations.values() if p.active != (0.0, 0.0)]
        assert spiking == populations
    found, twin, own = converted.run(x).scores, bridge.quantised_twin(converted, x), answers(module, x)
    size = np.abs(own).max()
    if name != "a layer before":  # which fires as it integrates
        np.testing.assert_allclose(found, twin, atol=1e-5 * size)
    assert np.abs(found - own).max() < 0.2 * size
    observed = next(converted.observe(x))
    values = converted.graph.evaluate(x)
    for layer, said in observed.activations.items():
        assert np.abs(said - values[layer]).mean() < 0.06 * max(np.abs(values[layer]).max(), size), layer
    totals = dict.fromkeys(converted.network.populations, 0)
    for layer in converted.layers:
        if layer.kind != "readout":
            totals[layer.population] += observed.inference.counts[layer.name].sum()
    recording = converted.simulate(converted.simulation(len(x)), x)
    assert all(total == len(recording.spikes[name]) for name, total in totals.items() if total)
    measured = converted.measure(x).measurement
    assert measured.agreement == measured.twin_agreement or name == "a layer before"


def test_its_rates_are_near_those_of_a_population_a_step():
    x = sequences(30)
    one = bridge.convert(LAST, x, steps=64)
    many = bridge.convert(LAST, x, steps=64, options=RateOptions(unroll=True))
    assert len(many.network.populations) == LENGTH + 1
    said, expected = (next(converted.observe(x)).activations for converted in (one, many))
    for step in range(LENGTH):
        name = f"recurrent_{step}_h"
        assert np.abs(said[name] - expected[name]).mean() < 0.03 * expected[name].max()
    assert one.duration == 64 * (LENGTH + 1)
    assert many.duration == 64 + 2 * LENGTH - 1


def test_spikes_come_in_windows_and_count_until_an_early_exit():
    x = sequences(20)
    converted = bridge.convert(LAST, x, steps=8)
    hidden = [layer for layer in converted.layers if layer.kind == "neurons"]
    assert [(layer.first, layer.last) for layer in hidden] == [(8 * k, 8 * k + 7) for k in range(1, 6)]
    whole, left = converted.run(x), converted.run(x, margin=0.02)
    assert (left.steps_read <= 8).all()
    assert left.steps_read.min() < 8
    assert (left.spikes <= whole.spikes).all()
    np.testing.assert_array_equal(left.spikes[:, :-1], whole.spikes[:, :-1])  # all but the last step of the sequence
    for sample, steps in enumerate(left.steps_read):
        assert left.course[sample, steps - 1] == pytest.approx(whole.course[sample, steps - 1])


def test_a_mean_of_states_that_grow_fast_has_a_threshold_a_step():
    module = Around(after=lambda own, said: own.out(said.mean(1)))
    module.recurrent.weight_hh_l0.data = 4.0 * torch.eye(HIDDEN)
    x = sequences(30)
    converted = bridge.convert(module, x, steps=8)
    assert "since out (Dense)" not in verdict(converted)
    assert "since out sums all of it, and would be" in verdict(converted)
    own = answers(module, x)
    given = bridge.convert(module, x, steps=8, options=RateOptions(thresholds={"recurrent": 300.0}))
    assert verdict(given).startswith("one population")
    error, other = (np.linalg.norm(c.run(x).scores - own) for c in (converted, given))
    assert error < 0.5 * other


def test_a_mean_is_read_as_it_grows():
    x = sequences(20)
    converted = bridge.convert(MODULES["a mean"][0], x, steps=8)
    whole, left = converted.run(x), converted.run(x, margin=0.05)
    assert whole.course.shape == (20, 8 * LENGTH, 4)
    assert whole.steps_read is None
    assert left.steps_read.min() < 8 * LENGTH
    assert (left.spikes <= whole.spikes).all()
    for sample, steps in enumerate(left.steps_read):
        so_far = whole.course[sample, steps - 1] * 8 * LENGTH / steps  # as if all steps had been like these
        np.testing.assert_allclose(left.scores[sample], so_far, rtol=1e-12)
    with pytest.raises(ValidationError, match="read_from must be at most T = 40, not 41"):
        converted.run(x, read_from=41)


@pytest.mark.parametrize(
    "options",
    [
        {"input": "poisson"},
        {"correct_bias": True},
        {"thresholds": "max"},
        {"thresholds": "percentile", "per": "layer"},
        {"thresholds": {"recurrent": 6.0}},
    ],
)
def test_options_hold_for_all_steps_of_it(options):
    x = np.random.default_rng(0).random((20, LENGTH, FEATURES))
    converted = bridge.convert(LAST, x, steps=64, options=RateOptions(**options))
    assert "recurrent" in converted.network.populations
    thetas = [converted.thresholds[f"recurrent_{step}_h"] for step in range(LENGTH)]
    assert all((theta == thetas[0]).all() for theta in thetas)
    own = answers(LAST, x)
    assert np.abs(converted.run(x).scores - own).mean() < 0.1 * np.abs(own).max()
    if options["thresholds"] == {"recurrent": 6.0} if "thresholds" in options else False:
        assert (thetas[0] == 6.0).all()
    if options.get("input") == "poisson":
        coded = next(converted.observe(x)).activations["x"]
        assert np.abs(coded - x).mean() < 0.06  # the deviation of 64 draws is at most 1/16


def test_digits_read_row_by_row_stay_within_a_point():
    data = ann.load("digits")
    model = ann.build_for("rnn", data, activation="relu")
    ann.fit(model, data, epochs=6, batch_size=32, learning_rate=1e-2)
    own = ann.accuracy(model, data.x_test, data.y_test)
    converted = bridge.convert(model, data.x_train, steps=32)
    assert own > 0.9
    assert (converted.run(data.x_test).classes == data.y_test).mean() > own - 0.01
    # In few levels the last states, which are the largest, must not cost the first ones theirs.
    coarse = bridge.convert(model, data.x_train, steps=4)
    assert (bridge.quantised_twin(coarse, data.x_test).argmax(axis=1) == data.y_test).mean() > own - 0.2


# ---- a population a step


def test_many_steps_approach_the_artificial_network():
    x = sequences(40)
    module = Classifier(layers=2, last=False, nonlinearity="relu")
    converted = bridge.convert(module, x, steps=256)
    assert "since read (Dense) reads several steps of it together" in verdict(converted)
    expected = answers(module, x)
    error = np.abs(converted.run(x).scores - expected)
    assert error.max() < 0.05 * np.abs(expected).max()
    np.testing.assert_allclose(bridge.quantised_twin(converted, x), expected, atol=0.02 * np.abs(expected).max())


def test_every_step_has_a_window_of_its_own_that_follows_the_last():
    x = sequences(20)
    converted = bridge.convert(Classifier(nonlinearity="relu"), x, steps=8, options=RateOptions(unroll=True))
    hidden = [layer for layer in converted.layers if layer.kind == "neurons"]
    assert len(hidden) == 5
    assert [layer.first for layer in hidden] == [1, 3, 5, 7, 9]  # a step of delay and one to wait for each
    said = next(converted.observe(x)).activations
    values = converted.graph.evaluate(x)
    assert np.abs(said[hidden[-1].name] - values[hidden[-1].name]).mean() < 0.1 * values[hidden[-1].name].mean()
    assert verdict(converted).startswith("a population for every step of the sequence, since it was asked for")


UNROLLED = {
    "a hard reset": (LAST, {"reset": "hard"}, "a hard reset would leave one spike"),
    "a threshold of one step": (LAST, {"thresholds": {"recurrent_2_h": 3.0}}, "recurrent_2_h, a step of the sequence"),
    "a mean of some steps": (
        Around(after=lambda own, said: own.out(said[:, 2:].mean(1))),
        {},
        "reads several steps of it together",
    ),
    "a mean and the last": (
        Around(after=lambda own, said: own.out(said.mean(1) + said[:, -1])),
        {},
        "reads several steps of it together",
    ),
    "a maximum": (Around(after=lambda own, said: own.out(said.amax(1))), {}, "(MaxOver) reads it"),
    "input that overlaps": (
        Around(lambda x: x + x.roll(1, 1), lambda own, said: own.out(said[:, -1])),
        {},
        "does not read the input one element of a sequence after the other",
    ),
    "layers in both directions": (
        Around(after=lambda own, said: own.out(said[:, -1]), num_layers=2, bidirectional=True),
        {},
        "in some steps only",
    ),
}


@pytest.mark.parametrize("name", UNROLLED)
def test_what_one_population_cannot_say_is_unrolled_and_told(name):
    module, options, reason = UNROLLED[name]
    converted = bridge.convert(module, sequences(10), steps=4, options=RateOptions(**options))
    assert reason in verdict(converted)
    assert "recurrent" not in converted.network.populations


# ---- what is refused


@pytest.mark.parametrize(
    ("module", "says"),
    [(Classifier(), "RNN"), (Classifier(nn.LSTM), "LSTM"), (Classifier(nn.GRU), "GRU")],
)
def test_refuses_what_only_events_can_say(module, says):
    with pytest.raises(ConversionError, match=rf'{says}\): is a recurrent layer that.*Use method="event"'):
        bridge.convert(module, sequences(4), steps=4)


def test_refuses_what_one_current_or_one_answer_cannot_be():
    x = sequences(4)
    converted = bridge.convert(MODULES["an answer a step"][0], x, steps=16)
    with pytest.raises(ValidationError, match="changes from step to step, as simulate gives it"):
        converted.encode(converted.simulation(len(x)), x)
    with pytest.raises(ValidationError, match="margin is for networks with one answer"):
        converted.run(x, margin=1.0)
    with pytest.raises(ValidationError, match="unroll must be True or False, not 1"):
        RateOptions(unroll=1)


class Vector(nn.Module):
    """Takes all elements of a sequence as one vector."""

    def __init__(self):
        super().__init__()
        self.inner = LAST

    def forward(self, x):
        return self.inner(x.view(-1, LENGTH, FEATURES))


def test_files_hold_it_unrolled_alone(tmp_path):
    x, path = sequences(10).reshape(10, -1), tmp_path / "network.nir"
    with pytest.raises(ConversionError, match=r"recurrent \(PeriodicIF\): .*RateOptions\(unroll=True\)"):
        bridge.to_nir(bridge.convert(Vector().double(), x, steps=16), path)
    converted = bridge.convert(Vector().double(), x, steps=16, options=RateOptions(unroll=True))
    bridge.to_nir(converted, path)
    course = converted.run(x).course
    np.testing.assert_array_equal(bridge.from_nir(path).run(x).output.reshape(course.shape), course)
