"""Networks of staircase neurons: at rest they say what the quantised twin computes, however they get there."""

import math
import os
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import reference_staircase as reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import snn
from snn.engines.staircase_cpu import engine as staircase_engine
from snn.neurons.staircase import LARGEST_LEVEL, nearest_level, table_level

SETTINGS = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
SCHEDULES = ("phased", "coalescing", "free")


def settle(net, inputs, *, threads=1, batch=3, **options):
    return snn.Simulation(net, engine="exact", batch=batch, threads=threads).settle(inputs, **options)


def equal(one, other):
    """Whether two results are the same in everything that they both have."""
    for name in ("levels", "sums", "positive", "negative"):
        mine, its = getattr(one, name), getattr(other, name)
        assert mine.keys() == its.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], its[key], err_msg=f"{name} of {key}")
    np.testing.assert_array_equal(one.operations, other.operations)
    np.testing.assert_array_equal(one.duration, other.duration)


def case(seed, samples=3, windows=1, layers=4):
    """A random network, its counts, and when they come."""
    rng = np.random.default_rng(seed)
    net = reference.random_network(rng, layers)
    counts = reference.random_counts(rng, net, samples)
    times = np.sort(rng.uniform(0.0, 4.0, windows)).round(1)
    return net, counts, reference.in_windows(rng, counts, windows), times


# ---- the twin, whatever the schedule


@SETTINGS
@given(seed=SEEDS, schedule=st.sampled_from(SCHEDULES), windows=st.integers(1, 4), window=st.sampled_from([0.0, 0.5]))
def test_at_rest_the_levels_are_the_twin_s(seed, schedule, windows, window):
    net, counts, given_counts, times = case(seed, windows=windows)
    levels, sums = reference.twin(net, counts)
    options = {"window": window} if schedule == "coalescing" else {}
    settled = settle(net, given_counts, times=times, schedule=schedule, **options)
    for name in levels:
        np.testing.assert_array_equal(settled.levels[name].reshape(3, -1), levels[name], err_msg=name)
    for name in sums:
        np.testing.assert_array_equal(settled.sums[name].reshape(sums[name].shape), sums[name], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, schedule=st.sampled_from(SCHEDULES[1:]), windows=st.integers(1, 3))
def test_every_event_is_the_plain_simulator_s(seed, schedule, windows):
    net, _, given_counts, times = case(seed, samples=1, windows=windows, layers=3)
    settled = settle(net, given_counts, batch=1, times=times, schedule=schedule, list_events=True)
    assume(sum(int(count.sum()) for count in settled.events.values()) < 2000)
    mine = {name: windows[:, 0] for name, windows in given_counts.items()}
    _, changes = reference.simulate(net, mine, times.tolist(), schedule)
    for name, expected in changes.items():
        found = settled.changes[name]
        listed = list(zip(found.times.tolist(), found.neurons.tolist(), found.changes.tolist(), strict=True))
        assert listed == sorted(expected, key=lambda change: change[:2]), name


@SETTINGS
@given(seed=SEEDS, schedule=st.sampled_from(SCHEDULES))
def test_threads_and_batches_change_nothing(seed, schedule):
    net, counts, _, _ = case(seed, samples=5)
    whole = settle(net, counts, batch=5, schedule=schedule)
    for threads in (2, 4):
        equal(settle(net, counts, batch=5, threads=threads, schedule=schedule), whole)
    single = [settle(net, {k: c[i] for k, c in counts.items()}, batch=1, schedule=schedule) for i in range(5)]
    for name, levels in whole.levels.items():
        np.testing.assert_array_equal(np.concatenate([one.levels[name] for one in single]), levels)
        np.testing.assert_array_equal(np.concatenate([one.events[name] for one in single]), whole.events[name])


@SETTINGS
@given(seed=SEEDS)
def test_phased_neurons_say_no_more_than_they_must(seed):
    net, counts, _, _ = case(seed)
    settled = settle(net, counts)
    for name, population in net.populations.items():
        least = np.abs(settled.levels[name])
        least = np.minimum(least, 1) if isinstance(population.model, snn.Product) else least
        np.testing.assert_array_equal(settled.events[name], least, err_msg=name)


