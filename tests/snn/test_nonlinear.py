"""Nonlinear neurons and conductances: the solution of their equations, order in dt, and what they must do."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snn

ACCURACY = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "nest_accuracy.py"))
FAMILIES = sorted(ACCURACY["FAMILIES"])
STEPS = 600


def case(family, seed=3):
    return ACCURACY["random_case"](family, np.random.default_rng(seed), STEPS)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_driven_neuron_follows_its_equations(family):
    given = case(family)
    truth, found = ACCURACY["reference"](family, given, STEPS), ACCURACY["in_snn"](given, STEPS)
    assert len(truth.spikes) >= 2
    distance = ACCURACY["distance"](found, truth)
    assert distance.spikes == 0
    assert distance.median_v < 1e-6
    assert distance.largest_v < 1e-4


def v_at(model, dt, duration, initial=None):
    net = snn.Network()
    cell = net.population("cell", 1, model, initial=initial or {})
    simulation = snn.Simulation(net, dt=dt)
    simulation.run(duration)
    return simulation.state(cell)[0, 0]


# Far enough below the threshold that nothing fires.
QUIET = {
    "ConductanceLIF": (snn.ConductanceLIF(i_e=100.0, tau_syn=2.0), {"g_ex": 20.0, "g_in": 10.0}, 1),
    "AdEx": (snn.AdEx(i_e=200.0, tau_syn=2.0), {"g_ex": 20.0, "g_in": 10.0}, 1),
    "HodgkinHuxley": (snn.HodgkinHuxley(i_e=-50.0), {"g_ex": 2.0, "g_in": 10.0}, 1),
    "QIF": (snn.QIF(i_e=20.0), {"v": -75.0}, 2),
    "Izhikevich": (snn.Izhikevich(i_e=1.0), {"v": -70.0}, 1),
}


@pytest.mark.parametrize("family", QUIET)
def test_one_step_methods_converge_in_their_order(family):
    model, initial, order = QUIET[family]
    exact = v_at(model, 0.125, 8.0, initial)
    fast = replace(model, integrator="exponential_euler")
    coarse, fine = (abs(v_at(fast, dt, 8.0, initial) - exact) for dt in (1 / 32, 1 / 64))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("family", QUIET)
def test_the_default_does_not_depend_on_the_step(family):
    model, initial, _ = QUIET[family]
    assert v_at(model, 0.5, 8.0, initial) == pytest.approx(v_at(model, 0.125, 8.0, initial), abs=1e-6)


def test_gauss_s_rule_falls_as_the_eighth_power_of_the_step():
    model = snn.ConductanceLIF(tau_syn=1.0, tau_syn_inh=1.5, v_threshold=1e3, c_m=100.0)
    initial = {"g_ex": 200.0, "g_in": 100.0}
    exact = v_at(model, 1 / 16, 2.0, initial)
    coarse, fine = (abs(v_at(model, dt, 2.0, initial) - exact) for dt in (1.0, 0.5))
    assert math.log2(coarse / fine) > 7.0


def test_a_quadratic_neuron_fires_with_the_period_of_its_closed_form():
    model = snn.QIF(c_m=100.0, k=1.0, v_rest=-60.0, v_threshold=-60.0, v_peak=1e4, v_reset=-1e4, i_e=150.0)
    net = snn.Network()
    net.population("cell", 1, model)
    steps = snn.Simulation(net, dt=0.01).run(500.0).spikes["cell"].steps
    speed = math.sqrt(150.0) / 100.0  # 1/ms, in which dx/dt = speed (1 + x^2)
    ends = [math.atan((v + 60.0) / math.sqrt(150.0)) for v in (-1e4, 1e4)]
    period = (ends[1] - ends[0]) / speed
    assert len(steps) >= 19
    assert (steps[-1] - steps[0]) * 0.01 / (len(steps) - 1) == pytest.approx(period, abs=0.01 / (len(steps) - 1))


@pytest.mark.parametrize("model", [snn.ConductanceLIF(i_e=1000.0), snn.AdEx(i_e=2000.0, t_ref=2.0)])
@pytest.mark.parametrize("fast", [False, True])
def test_v_is_held_at_reset_for_the_refractory_period(model, fast):
    model = replace(model, integrator="exponential_euler") if fast else model
    net = snn.Network()
    cell = net.population("cell", 1, model)
    net.record(cell, "v", every=0.1)
    recording = snn.Simulation(net, dt=0.1).run(50.0)
    v, first = recording.traces[0].values[0, :, 0], recording.spikes["cell"].steps[0]
    assert (v[first - 1 : first + 20] == model.v_reset).all()
    assert v[first + 20] > model.v_reset


def test_a_negative_weight_inhibits():
    for model in (snn.ConductanceLIF(), snn.AdEx(), snn.HodgkinHuxley()):
        net = snn.Network()
        cell = net.population("cell", 2, model)
        trains = net.spike_trains("input", [[1.0]])
        net.connect(trains, cell, snn.Dense(np.array([[8.0], [-8.0]])))
        for name in ("g_ex", "g_in"):
            net.record(cell, name, every=0.1)
        g_ex, g_in = (trace.values[0] for trace in snn.Simulation(net, dt=0.1).run(2.0).traces)
        k = np.arange(1, 21)
        for column, tau, g in ((0, model.tau_syn, g_ex), (1, model.tau_syn_inh, g_in)):
            expected = np.where(k >= 10, 8.0 * np.exp(-(k - 10.0) * 0.1 / tau), 0.0)
            np.testing.assert_allclose(g[:, column], expected, rtol=1e-12)
            assert not g[:, 1 - column].any()


def test_an_adaptive_neuron_slows_down_and_resets_within_the_step():
    net = snn.Network()
    cell = net.population("cell", 1, snn.AdEx(i_e=1000.0))
    net.record(cell, "v", every=0.1)
    recording = snn.Simulation(net, dt=0.1).run(300.0)
    steps = recording.spikes["cell"].steps
    intervals = np.diff(steps)
    assert intervals[-1] > 1.5 * intervals[0]
    after = recording.traces[0].values[0, steps - 1, 0]
    assert (after > -60.0).all()  # it has gone on from v_reset before the step ended
    assert (after < -45.0).all()


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (snn.ConductanceLIF, "tau_syn", 0.0),
        (snn.ConductanceLIF, "integrator", "rk4"),
        (snn.AdEx, "delta_t", 0.0),
        (snn.AdEx, "g_l", -1.0),
        (snn.AdEx, "integrator", "euler"),
        (snn.QIF, "k", 0.0),
        (snn.QIF, "tau_syn_inh", 2.0),
        (snn.QIF, "synapse", "alpha"),
        (snn.Izhikevich, "a", -0.1),
        (snn.Izhikevich, "d", math.inf),
        (snn.HodgkinHuxley, "g_na", -1.0),
        (snn.HodgkinHuxley, "t_ref", -1.0),
    ],
)
def test_bad_parameters_are_refused(make, field, value):
    with pytest.raises(snn.ValidationError) as caught:
        make(**{field: value})
    assert caught.value.attribute == field


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (snn.ConductanceLIF(v_reset=-50.0), "v_reset"),
        (snn.AdEx(v_peak=-55.0), "v_peak"),
        (snn.AdEx(delta_t=0.05), "v_peak"),
        (snn.QIF(v_reset=40.0), "v_reset"),
        (snn.Izhikevich(c=40.0), "c"),
        (snn.HodgkinHuxley(t_ref=0.07), "t_ref"),
    ],
)
def test_what_cannot_be_lowered_is_refused(model, field):
    net = snn.Network()
    net.population("cell", 1, model)
    with pytest.raises(snn.ValidationError) as caught:
        snn.Simulation(net, dt=0.1)
    assert caught.value.attribute == field
