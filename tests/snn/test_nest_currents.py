"""Currents that vary against NEST's generators, where NEST is installed."""

import math

import numpy as np
import pytest

import snn

nest = pytest.importorskip("nest", reason="NEST (nest-simulator) is not installed")

MEMBRANE = {"tau_m": 10.0, "C_m": 250.0, "E_L": 0.0, "V_th": 1e9, "V_m": 0.0}
DT = 0.1


def nest_potentials(generator, options, cells, duration):
    """Potentials (samples, cells) every step; the current needs a step to come and one to act on what is recorded."""
    nest.ResetKernel()
    nest.resolution = DT
    neurons, source = nest.Create("iaf_psc_delta", cells, params=MEMBRANE), nest.Create(generator, params=options)
    nest.Connect(source, neurons, syn_spec={"delay": DT})
    meter = nest.Create("multimeter", params={"interval": DT, "record_from": ["V_m"]})
    nest.Connect(meter, neurons)
    nest.Simulate(duration)
    return np.array(meter.events["V_m"]).reshape(-1, cells)[2:]


def potentials(add, cells, duration):
    net = snn.Network(seed=2)
    model = snn.LIF(tau_m=10.0, c_m=250.0, v_rest=0.0, v_threshold=1e9)
    target = net.population("target", cells, model)
    add(net, target)
    net.record(target, "v", every=DT)
    return snn.Simulation(net, dt=DT).run(duration).trace("target").values[0]


def test_a_sinusoidal_current_is_nest_s_which_takes_the_end_of_a_step():
    options = {"amplitude": 100.0, "offset": 50.0, "frequency": 50.0, "phase": 30.0}
    expected = nest_potentials("ac_generator", options, 1, 100.0)
    phase = math.radians(30.0) + math.pi * 0.05 * DT

    def add(net, target):
        net.connect(net.sine_current("sine", 100.0, 50.0, phase=phase, offset=50.0), target, snn.AllToAll())

    np.testing.assert_allclose(potentials(add, 1, 100.0)[: len(expected)], expected, atol=1e-6)


def test_a_noise_current_moves_the_membrane_as_nest_s_does():
    expected = nest_potentials("noise_generator", {"mean": 100.0, "std": 500.0, "dt": 1.0}, 200, 1000.0)[1000:]
    found = potentials(
        lambda net, target: net.connect(net.noise_current("noise", 100.0, 500.0, interval=1.0), target), 200, 1000.0
    )[1000:]
    # 200 cells, 900 ms, correlated over about 20 ms: some 9000 independent values.
    assert found.mean() == pytest.approx(expected.mean(), abs=6 * expected.std() / math.sqrt(9000))
    assert found.var() == pytest.approx(expected.var(), rel=0.08)