@SETTINGS
@given(seed=SEEDS, schedule=st.sampled_from(SCHEDULES))
def test_a_second_sample_arrives_as_what_changes(seed, schedule):
    net, counts, _, _ = case(seed)
    other = {name: np.roll(count, 1, axis=0) for name, count in counts.items()}
    sim = snn.Simulation(net, engine="exact", batch=3, threads=2)
    first, then = sim.settle(counts, schedule=schedule), sim.settle(other, schedule=schedule)
    anew = settle(net, other, schedule=schedule)
    for name in anew.levels:
        np.testing.assert_array_equal(then.levels[name], anew.levels[name])
        change = then.positive[name] - then.negative[name]
        if not isinstance(getattr(net.populations.get(name), "model", None), snn.Product):
            np.testing.assert_array_equal(change, then.levels[name] - first.levels[name])
    for name in anew.sums:
        np.testing.assert_array_equal(then.sums[name], anew.sums[name])
    nothing = sim.settle({}, schedule=schedule)
    assert not any(count.any() for count in nothing.events.values())
    sim.reset()
    equal(sim.settle(counts, schedule=schedule), first)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_room_is_made_for_what_is_under_way_and_listed(monkeypatch, schedule):
    net, _, given_counts, times = case(3, windows=4)
    ample = settle(net, given_counts, times=times, schedule=schedule, list_events=True)
    monkeypatch.setattr(staircase_engine, "_PARCELS", 1)
    monkeypatch.setattr(staircase_engine, "_LOGGED", 1)
    scarce = settle(net, given_counts, times=times, schedule=schedule, list_events=True, threads=2)
    equal(scarce, ample)
    for name, changes in ample.changes.items():
        for mine, its in zip(scarce.changes[name], changes, strict=True):
            np.testing.assert_array_equal(mine, its)
        total = np.zeros((3, ample.levels[name][0].size), np.int64)
        np.add.at(total, (changes.samples, changes.neurons), changes.changes)
        np.testing.assert_array_equal(total, ample.levels[name].reshape(3, -1))


# ---- models


@SETTINGS
@given(
    u=st.integers(-(2**58), 2**58),
    step=st.integers(1, 2**40),
    below=st.integers(1, 2**40),
    near=st.integers(-1, 1),
    whole=st.booleans(),
)
def test_rounding_is_exact(u, step, below, near, whole):
    width = step if u >= 0 else below
    if whole:  # on or beside a threshold
        u = u // width * width + width // 2 + near
    width = step if u >= 0 else below
    level = math.floor(Fraction(u, width) + Fraction(1, 2))
    assume(abs(level) < LARGEST_LEVEL and abs(u) < 2**59)
    parameters = np.array([step, below, -LARGEST_LEVEL, LARGEST_LEVEL])
    assert nearest_level(np.int64(u), parameters, 0) == level
    clipped = np.array([step, below, -3, 5])
    assert nearest_level(np.int64(u), clipped, 0) == min(max(level, -3), 5)


@given(thresholds=st.lists(st.integers(-9, 9), max_size=8).map(sorted), u=st.integers(-10, 10))
def test_tables_are_searched_to_the_last_threshold_reached(thresholds, u):
    table = np.array([99, *thresholds, *range(len(thresholds) + 1)])
    assert table_level(u, table, 1, len(thresholds)) == sum(t <= u for t in thresholds)


FUNCTIONS = {
    "tanh": math.tanh,
    "sigmoid": lambda u: 1.0 / (1.0 + math.exp(-u)),
    "falling": lambda u: -3.0 * u,
    "silu": lambda u: u / (1.0 + math.exp(-u)),
    "gelu": lambda u: 0.5 * u * (1.0 + math.erf(u / math.sqrt(2.0))),
    "hardswish": lambda u: u * min(max(u + 3.0, 0.0), 6.0) / 6.0,
    "sine": lambda u: math.sin(2.0 * u),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=15, deadline=None)
@given(u=st.floats(-5.0, 5.0), step=st.sampled_from([0.05, 0.25, 1.0]), which=st.integers(0))
def test_thresholds_of_a_function_are_where_its_level_changes(name, u, step, which):
    function = FUNCTIONS[name]
    model = snn.Staircase.of(function, step, (-4.0, 4.0))
    one = model.thresholds[which % len(model.thresholds)]
    for at in (u, one, np.nextafter(one, -np.inf)):
        inside = min(max(float(at), -4.0), 4.0)
        assert reference.level(model, 0, [Fraction(float(at))], 1.0) == math.floor(function(inside) / step + 0.5)


