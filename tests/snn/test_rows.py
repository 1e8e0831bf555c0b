"""Listed synapses: what is written into rows is what was drawn, whatever the form, the layout and the builders."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.program.tables import BANK, LONGEST_RUN, NARROW, UNIFORM, WIDE

SETTINGS = settings(max_examples=30, deadline=None, derandomize=True)
TWO_PORTS = {"synapse": "exponential", "tau_syn_inh": 8.0}


def listed(net, source="source", target="target", threads=1, **options):
    """Synapses as sorted tuples (source, target, weight, delay in steps)."""
    found = snn.lower(net, 0.1, threads, **options).listed_synapses(source, target)
    return sorted(zip(*(column.tolist() for column in found[:3]), np.rint(found.delays / 0.1).tolist(), strict=True))


def forms(program):
    """The forms of all runs of the first source's row."""
    at, found = int(program.synapses.rows[0]), []
    while program.synapses.words[at]:
        count, form = int(program.synapses.words[at]) & LONGEST_RUN, int(program.synapses.words[at]) >> 14
        found.append((form, count))
        at += 2 + (2 + count if form == UNIFORM else count * (3 if form == WIDE else 2))
    return found


@st.composite
def networks(draw):
    """Lists of synapses with weights and delays of every kind, between two populations or within one."""
    seed, sources, targets = (draw(st.integers(1, top)) for top in (2**31, 40, 700))
    net = snn.Network(seed)
    net.population("source", sources, snn.LIF())
    net.population("target", targets, snn.LIF(**(TWO_PORTS if draw(st.booleans()) else {})))
    rng = np.random.default_rng(seed)
    for _ in range(draw(st.integers(1, 3))):
        rule = draw(
            st.sampled_from(
                [snn.FixedInDegree(7), snn.FixedOutDegree(30), snn.FixedTotalNumber(200), snn.PairwiseBernoulli(0.2)]
            )
        )
        count = rule.count(sources, targets)
        few, many = rng.choice([-0.5, 0.25, 1.0], count or 1), rng.normal(size=count or 1)
        weight = draw(st.sampled_from([0.5, -2.0, few, many] if count else [0.5, -2.0]))
        delays = [0.1, 3.0, rng.integers(1, 40, count or 1) * 0.1]
        net.connect(
            *net.populations.values(), rule, weight=weight, delay=draw(st.sampled_from(delays[: 3 if count else 2]))
        )
    return net


@SETTINGS
@given(net=networks(), threads=st.sampled_from([1, 2, 3]))
def test_rows_hold_what_was_drawn(net, threads):
    _, streams = reference.streams(net)
    expected = []
    for projection, stream in zip(net.projections, streams, strict=True):
        found = reference.synapses(projection, net.seed, stream)
        delays = np.broadcast_to(np.rint(np.asarray(projection.delay) / 0.1), len(found))
        expected += [(s, t, float(w), d) for (s, t, w), d in zip(found, delays.tolist(), strict=True)]
    found = listed(net, threads=threads)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, sorted(expected), rtol=0, atol=2.0**-28)


def edges(weights, delays, targets=None, size=50_000, **options):
    net = snn.Network()
    source, target = net.population("source", 1, snn.LIF()), net.population("target", size, snn.LIF())
    targets = np.arange(len(weights)) if targets is None else targets
    net.connect(source, target, snn.Edges(np.zeros(len(weights), int), targets), weight=weights, delay=delays)
    return net


def test_a_run_takes_the_shortest_form():
    rng = np.random.default_rng(1)
    assert forms(snn.lower(edges(np.full(100, 0.3), 1.0), 0.1)) == [(UNIFORM, 100)]
    assert forms(snn.lower(edges(np.resize([0.3, -0.1], 100), 1.0), 0.1)) == [(UNIFORM, 50), (UNIFORM, 50)]
    assert forms(snn.lower(edges(rng.normal(size=100), 1.0), 0.1)) == [(WIDE, 100)]
    assert forms(snn.lower(edges(rng.normal(size=100), 1.0), 0.1, weight_bits=16)) == [(NARROW, 100)]
    assert forms(snn.lower(edges(rng.normal(size=3), np.array([0.1, 0.3, 0.1])), 0.1)) == [(WIDE, 2), (UNIFORM, 1)]


