import numpy as np
import pytest

from bridge import RateOptions, ValidationError
from bridge.graph import Graph
from bridge.nodes import Dense, Input, ReLU
from bridge.rate import convert_by_rate
from bridge.rate.readout import Readout

STEPS = 8


def perceptron(seed=0):
    rng = np.random.default_rng(seed)
    nodes = {
        "x": Input((), (6,)),
        "a": Dense(("x",), rng.normal(0.0, 0.6, (12, 6)), rng.normal(0.0, 0.2, 12)),
        "b": ReLU(("a",)),
        "c": Dense(("b",), rng.normal(0.0, 0.5, (10, 12)), rng.normal(0.0, 0.2, 10)),
        "d": ReLU(("c",)),
        "e": Dense(("d",), rng.normal(0.0, 0.5, (4, 10)), rng.normal(0.0, 0.2, 4)),
    }
    return Graph(nodes, "e")


def probabilities(count, seed=0):
    return np.random.default_rng(seed).random((count, 6))


def converted(steps=STEPS, samples=None, **options):
    graph = perceptron()
    samples = probabilities(200) if samples is None else samples
    return convert_by_rate(graph, graph, samples, steps, RateOptions(**options))


@pytest.mark.parametrize("rule", ["least_squares", "max", "percentile", "local_balancing"])
@pytest.mark.parametrize("per", ["channel", "layer"])
def test_every_rule_approaches_the_artificial_network(rule, per):
    samples = probabilities(200)
    made = converted(300, samples, thresholds=rule, per=per)
    assert all((len(np.unique(theta)) == 1) == (per == "layer") for theta in made.thresholds.values())
    error = np.abs(made.run(samples[:50]).scores - perceptron().run(samples[:50])).mean()
    # Local balancing clips what other rules do not, most with one threshold for all.
    assert error < (0.02 if rule != "local_balancing" else 0.1 if per == "channel" else 0.6)


def test_thresholds_may_be_given():
    made = converted(thresholds={"b": 2.0, "d": np.arange(1.0, 11.0)})
    np.testing.assert_array_equal(made.thresholds["b"], np.full(12, 2.0))
    np.testing.assert_array_equal(made.thresholds["d"], np.arange(1.0, 11.0))
    assert not np.array_equal(converted(thresholds={"b": 2.0}).thresholds["d"], np.arange(1.0, 11.0))


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [
        ({"a": 1.0}, r"thresholds names 'a', which is no activation; those are \['b', 'd'\]"),
        ({"b": 0.0}, r"thresholds\['b'\] must be a positive number or 12 of them"),
        ({"b": np.ones(3)}, r"thresholds\['b'\]"),
        ({"b": np.nan}, r"thresholds\['b'\]"),
        ({"b": "large"}, r"thresholds\['b'\]"),
    ],
)
def test_refuses_given_thresholds(thresholds, says):
    with pytest.raises(ValidationError, match=says):
        converted(thresholds=thresholds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("thresholds", value) for value in ("maximum", None, 1.0)),
        *(("percentile", value) for value in (0.0, 101.0, "99", np.nan, True)),
        *(("per", value) for value in ("neuron", None)),
        *(("initial_charge", value) for value in (-0.1, 1.5, None)),
        ("reset", "subtract"),
        *(("wait", value) for value in (-1, 1.0, True)),
        ("input", "spikes"),
        ("correct_bias", 1),
    ],
)
def test_refuses_options(name, value):
    with pytest.raises(ValidationError, match=f"{name} must be"):
        RateOptions(**{name: value})


def test_the_wait_shifts_every_layer_behind_spikes():
    firsts = {wait: [layer.first for layer in converted(wait=wait).layers] for wait in (0, 1, 3)}
    assert firsts == {0: [1, 2, 3], 1: [1, 3, 4], 3: [1, 5, 6]}


def test_initial_charge_rounds_to_the_nearest_or_down():
    samples = probabilities(50)
    first = {v0: converted(initial_charge=v0, thresholds={"b": 1.0}) for v0 in (0.0, 0.5)}
    z = perceptron().evaluate(samples)["a"] * STEPS
    for v0, made in first.items():
        said = next(made.observe(samples)).activations["b"] * STEPS
        np.testing.assert_allclose(said, np.clip(np.floor(z + v0), 0, STEPS))


def test_a_hard_reset_loses_what_is_above_the_threshold():
    samples = probabilities(50)
    hard, soft = (next(converted(reset=reset).observe(samples)).activations["b"] for reset in ("hard", "soft"))
    assert (hard <= soft).all()
    assert (hard < soft).any()


def test_poisson_input_is_right_on_average_and_the_same_for_any_batch():
    samples = np.repeat(probabilities(1, seed=3), 40, axis=0)
    made = converted(64, input="poisson")
    found = made.run(samples, batch=40)
    np.testing.assert_array_equal(found.scores, made.run(samples, batch=7).scores)
    assert len(np.unique(found.scores[:, 0])) > 10
    expected = perceptron().run(samples[:1])[0]
    assert np.abs(found.scores.mean(axis=0) - expected).max() < 0.15 * np.abs(expected).max()
    assert [layer.first for layer in made.layers] == [2, 4, 5]