def test_rows_of_thresholds_belong_to_channels():
    model = snn.Staircase.of(math.tanh, [0.5, 0.1], (-4.0, 4.0))
    net = snn.Network()
    image = net.counts("image", (2, 2, 2))
    layer = net.population("layer", (2, 2, 2), model)
    net.connect(image, layer, snn.OneToOne(), weight=0.5)
    counts = np.arange(-4, 4).reshape(2, 2, 2)
    expected = np.floor(np.tanh(counts / 2) / np.array([0.5, 0.1]) + 0.5)
    np.testing.assert_array_equal(settle(net, {"image": counts}, batch=1).levels["layer"][0], expected)


def test_the_largest_count_of_a_window_may_fall():
    net = snn.Network()
    image = net.counts("image", (2, 2, 1))
    top = net.population("top", (1, 1, 1), snn.Quantizer())
    net.connect(image, top, snn.MaxPool2d(2))
    for schedule in SCHEDULES:
        sim = snn.Simulation(net, engine="exact")
        for counts in ([5, 3, 0, 1], [1, 3, 0, 1], [-4, -2, -7, -2], [-4, -3, -7, -5], [0, 0, 0, 0]):
            settled = sim.settle({"image": np.reshape(counts, (2, 2, 1))}, schedule=schedule)
            assert settled.levels["top"].item() == max(counts)


def test_products_are_of_the_counts_and_their_events_graded():
    net = snn.Network()
    x, y = net.counts("x", 3), net.counts("y", 3)
    both = net.population("both", 3, snn.Product(), initial={"a": 1.0})
    net.connect(x, both, snn.OneToOne(), port="a")
    net.connect(y, both, snn.OneToOne(), weight=2.0, port="b", delay=0.5)
    sim = snn.Simulation(net, engine="exact")
    settled = sim.settle({"x": [2, -3, 0], "y": [5, 4, 7]}, schedule="free", list_events=True)
    assert settled.levels["both"].tolist() == [[30, -16, 14]]
    assert settled.sums["both"].tolist() == [[[3.0, 10.0], [-2.0, 8.0], [1.0, 14.0]]]
    # b comes after a, unit by unit, each with a graded event
    assert settled.positive["both"].tolist() == [[5, 0, 7]]
    assert settled.negative["both"].tolist() == [[0, 4, 0]]
    assert sim.state(both[1:], "b").tolist() == [[8.0, 14.0]]
    assert sim.state(both, "s").tolist() == [[30.0, -16.0, 14.0]]


def test_silent_neurons_keep_their_sum():
    net = snn.Network()
    out = net.population("out", 2, snn.Staircase([]), initial={"u": [0.25, 0.0]})
    net.connect(net.counts("x", 2), out, snn.Dense([[1.0, 2.0], [0.5, -1.0]]))
    settled = settle(net, {"x": [[1, 1], [3, -1]]}, batch=2)
    assert settled.sums["out"].tolist() == [[3.25, -0.5], [1.25, 2.5]]
    assert not settled.events["out"].any()
    assert settled.operations.tolist() == [4, 8]


# ---- time


def test_events_take_their_delays():
    net = snn.Network()
    x = net.counts("x", 1)
    one, two = (net.population(name, 1, snn.Quantizer()) for name in ("one", "two"))
    net.connect(x, one, snn.OneToOne(), delay=0.25)
    net.connect(one, two, snn.Edges([0, 0], [0, 0]), weight=[1.0, 2.0], delay=[0.5, 1.75])
    inputs, times = {"x": [[1], [3]]}, [1.0, 2.0]
    free = settle(net, inputs, batch=1, times=times, schedule="free", list_events=True)
    assert free.changes["one"].times.tolist() == [1.25, 2.25, 2.25]
    assert free.changes["two"].times.tolist() == [1.75, 2.75, 2.75, 3.0, 4.0, 4.0]
    assert free.changes["two"].changes.tolist() == [1, 1, 1, 2, 2, 2]
    together = settle(net, inputs, batch=1, times=times, schedule="coalescing", list_events=True)
    assert together.changes["two"].times.tolist() == [1.75, 2.75, 3.0, 4.0]
    in_windows = settle(net, inputs, batch=1, times=times, schedule="coalescing", window=1.0, list_events=True)
    assert in_windows.changes["two"].times.tolist() == [3.0, 4.0, 5.0]
    assert in_windows.duration.tolist() == [5.0]
    phased = settle(net, inputs, batch=1, times=times, list_events=True)
    assert phased.changes["one"].times.tolist() == [2.25]
    assert phased.changes["two"].times.tolist() == [4.0]


