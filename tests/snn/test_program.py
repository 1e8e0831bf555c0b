"""Lowering: what the arrays say."""

import numpy as np
import pytest

import snn
from snn.program import quantum_of
from snn.program.tables import NEVER


@pytest.mark.parametrize("largest", [1.0, 0.75, 0.5, 3.0, 1e-6, 12345.678])
def test_quantum_is_a_power_of_two_that_keeps_weights_within_2_to_the_30(largest):
    quantum = quantum_of(largest)
    assert np.frexp(quantum)[0] == 0.5
    assert 2**29 < largest / quantum <= 2**30


def test_weights_are_within_half_a_quantum_and_lost_digits_are_noted():
    net = snn.Network()
    cells = net.population("cells", 2, snn.LIF())
    net.connect(cells, cells, snn.Dense([[1.0, 1e-5], [1 / 3, -0.1]]))
    program = snn.lower(net, 0.1)
    weights = program.synapses.pattern_weights * program.quanta[0]
    np.testing.assert_allclose(weights, [1.0, 1 / 3, 1e-5, -0.1], atol=program.quanta[0] / 2)
    assert "rounding changes a weight" in program.notes[0]
    assert "note:" in str(program)
    assert "cells: 2 neurons, 4 synapses" in str(program)


def test_convolutions_are_not_expanded():
    net = snn.Network()
    a = net.population("a", (20, 20, 3), snn.IF())
    b = net.population("b", (18, 18, 8), snn.IF())
    net.connect(a, b, snn.Conv2d(np.ones((3, 3, 3, 8))))
    program = snn.lower(net, 1.0)
    assert program.synapses.pattern_weights.size == 3 * 3 * 3 * 8
    assert program.fan_out["a"].sum() == 18 * 18 * 3 * 3 * 3 * 8


def test_chains_are_stages_without_a_window_and_loops_have_their_smallest_delay():
    net = snn.Network()
    a, b, c = (net.population(name, 2, snn.IF()) for name in "abc")
    one = snn.OneToOne()
    net.connect(a, b, one, delay=1.0)
    net.connect(b, c, one, delay=0.3)
    net.connect(c, b, one, delay=0.5)
    stages = snn.lower(net, 0.1).stages
    assert stages.window.tolist() == [NEVER, 3]
    assert stages.first_block.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("size", "delay", "blocks"), [(1_000, 0.1, 1), (1_000, 2.0, 2), (20_000, 0.1, 2)])
def test_work_is_cut_for_threads_unless_they_would_meet_too_often(size, delay, blocks):
    net = snn.Network()
    cells = net.population("cells", size, snn.IF())
    net.connect(cells, cells, snn.OneToOne(), delay=delay)
    assert snn.lower(net, 0.1, threads=2).stages.first_block.tolist() == [0, blocks]
    assert snn.lower(net, 0.1).stages.first_block.tolist() == [0, 1]


def test_parameters_that_all_share_stay_numbers():
    net = snn.Network()
    net.population("a", 2, snn.LIF(v_threshold=10.0))
    net.population("b", 3, snn.LIF(v_threshold=snn.Uniform(5.0, 6.0)))
    (group,) = snn.lower(net, 0.1).groups
    assert isinstance(group.parameters.decay, float)
    assert group.parameters.v_threshold.shape == (5,)
    assert group.parameters.v_threshold[0] == 10.0
    assert 5.0 <= group.parameters.v_threshold[2:].min() <= group.parameters.v_threshold[2:].max() < 6.0


def test_drawn_delays_are_rounded_to_at_least_a_step():
    net = snn.Network()
    cells = net.population("cells", 50, snn.LIF())
    net.connect(cells, cells, snn.FixedInDegree(10), delay=snn.Normal(0.1, 0.2))
    delays = snn.lower(net, 0.1).listed_synapses("cells", "cells").delays
    np.testing.assert_allclose(delays, np.rint(delays / 0.1) * 0.1)
    assert delays.min() == 0.1
    assert delays.max() > 0.3


def test_lowering_twice_gives_the_same_arrays():
    def lowered():
        net = snn.Network(seed=7)
        cells = net.population("cells", 30, snn.LIF(tau_m=snn.Normal(10.0, 1.0)))
        net.connect(cells, cells, snn.FixedInDegree(5), weight=snn.Normal(0.0, 1.0), delay=snn.Uniform(0.1, 2.0))
        return snn.lower(net, 0.1)

    a, b = lowered(), lowered()
    for x, y in zip(a.synapses, b.synapses, strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(a.groups[0].parameters.decay, b.groups[0].parameters.decay)


def test_synaptic_events_are_spikes_times_fan_out():
    net = snn.Network()
    a = net.population("a", (4, 4, 1), snn.IF(i_e=1.0))
    b = net.population("b", (2, 2, 3), snn.IF())
    net.connect(a, b, snn.Conv2d(np.zeros((3, 3, 1, 3))))
    net.connect(a, b, snn.Edges([0, 0, 5], [1, 2, 3]), weight=0.0)
    recording = snn.Simulation(net, dt=1.0).run(10.0)
    assert recording.synaptic_events().tolist() == [10 * (4 * 9 * 3 + 3)]
