"""Networks whose parts do not belong together, and simulations that this machine cannot run (see test_bad_input)."""

import numpy as np
import pytest

import snn


@pytest.fixture
def net():
    network = snn.Network(seed=1)
    network.population("cells", 5, snn.LIF())
    network.population("image", (4, 4, 2), snn.IF())
    return network


def test_a_single_neuron_has_nobody_to_draw_but_itself(net):
    one = net.population("one", 1, snn.LIF())
    for rule in (
        snn.FixedInDegree(1, autapses=False),
        snn.FixedOutDegree(1, autapses=False),
        snn.FixedTotalNumber(1, autapses=False),
    ):
        with pytest.raises(snn.ValidationError, match=r"= 1 .* at most 0"):
            net.connect(one, one, rule)
    assert not net.projections


def test_currents_have_no_spikes_to_pool(net):
    pooled = net.population("pooled", (2, 2, 2), snn.IF())
    with pytest.raises(snn.ValidationError, match="max-pooling counts spikes"):
        net.connect(net.current("current", np.ones((4, 4, 2))), pooled, snn.MaxPool2d(2))
    net.connect(net.sources["current"], pooled, snn.SumPool2d(2), weight=0.25)
    simulation = snn.Simulation(net, dt=1.0)
    simulation.run(1.0)
    assert simulation.recording.spikes["pooled"].counts().tolist() == [[1] * 8]


def test_parts_of_another_network_are_refused(net):
    other = snn.Network()
    stranger = other.population("cells", 5, snn.LIF())
    with pytest.raises(snn.ValidationError, match="of this network"):
        net.connect(stranger, net.populations["cells"], snn.OneToOne())
    with pytest.raises(snn.ValidationError, match="of this network"):
        net.record(stranger, "v", every=0.1)
    with pytest.raises(snn.ValidationError, match="one of this network's"):
        snn.Simulation(net).set(stranger, i_e=1.0)


def test_currents_and_own_trains_have_rules_of_their_own(net):
    cells = net.populations["cells"]
    with pytest.raises(snn.ValidationError, match="an input of its own"):
        net.connect(net.poisson("noise", 1.0), cells, snn.OneToOne())
    with pytest.raises(snn.ValidationError, match="no delay"):
        net.connect(net.current("current", np.ones(5)), cells, snn.OneToOne(), delay=1.0)


def test_times_on_the_grid_up_to_rounding_are_accepted(net):
    cells = net.populations["cells"]
    net.connect(cells, cells, snn.OneToOne(), delay=0.3)  # 0.3 / 0.1 is 2.9999999999999996
    assert snn.lower(net, 0.1).projections.delay.tolist() == [3]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"engine": "fast"}, snn.ValidationError),
        ({"device": "cuda:99"}, snn.BackendUnavailable),
        ({"batch": 10**12}, snn.ResourceError),
    ],
)
def test_simulations_that_cannot_be_are_refused(net, options, error):
    with pytest.raises(error):
        snn.Simulation(net, **options)


def test_an_empty_network_is_refused():
    with pytest.raises(snn.ValidationError, match="no populations"):
        snn.Simulation(snn.Network())
    with pytest.raises(snn.ValidationError, match=r"a snn\.Network"):
        snn.Simulation("network")
