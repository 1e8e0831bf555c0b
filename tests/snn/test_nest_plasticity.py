"""`snn.TsodyksMarkram` against NEST's tsodyks2_synapse, where that is installed."""

import numpy as np
import pytest

import snn

nest = pytest.importorskip("nest", reason="NEST (nest-simulator) is not installed")


@pytest.mark.parametrize("tau_fac", [0.0, 60.0])
def test_potentials_are_nest_s(tau_fac):
    rng = np.random.default_rng(4)
    u, tau_rec, weight, delay, dt, steps = 0.37, 90.0, 512.0, 1.5, 0.1, 4000
    times = np.unique(rng.integers(20, steps - 20, 80)) * dt
    neuron = {"tau_m": 11.0, "c_m": 130.0, "v_rest": -65.0, "v_threshold": 1e3}
    net = snn.Network()
    cell = net.population("cell", 1, snn.LIF(synapse="exponential", tau_syn=3.0, **neuron))
    rule = snn.TsodyksMarkram(u=u, tau_rec=tau_rec, tau_fac=tau_fac)
    net.connect(net.spike_trains("t", [times]), cell, snn.OneToOne(), weight=weight, delay=delay, plasticity=rule)
    net.record(cell, "v", every=dt)
    ours = snn.Simulation(net, dt=dt).run(steps * dt).trace("cell").values[0, :, 0]

    nest.ResetKernel()
    nest.set(resolution=dt)
    theirs = nest.Create("iaf_psc_exp", params={"tau_m": 11.0, "C_m": 130.0, "E_L": -65.0, "V_m": -65.0, "V_th": 1e3})
    theirs.set(tau_syn_ex=3.0)
    # The generator's own synapse must be static: a parrot stands between, one step after it.
    generator = nest.Create("spike_generator", params={"spike_times": times - dt})
    parrot = nest.Create("parrot_neuron")
    nest.Connect(generator, parrot, syn_spec={"delay": dt})
    synapse = {"synapse_model": "tsodyks2_synapse", "weight": weight, "delay": delay}
    nest.Connect(parrot, theirs, syn_spec=synapse | {"U": u, "u": u, "tau_rec": tau_rec, "tau_fac": tau_fac})
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": dt})
    nest.Connect(meter, theirs, syn_spec={"delay": dt})
    nest.Simulate((steps + 2) * dt)
    v = meter.events["V_m"][:steps]
    assert ours.max() > -63.0
    np.testing.assert_allclose(ours, v, atol=1e-7)
