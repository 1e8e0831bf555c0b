"""Samples that are simulated no further do not change the others, and cost nothing."""

import numpy as np
import pytest

import snn


def network():
    net = snn.Network(seed=3)
    cells = net.population("cells", 30, snn.IF(v_threshold=1.0, v_reset=0.0, reset="soft"))
    net.connect(net.poisson("noise", 300.0, 20), cells, snn.Dense(np.linspace(0.1, 1.0, 600).reshape(30, 20)))
    net.connect(net.spike_trains("given", [np.arange(1.0, 60.0, 4.0)]), cells, snn.Dense(np.full((30, 1), 0.3)))
    net.connect(cells, cells, snn.FixedInDegree(3), weight=-0.2, delay=2.0)
    net.record(cells, "v", every=1.0)
    return net


def rows(record, chosen):
    columns = (record.samples[chosen], record.steps[chosen], record.neurons[chosen])
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def assert_that_the_others_do_not_notice(device):
    whole = snn.Simulation(network(), dt=1.0, batch=5).run(60.0)
    simulation = snn.Simulation(network(), dt=1.0, batch=5, threads=2, device=device)
    simulation.run(20.0)
    simulation.retire([1, 3])
    simulation.run(20.0)
    simulation.retire([0])
    simulation.run(20.0)
    ended = np.array([40, 20, 60, 20, 60])
    for name, expected in whole.spikes.items():
        kept = expected.steps <= ended[expected.samples]
        assert 0 < kept.sum() < len(kept)
        assert rows(simulation.recording.spikes[name], slice(None)) == rows(expected, kept)
    traces = simulation.recording.trace("cells").values
    for sample, end in enumerate(ended):
        np.testing.assert_array_equal(traces[sample, :end], whole.trace("cells").values[sample, :end])
        assert np.isnan(traces[sample, end:]).all()
    simulation.reset()
    np.testing.assert_array_equal(simulation.run(60.0).counts("cells"), whole.counts("cells"))


def test_the_others_do_not_notice():
    assert_that_the_others_do_not_notice("cpu")


@pytest.mark.parametrize("samples", [[5], [-1], [0.5]])
def test_refuses_samples_that_are_not_there(samples):
    simulation = snn.Simulation(network(), dt=1.0, batch=5)
    with pytest.raises(snn.ValidationError, match="retire: samples"):
        simulation.retire(samples)