def loop(weights):
    net = snn.Network()
    ring = net.population("ring", 2, snn.Quantizer(step=1.0, low=0, high=50))
    net.connect(net.counts("x", 2), ring, snn.OneToOne())
    net.connect(ring, ring, snn.Dense(weights), delay=0.7)
    return net


@pytest.mark.parametrize("schedule", SCHEDULES[1:])
def test_networks_with_cycles_come_to_rest_or_are_stopped(schedule):
    settled = settle(loop([[0.0, 0.5], [0.5, 0.0]]), {"x": [8, 0]}, batch=1, schedule=schedule)
    one, two = settled.levels["ring"][0].tolist()
    assert (one, two) == (math.floor(8 + two / 2 + 0.5), math.floor(one / 2 + 0.5))
    sim = snn.Simulation(loop([[-5.0, 0.0], [0.0, -5.0]]), engine="exact", batch=2)  # what they say silences them
    with pytest.raises(snn.ResourceError, match=r"sample 1 .* 500 events .* 'ring'"):
        sim.settle({"x": [[0, 0], [3, 3]]}, schedule=schedule, max_events=500)
    assert sim.settled.events["ring"][1].sum() > 500
    with pytest.raises(snn.ValidationError, match="reset"):
        sim.settle({})
    sim.reset()
    assert sim.settle({"x": [0, 0]}, schedule=schedule).levels["ring"].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(snn.ValidationError, match="'ring'"):
        sim.settle({"x": [0, 0]})


def test_a_network_that_never_rests_can_be_interrupted():
    sim = snn.Simulation(loop([[-5.0, 0.0], [0.0, -5.0]]), engine="exact")
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sim.settle({"x": [3, 3]}, schedule="free", max_events=2**62)
    timer.join()
    assert sim.settled.events["ring"].sum() > 0
    sim.reset()
    assert sim.settle({"x": [0, 0]}, schedule="free").levels["ring"].tolist() == [[0, 0]]


def test_a_gated_recurrent_cell_settled_step_by_step_is_the_quantised_one():
    """An LSTM: gates are staircases, products graded, and a settling for each step of the sequence."""
    rng, size, inputs, levels, samples = np.random.default_rng(5), 4, 3, 16, 5
    sigmoid = FUNCTIONS["sigmoid"]
    weights = {gate: rng.normal(0.0, 1.0, (size, inputs + size)) / levels for gate in "ifgo"}
    biases = {gate: rng.normal(0.0, 0.5, size) for gate in "ifgo"}
    net = snn.Network()
    x, h, c = net.counts("x", inputs), net.counts("h", size), net.counts("c", size)
    gates = {}
    for gate in "ifgo":
        model = snn.Staircase.of(math.tanh if gate == "g" else sigmoid, 1.0 / levels, (-8.0, 8.0), samples=1)
        gates[gate] = net.population(gate, size, model, initial={"u": biases[gate]})
        net.connect(x, gates[gate], snn.Dense(weights[gate][:, :inputs]))
        net.connect(h, gates[gate], snn.Dense(weights[gate][:, inputs:]))
    kept, new = net.population("kept", size, snn.Product()), net.population("new", size, snn.Product())
    cell = net.population("cell", size, snn.Quantizer(step=1.0 / levels, low=-64, high=64))
    squashed = net.population("squashed", size, snn.Staircase.of(math.tanh, 1.0 / levels, (-4.0, 4.0), samples=1))
    shown, out = net.population("shown", size, snn.Product()), net.population("out", size, snn.Quantizer(1.0 / levels))
    for product, a, b in ((kept, gates["f"], c), (new, gates["i"], gates["g"]), (shown, gates["o"], squashed)):
        net.connect(a, product, snn.OneToOne(), port="a", delay=0.3)
        net.connect(b, product, snn.OneToOne(), port="b", delay=0.2)
    net.connect(kept + new, cell, snn.OneToOne(), weight=levels**-2.0)
    net.connect(cell, squashed, snn.OneToOne(), weight=1.0 / levels)
    net.connect(shown, out, snn.OneToOne(), weight=levels**-2.0)
    sims = [snn.Simulation(net, engine="exact", batch=samples, threads=2) for _ in SCHEDULES]
    state = dict.fromkeys("hc", np.zeros((samples, size), np.int64))
    for _ in range(6):
        counts = {"x": rng.integers(-16, 17, (samples, inputs)), **state}
        found = [sim.settle(counts, schedule=how) for sim, how in zip(sims, SCHEDULES, strict=True)]
        expected, _ = reference.twin(net, counts)
        for settled in found:
            for name, said in expected.items():
                np.testing.assert_array_equal(settled.levels[name], said, err_msg=name)
        state = {"h": found[0].levels["out"], "c": found[0].levels["cell"]}
    assert len(np.unique(state["h"])) > 4