@pytest.mark.parametrize("samples", [probabilities(3) + 0.5, probabilities(3) - 0.5])
def test_refuses_samples_that_are_no_probabilities(samples):
    with pytest.raises(ValidationError, match="samples must lie in 0"):
        converted(samples=samples, input="poisson")
    with pytest.raises(ValidationError, match="samples must lie in 0"):
        converted(input="poisson").run(samples)


def test_corrected_biases_take_the_mean_difference_away():
    samples = probabilities(200)
    values = perceptron().evaluate(samples)

    def bias(correct):
        said = [part.activations for part in converted(2, samples, correct_bias=correct).observe(samples)]
        return {
            name: np.abs(np.concatenate([part[name] for part in said]).mean(axis=0) - values[name].mean(axis=0)).mean()
            for name in ("d", "e")
        }

    before, after = bias(False), bias(True)
    assert after["e"] < 1e-6  # the output is linear in its bias
    assert after["d"] < before["d"]


def test_notes_say_which_channels_are_silent():
    graph = perceptron()
    nodes = dict(graph.nodes)
    nodes["a"] = Dense(("x",), np.zeros((12, 6)), np.r_[-1.0, np.ones(11)])
    graph = Graph(nodes, "e")
    made = convert_by_rate(graph, graph, probabilities(20), 4)
    assert [note.split()[0] for note in made.notes] == ["b", "d"]
    assert made.notes[0].startswith("b (ReLU): 1 of 12 channels (0) are silent on the samples")
    # The others say the same for every sample, and that is said exactly.
    said = next(made.observe(probabilities(3))).activations["b"]
    np.testing.assert_allclose(said, np.tile(np.r_[0.0, np.ones(11)], (3, 1)))


def test_refuses_a_spiking_graph_and_activations_that_overflow():
    graph = perceptron()
    nodes = dict(graph.nodes)
    nodes["a"] = Dense(("x",), np.full((12, 6), 1e200), np.zeros(12))
    nodes["c"] = Dense(("b",), np.full((10, 12), 1e200), np.zeros(10))
    huge = Graph(nodes, "e")
    with np.errstate(all="ignore"), pytest.raises(ValidationError, match=r"d \(ReLU\) that are not finite"):
        convert_by_rate(huge, huge, probabilities(3), 4)


# Read-out


def course(*rows):
    """The output so far of one sample, of rows of what every step adds, T = number of rows."""
    return np.cumsum(np.array(rows, float), axis=0)[None] / len(rows)


def test_a_delayed_read_out_leaves_the_first_steps_out():
    scores, read = Readout(first=3).read(course([9, 0], [9, 0], [1, 2], [3, 4]))
    np.testing.assert_allclose(scores, [[2.0, 3.0]])
    np.testing.assert_array_equal(read, [4])


@pytest.mark.parametrize(("margin", "step", "scores"), [(2.5, 1, [3, 0]), (3.5, 3, [5, 1]), (5.0, 4, [4, 1])])
def test_an_early_exit_reads_up_to_the_first_clear_margin(margin, step, scores):
    found, read = Readout(margin=margin).read(course([3, 0], [3, 3], [9, 0], [1, 1]))
    np.testing.assert_array_equal(read, [step])
    np.testing.assert_allclose(found, [scores])


def test_an_early_exit_counts_spikes_up_to_its_step():
    samples = probabilities(60)
    made = converted(16)
    whole = made.run(samples)
    assert whole.steps_read is None
    margins = np.diff(np.sort(whole.scores, axis=1)[:, -2:], axis=1)
    margin = float(np.median(margins))
    early = made.run(samples, margin=margin)
    scores, read = Readout(margin=margin).read(whole.course)
    np.testing.assert_array_equal(early.steps_read, read)
    np.testing.assert_allclose(early.scores, scores)
    np.testing.assert_array_equal(made.run(samples, margin=margin, batch=7).spikes, early.spikes)
    assert early.steps_read.min() < early.steps_read.max() <= 16
    sooner = early.steps_read < 16
    assert (early.spikes[sooner].sum(axis=1) < whole.spikes[sooner].sum(axis=1)).all()
    assert (early.synaptic_events[sooner] < whole.synaptic_events[sooner]).all()
    np.testing.assert_array_equal(early.spikes[~sooner], whole.spikes[~sooner])
    np.testing.assert_allclose(early.scores[~sooner], whole.scores[~sooner])
    late = made.run(samples, read_from=16)
    np.testing.assert_allclose(late.scores, 16 * (whole.course[:, -1] - whole.course[:, -2]))


@pytest.mark.parametrize(
    ("reading", "says"),
    [
        ({"read_from": 0}, "read_from"),
        ({"read_from": 9}, "read_from must be at most T = 8"),
        ({"read_from": 1.5}, "read_from"),
        ({"margin": 0.0}, "margin must be a positive number"),
        ({"margin": np.nan}, "margin"),
        ({"margin": "large"}, "margin"),
    ],
)
def test_refuses_read_outs(reading, says):
    with pytest.raises(ValidationError, match=says):
        converted().run(probabilities(2), **reading)