@pytest.mark.parametrize("weights", [np.full(40_000, 0.5), np.random.default_rng(2).normal(size=40_000)])
def test_runs_longer_than_a_head_can_say_are_cut(weights):
    net = edges(weights, 1.0)
    assert [count for _, count in forms(snn.lower(net, 0.1))] == [LONGEST_RUN, LONGEST_RUN, 40_000 - 2 * LONGEST_RUN]
    assert [row[1] for row in listed(net)] == list(range(40_000))
    np.testing.assert_allclose([row[2] for row in listed(net)], weights, atol=1e-8)


def test_weights_of_16_bits_err_by_at_most_2_to_the_minus_15():
    weights = np.random.default_rng(3).uniform(-1.0, 1.0, 1_000)
    error = np.abs(np.array([row[2] for row in listed(edges(weights, 1.0), weight_bits=16)]) - weights)
    assert 2.0**-18 < error.max() <= 2.0**-15
    with pytest.raises(snn.ValidationError, match=r"weight_bits = 8 .* 32, 24 or 16"):
        snn.Simulation(edges(weights, 1.0), weight_bits=8)


def reach(net, steps=20):
    """Spikes of the target as (step, neuron), for sources that all spike at 0.1 ms."""
    record = snn.Simulation(net, threads=2).run(steps * 0.1).spikes["target"]
    return list(zip(record.steps.tolist(), record.neurons.tolist(), strict=True))


def test_populations_larger_than_a_bank_are_reached_everywhere():
    size = BANK + 10_000
    net = snn.Network()
    source = net.spike_trains("source", [[0.1]])
    target = net.population("target", size, snn.LIF(v_threshold=1.0))
    ends = [0, 1, 40_000, BANK - 1, BANK, size - 1]
    net.connect(source, target, snn.Edges([0] * 6, ends), weight=2.0, delay=np.arange(1, 7) * 0.1)
    assert reach(net) == [(1 + d, end) for d, end in enumerate(ends, 1)]


def test_a_layer_that_must_not_be_cut_has_several_banks():
    # Excitatory and inhibitory sums of one neuron are then in different banks.
    net = snn.Network()
    image, source = net.population("image", (200, 200, 1), snn.LIF()), net.spike_trains("source", [[0.1], [0.1]])
    target = net.population("target", (200, 200, 2), snn.LIF(i_e=300.0, **TWO_PORTS))
    net.connect(image, target, snn.Conv2d(np.ones((1, 1, 1, 2))))
    ends = np.arange(0, 80_000, 1_000)
    weights = np.where(ends % 2_000, 1e5, -1e5)
    net.connect(source, target, snn.Edges(np.resize([0, 1], 80), ends), weight=weights, delay=0.1)
    assert len(snn.lower(net, 0.1).banks.slot) == 20 + 3  # of the image in blocks, and of 160,000 sums
    spikes = reach(net)
    assert {neuron for _, neuron in spikes} == set(ends[weights > 0].tolist())
    found = snn.lower(net, 0.1, 2).listed_synapses("source", "target")
    np.testing.assert_array_equal(np.sort(found.targets), ends)
    np.testing.assert_allclose(found.weights[np.argsort(found.targets)], weights, rtol=1e-8)


def test_delays_too_long_for_a_row_are_refused():
    with pytest.raises(snn.ValidationError, match=r"delay = 6553\.6 .* at most 6553\.5 ms"):
        snn.lower(edges(np.ones(1), 6553.6), 0.1)
    assert listed(edges(np.ones(1), 6553.5)) == [(0, 0, 1.0, 65535.0)]


def test_unknown_nodes_have_no_synapses():
    with pytest.raises(snn.ValidationError, match="listed_synapses: target = 'nobody'"):
        snn.lower(edges(np.ones(1), 1.0), 0.1).listed_synapses("source", "nobody")