# ---- what is refused


def test_sums_that_could_overflow_are_refused():
    net = snn.Network()
    layer = net.counts("x", 100)
    for name in ("a", "b"):
        source, layer = layer, net.population(name, 100, snn.Quantizer(step=0.01))
        net.connect(source, layer, snn.Dense(np.ones((100, 100))))
    large, sim = {"x": np.full(100, 1000)}, snn.Simulation(net, engine="exact")
    with pytest.raises(snn.ValidationError, match=r"'b'.*sums of up to"):
        sim.settle(large)
    assert not any(count.any() for count in sim.settle({"x": np.zeros(100, int)}).events.values())
    narrow = snn.Simulation(net, engine="exact", weight_bits=16)
    with pytest.raises(snn.ResourceError, match="'a'"):
        narrow.settle(large)
    narrow.reset()
    settled = narrow.settle(large, max_events=2**62)
    a = math.floor(Fraction(1000 * 100 * 2**14, 164) + Fraction(1, 2))  # the step is 164 of the quanta of 2^-14
    assert settled.levels["a"].tolist() == [[a] * 100]
    assert settled.levels["b"].tolist() == [[math.floor(Fraction(a * 100 * 2**14, 164) + Fraction(1, 2))] * 100]


def stairs(weight=1.0, **options):
    net = snn.Network()
    cells = net.population("cells", 2, snn.Quantizer())
    net.connect(net.counts("x", 2), cells, snn.OneToOne(), weight=weight, **options)
    return net


def mixed():
    net = stairs()
    net.population("others", 2, snn.LIF())
    return net


def with_activity():
    net = snn.Network()
    net.population("cells", 2, snn.Quantizer(), active=(0.0, 5.0))
    return net


def with_probe():
    net = stairs()
    net.record(net.populations["cells"], "u", every=1.0)
    return net


def product(weight, port="a"):
    net = snn.Network()
    return net.connect(
        net.counts("x", 1), net.population("p", 1, snn.Product()), snn.OneToOne(), weight=weight, port=port
    )


BAD = {
    "no threshold order": (lambda: snn.Staircase([1.0, 0.5]), "thresholds[1]", "0.5"),
    "threshold nan": (lambda: snn.Staircase([math.nan]), "thresholds[0]", "nan"),
    "thresholds in 3-d": (lambda: snn.Staircase(np.zeros((1, 1, 1))), "thresholds", "(1, 1, 1)"),
    "levels not whole": (lambda: snn.Staircase([0.5], [1.5]), "levels", "float64"),
    "levels too few": (lambda: snn.Staircase([0.5, 1.5], [1]), "levels", "(1,)"),
    "levels too large": (lambda: snn.Staircase([0.5], [2**41]), "levels", str(2**41)),
    "below": (lambda: snn.Staircase([0.5], below=0.5), "below", "0.5"),
    "step 0": (lambda: snn.Quantizer(0.0), "step[0]", "0.0"),
    "step in 2-d": (lambda: snn.Quantizer(np.ones((2, 2))), "step", "(2, 2)"),
    "low over high": (lambda: snn.Quantizer(low=2, high=1), "(low, high)", "(2, 1)"),
    "low not whole": (lambda: snn.Quantizer(low=0.5), "low", "0.5"),
    "negative slope": (lambda: snn.Quantizer(negative_slope=-0.1), "negative_slope[0]", "-0.1"),
    "rows of slopes": (lambda: snn.Quantizer([1.0, 2.0], negative_slope=[1.0] * 3), "negative_slope", "(3,)"),
    "function not finite": (lambda: snn.Staircase.of(lambda u: math.inf, 1.0, (0.0, 1.0)), "function(0.0)", "inf"),
    "range": (lambda: snn.Staircase.of(math.tanh, 1.0, (1.0, 0.0)), "between", "(1.0, 0.0)"),
    "rows": (lambda: snn.Network().population("a", 3, snn.Quantizer([1.0, 2.0])), "rows of parameters", "2"),
    "delay 0": (lambda: loop_delay(0.0), "delay", "0.0"),
    "delays": (lambda: loop_delay([0.5, 0.0]), "delay", "[0.5"),
    "drawn delay": (lambda: loop_delay(snn.Uniform(0.0, 1.0)), "delay", "Uniform"),
    "plasticity": (lambda: stairs(plasticity=snn.TsodyksMarkram()), "plasticity", "TsodyksMarkram"),
    "port": (lambda: stairs(port="a"), "port", "'a'"),
    "no port": (lambda: product(1.0, None), "port", "None"),
    "other port": (lambda: product(1.0, "c"), "port", "'c'"),
    "part of a count": (lambda: snn.Simulation(product_net(0.5), engine="exact"), "weight", "0.5"),
    "part of a count to begin with": (lambda: snn.Simulation(biased("a", 0.5), engine="exact"), "initial['a']", "0.5"),
    "initial": (lambda: snn.Simulation(biased("v", 0.5), engine="exact"), "initial", "'v'"),
    "step below the quantum": (lambda: snn.Simulation(stairs(1e12), engine="exact"), "step", "1.0"),
    "mixed": (lambda: snn.Simulation(mixed(), engine="exact"), "network", "'others'"),
    "grid": (lambda: snn.Simulation(stairs()), "engine", "'grid'"),
    "lowered for the grid": (lambda: snn.lower(stairs(), 0.1), "engine", "'grid'"),
    "counts to spiking neurons": (lambda: counts_to(snn.LIF()), "target", "others"),
    "noise to staircases": (lambda: noise_to(snn.Quantizer()), "target", "cells"),
    "activity": (lambda: snn.Simulation(with_activity(), engine="exact"), "active", "(0.0, 5.0)"),
    "probe": (lambda: snn.Simulation(with_probe(), engine="exact"), "variable", "'u'"),
    "weight bits": (lambda: snn.Simulation(stairs(), engine="exact", weight_bits=8), "weight_bits", "8"),
    "schedule": (lambda: given_to({"x": [1, 2]}, schedule="random"), "schedule", "'random'"),
    "name": (lambda: given_to({"y": [1, 2]}), "inputs", "'y'"),
    "no names": (lambda: given_to([1, 2]), "inputs", "[1, 2]"),
    "shape": (lambda: given_to({"x": [1, 2, 3]}), "counts", "(3,)"),
    "not whole": (lambda: given_to({"x": [1.0, 2.0]}), "counts", "float64"),
    "ragged": (lambda: given_to({"x": [[1], [1, 2]]}), "counts", "[[1], [1, 2]]"),
    "too large": (lambda: given_to({"x": [0, -(2**40)]}), "counts", str(-(2**40))),
    "times": (lambda: given_to({"x": [[1, 2]] * 2}, times=[1.0, 0.5]), "times", "[1.0, 0.5]"),
    "negative time": (lambda: given_to({"x": [[1, 2]]}, times=[-1.0]), "times", "[-1.0]"),
    "windows": (lambda: given_to({"x": [1, 2]}, times=[0.0, 0.5]), "counts", "(2,)"),
    "window": (lambda: given_to({"x": [1, 2]}, window=1.0), "window", "1.0"),
    "negative window": (lambda: given_to({"x": [1, 2]}, schedule="coalescing", window=-1.0), "window", "-1.0"),
    "limit": (lambda: given_to({"x": [1, 2]}, max_events=-1), "max_events", "-1"),
    "list": (lambda: given_to({"x": [1, 2]}, list_events=1), "list_events", "1"),
    "keep": (lambda: given_to({"x": [1, 2]}, keep=["y"]), "keep", "'y'"),
    "keep one": (lambda: given_to({"x": [1, 2]}, keep="x"), "keep", "'x'"),
    "keep of others": (lambda: given_to({"x": [1, 2]}, keep=["x"], schedule="free"), "keep", "['x']"),
    "run": (lambda: snn.Simulation(stairs(), engine="exact").run(1.0), "network", "cells"),
    "set": (lambda: snn.Simulation(stairs(), engine="exact").set(None, step=1.0), "network", "cells"),
    "time": (lambda: snn.Simulation(stairs(), engine="exact").time, "network", "cells"),
    "recording": (lambda: snn.Simulation(stairs(), engine="exact").recording, "network", "cells"),
    "settle spiking neurons": (lambda: spiking().settle({}), "network", "cells"),
    "settled spiking neurons": (lambda: spiking().settled, "network", "cells"),
    "state": (lambda: state_of("v"), "variable", "'v'"),
    "products in a ring": (lambda: ring_of_products(), "network", "'p'"),
}


def loop_delay(delay):
    net = stairs()
    cells = net.populations["cells"]
    return net.connect(cells, cells, snn.Edges([0, 1], [1, 0]), delay=delay)


def product_net(weight):
    net = snn.Network()
    net.connect(net.counts("x", 1), net.population("p", 1, snn.Product()), snn.OneToOne(), weight=weight, port="a")
    return net


def ring_of_products():
    net = product_net(1.0)
    p = net.populations["p"]
    net.connect(p, p, snn.OneToOne(), port="b")
    snn.Simulation(net, engine="exact").settle({"x": [1]}, schedule="free")


def biased(name, value):
    net = snn.Network()
    net.population("p", 1, snn.Product(), initial={name: value})
    return net


def counts_to(model):
    net = snn.Network()
    return net.connect(net.counts("x", 2), net.population("others", 2, model), snn.OneToOne())


def noise_to(model):
    net = snn.Network()
    return net.connect(net.poisson("noise", rate=5.0), net.population("cells", 2, model))


def given_to(inputs, **options):
    return snn.Simulation(stairs(), engine="exact").settle(inputs, **options)


def spiking():
    net = snn.Network()
    net.population("cells", 2, snn.LIF())
    return snn.Simulation(net)


def state_of(variable):
    net = stairs()
    return snn.Simulation(net, engine="exact").state(net.populations["cells"], variable)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_argument_and_value(name):
    act, argument, value = BAD[name]
    with pytest.raises(snn.ValidationError) as caught:
        act()
    assert caught.value.attribute == argument
    assert value in str(caught.value)


# ---- the rest


def test_a_program_says_what_it_holds():
    net = stairs(weight=0.3)
    text = str(snn.Simulation(net, engine="exact").program)
    assert "x: 2 neurons, 2 synapses" in text
    weights = np.array([1.0, 1e-9])
    assert "note" in str(snn.Simulation(stairs(weight=weights), engine="exact").program)


def test_nothing_compiled_gives_the_same():
    code = """
import numpy as np, reference_staircase as reference, snn
for seed in (1, 5):
    rng = np.random.default_rng(seed)
    net = reference.random_network(rng, 2)
    counts = reference.random_counts(rng, net, 2, largest=2)
    for schedule in ("phased", "coalescing", "free"):
        settled = snn.Simulation(net, engine="exact", batch=2, threads=2).settle(counts, schedule=schedule)
        levels, _ = reference.twin(net, counts)
        for name in levels:
            assert (settled.levels[name].reshape(2, -1) == levels[name]).all()
        print(sum(int(count.sum()) for count in settled.events.values()))
"""
    tests = Path(__file__).parent.parent
    paths = os.pathsep.join(map(str, (tests.parent, tests)))

    def printed(**environment):
        whole = {**os.environ, "PYTHONPATH": paths, **environment}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=whole, check=True)
        return done.stdout

    assert printed(NUMBA_DISABLE_JIT="1") == printed()


@pytest.mark.parametrize(
    ("channels", "targets", "size", "stride"),
    [(2, 34, (3, 2), (1, 2)), (2, 16, (2, 3), (2, 1)), (1, 5, (2, 3), (1, 2)), (12, 34, (3, 2), (1, 2))],
)
def test_what_is_gathered_is_what_is_passed_on_one_by_one(channels, targets, size, stride, monkeypatch):
    """With few channels a row of targets is passed on at a time, with many each target is gathered."""
    rng = np.random.default_rng(channels + targets)
    net, shape = snn.Network(), (6, 5, channels)
    image = net.counts("image", shape)
    rule = snn.Conv2d(rng.normal(size=(*size, channels, targets)), stride=stride, padding=1)
    model = snn.Quantizer(rng.uniform(0.5, 1.5, targets), low=-4, high=9)
    layer = net.population("layer", rule.target_shape(shape), model)
    net.connect(image, layer, rule)
    pool = snn.MaxPool2d(2, padding=1)
    pooled = net.population("pooled", pool.target_shape(layer.shape), snn.Quantizer())
    net.connect(layer, pooled, pool)
    out = net.population("out", 35, snn.Staircase([]))
    net.connect(pooled, out, snn.Dense(rng.normal(size=(35, pooled.size))))
    counts, other = rng.integers(-3, 9, (2, 3, *shape))

    def states(schedule):
        sim = snn.Simulation(net, engine="exact", batch=3)
        found = [sim.settle({"image": counts}, schedule=schedule), sim.settle({"image": other})]
        return [*found, sim.settle({"image": counts}, schedule="coalescing")]

    gathered = states("phased")
    monkeypatch.setattr("snn.settling._EXACT", 0)
    for one, two, three in zip(gathered, states("phased"), states("free"), strict=True):
        for name in one.levels:
            np.testing.assert_array_equal(one.levels[name], two.levels[name])
            np.testing.assert_array_equal(one.levels[name], three.levels[name])
            np.testing.assert_array_equal(one.events[name], two.events[name])
            np.testing.assert_array_equal(one.events[name], one.positive[name] + one.negative[name])
            np.testing.assert_array_equal(one.totals[name], one.events[name].sum(axis=0))
            np.testing.assert_array_equal(one.emitted[name], one.events[name].reshape(3, -1).sum(axis=1))
        for name in one.sums:
            np.testing.assert_array_equal(one.sums[name], two.sums[name])
            np.testing.assert_array_equal(one.sums[name], three.sums[name])
    assert gathered[0].events["pooled"].any()


def test_what_is_kept_is_the_same_part_of_the_whole():
    net, counts, _, _ = case(7, samples=5)
    whole = settle(net, counts, batch=5)
    names = list(net.populations)
    keep = [names[-1], names[0]]
    simulation = snn.Simulation(net, engine="exact", batch=5, threads=2)
    for _ in range(2):
        part = simulation.settle(counts, keep=keep)
        assert set(part.levels) == set(part.events) == set(keep)
        assert set(part.sums) == set(keep) - set(counts)
        for name in keep:
            np.testing.assert_array_equal(part.levels[name], whole.levels[name])
            np.testing.assert_array_equal(part.negative[name], whole.negative[name])
        for name in part.sums:
            np.testing.assert_array_equal(part.sums[name], whole.sums[name])
        for name in whole.levels:
            np.testing.assert_array_equal(part.emitted[name], whole.emitted[name])
            np.testing.assert_array_equal(part.totals[name], whole.totals[name])
        np.testing.assert_array_equal(part.operations, whole.operations)
        np.testing.assert_array_equal(part.duration, whole.duration)
        with pytest.raises(snn.ValidationError, match="reset"):
            simulation.settle(counts)
        with pytest.raises(snn.ValidationError, match="reset"):
            simulation.state(net.populations[keep[0]], "s")
        simulation.reset()
    assert not snn.Simulation(net, engine="exact", batch=5).settle(counts, keep=[]).levels
    simulation.settle(counts)
    with pytest.raises(snn.ValidationError, match="from the start"):
        simulation.settle(counts, keep=keep)


def test_what_is_kept_of_samples_that_were_cut_off_is_the_beginning():
    net, counts, _, _ = case(7, samples=3)
    name = list(net.populations)[-1]
    simulation = snn.Simulation(net, engine="exact", batch=3)
    with pytest.raises(snn.ResourceError, match="max_events"):
        simulation.settle(counts, keep=[name], max_events=1)
    assert not simulation.settled.levels[name][1:].any()
    fresh = snn.Simulation(net, engine="exact", batch=3).settled.sums[name]
    np.testing.assert_array_equal(simulation.settled.sums[name][1:], fresh[1:])
