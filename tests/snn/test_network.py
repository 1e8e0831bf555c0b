"""Bad input is refused before anything is built, naming the argument and what would do."""

import numpy as np
import pytest
from scipy import sparse

import snn

NAN = float("nan")


@pytest.fixture
def net():
    network = snn.Network(seed=1)
    network.population("cells", 5, snn.LIF())
    network.population("image", (4, 4, 2), snn.IF())
    return network


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.LIF(tau_m=0.0), "LIF: tau_m = 0.0 .* > 0"),
        (lambda: snn.LIF(tau_m=-1.0), "tau_m = -1.0"),
        (lambda: snn.LIF(tau_m=NAN), "tau_m = nan"),
        (lambda: snn.LIF(c_m=[100.0, -1.0]), r"c_m\[1\]"),
        (lambda: snn.LIF(t_ref=-0.1), "t_ref"),
        (lambda: snn.LIF(v_rest="low"), "v_rest = 'low'"),
        (lambda: snn.IF(tau_syn=0.0, synapse="exponential"), "tau_syn"),
        (lambda: snn.IF(synapse="beta"), "synapse = 'beta'"),
        (lambda: snn.IF(reset="none"), "reset = 'none'"),
        (lambda: snn.IF(tau_syn_inh=2.0), "tau_syn_inh"),
        (lambda: snn.DiscreteLIF(beta=1.2), "beta"),
        (lambda: snn.DiscreteLIF(reset="late"), "reset"),
        (lambda: snn.Uniform(1.0, 0.0), "low <= high"),
        (lambda: snn.Normal(0.0, -1.0), "std >= 0"),
        (lambda: snn.Network(seed=-1), "seed"),
        (lambda: snn.Network(seed=2**32), "2\\^32 - 1"),
        (lambda: snn.Dense([1.0, 2.0]), "targets, sources"),
        (lambda: snn.Dense([[1.0, NAN]]), r"weights\[0, 1\]"),
        (lambda: snn.Dense("weights"), "array of numbers"),
        (lambda: snn.Conv2d(np.zeros((2, 2))), "kernel"),
        (lambda: snn.Conv2d(np.zeros((2, 2, 1, 1)), stride=0), "stride = 0"),
        (lambda: snn.Conv2d(np.zeros((2, 2, 1, 1)), padding=(1, -1)), "padding"),
        (lambda: snn.SumPool2d((2, 2, 2)), "pair"),
        (lambda: snn.Edges([0, 1], [0]), "targets = '1 indices'"),
        (lambda: snn.Edges([0.5], [0]), "integers"),
        (lambda: snn.Sparse(np.eye(3)), "SciPy sparse"),
        (lambda: snn.FixedInDegree(-1), "degree"),
    ],
)
def test_parts_refuse_bad_values(make, message):
    with pytest.raises(snn.ValidationError, match=message):
        make()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda n: n.population("cells", 3, snn.LIF()), "'cells' .* not used before"),
        (lambda n: n.population("", 3, snn.LIF()), "name"),
        (lambda n: n.population("new", 0, snn.LIF()), "shape = 0"),
        (lambda n: n.population("new", (), snn.LIF()), "shape"),
        (lambda n: n.population("new", (2, 0), snn.LIF()), "shape"),
        (lambda n: n.population("new", 3, snn.LIF), "model"),
        (lambda n: n.population("new", 3, snn.LIF(v_threshold=np.ones(4))), r"v_threshold .*shape \(3,\)"),
        (lambda n: n.population("new", 3, snn.LIF(), initial={"v": [1.0]}), "initial"),
        (lambda n: n.population("new", 3, snn.LIF(), active=(3.0, 1.0)), "active"),
        (lambda n: n.poisson("noise", -1.0), "rate"),
        (lambda n: n.poisson("noise", np.ones(3), 4), "rate"),
        (lambda n: n.spike_trains("given", [[2.0, 1.0]]), "ascending"),
        (lambda n: n.spike_trains("given", [[-1.0]]), "above 0"),
        (lambda n: n.spike_trains("given", []), "at least one train"),
        (lambda n: n.current("current", [NAN]), "amplitude"),
        (lambda n: n.current("current", []), "at least one number"),
        (lambda n: n.current("current", [1.0], start=2.0, stop=1.0), "stop"),
    ],
)
def test_networks_refuse_bad_parts_and_stay_as_they_were(net, act, message):
    with pytest.raises(snn.ValidationError, match=message):
        act(net)
    assert set(net.populations) == {"cells", "image"}
    assert not net.sources


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": None}, "rule"),
        ({"rule": "all"}, "a rule of snn.connectivity"),
        ({"rule": snn.Dense(np.zeros((5, 4)))}, "4 columns"),
        ({"rule": snn.Dense(np.zeros((4, 5)))}, "target"),
        ({"rule": snn.Dense(np.zeros((5, 5))), "weight": 1.0}, "brings its weights"),
        ({"rule": snn.OneToOne(), "weight": NAN}, "weight"),
        ({"rule": snn.OneToOne(), "weight": np.ones(4)}, "weight"),
        ({"rule": snn.OneToOne(), "delay": -0.1}, "delay"),
        ({"rule": snn.OneToOne(), "delay": np.ones(5)}, "one number"),
        ({"rule": snn.Edges([5], [0])}, "sources = 5 .* 0 to 4"),
        ({"rule": snn.Edges([0], [-1])}, "targets = -1"),
        ({"rule": snn.Sparse(sparse.eye_array(4))}, "shape"),
        ({"rule": snn.FixedInDegree(2), "delay": np.ones(9)}, "delay"),
        ({"rule": snn.FixedInDegree(6, multapses=False)}, "FixedInDegree: degree = 6 .* at most 5, as many sources"),
        ({"rule": snn.FixedInDegree(5, autapses=False, multapses=False)}, "degree = 5 .* at most 4"),
        ({"rule": snn.FixedOutDegree(6, multapses=False)}, "FixedOutDegree: degree = 6 .* at most 5, as many targets"),
        ({"rule": snn.FixedOutDegree(2), "weight": np.ones(9)}, r"weight .* shape \(10,\)"),
        ({"rule": snn.FixedTotalNumber(26, multapses=False)}, "number = 26 .* at most 25"),
        ({"rule": snn.FixedTotalNumber(21, autapses=False, multapses=False)}, "number = 21 .* at most 20"),
        ({"rule": snn.FixedTotalNumber(2), "weight": np.ones(3)}, r"weight .* shape \(2,\)"),
        ({"rule": snn.AllToAll(autapses=False), "weight": np.ones(25)}, r"weight .* shape \(20,\)"),
        ({"rule": snn.PairwiseBernoulli(0.5), "weight": np.ones(12)}, "weight .* a number or distribution"),
        ({"rule": snn.PairwiseBernoulli(0.5), "delay": np.ones(12)}, "delay .* a number or distribution"),
        ({"rule": snn.Conv2d(np.zeros((2, 2, 1, 1)))}, "height, width, channels"),
    ],
)
def test_connections_are_checked_before_they_are_made(net, options, message):
    cells = net.populations["cells"]
    with pytest.raises(snn.ValidationError, match=message):
        net.connect(cells, cells, **options)
    assert not net.projections


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


def test_images_are_checked(net):
    image = net.populations["image"]
    with pytest.raises(snn.ValidationError, match="source channels"):
        net.connect(image, image, snn.Conv2d(np.zeros((2, 2, 3, 1))))
    with pytest.raises(snn.ValidationError, match=r"shape \(2, 2, 2\)"):
        net.connect(image, image, snn.SumPool2d(2))
    with pytest.raises(snn.ValidationError, match="at most the padded source"):
        net.connect(image, image, snn.SumPool2d(5))
    with pytest.raises(snn.ValidationError, match="OneToOne"):
        net.connect(image, net.populations["cells"], snn.OneToOne())


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
    with pytest.raises(snn.ValidationError, match="a train of its own"):
        net.connect(net.poisson("noise", 1.0), cells, snn.OneToOne())
    with pytest.raises(snn.ValidationError, match="no delay"):
        net.connect(net.current("current", np.ones(5)), cells, snn.OneToOne(), delay=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n, c: n.connect(c, c, snn.OneToOne(), delay=0.25), r"delay = 0.25 .*nearest: 0.2\)"),
        (lambda n, c: n.connect(c, c, snn.OneToOne(), delay=0.04), "delay = 0.04 .*nearest: 0.1"),
        (lambda n, c: n.connect(n.spike_trains("t", [[0.15]] * 5), c, snn.OneToOne()), r"trains\[0\] = 0.15"),
        (lambda n, c: n.connect(n.current("c", np.ones(5), start=0.13), c, snn.OneToOne()), "start"),
        (lambda n, c: n.poisson("p", 20_000.0, 3), "at most one spike a step"),
        (lambda n, c: n.connect(n.poisson("p", 1e8), c), "at most 500"),
        (lambda n, c: n.record(c, "v", every=0.05), "every"),
        (lambda n, c: n.record(c, "w", every=0.1), "v, refractory"),
        (lambda n, c: n.population("new", 1, snn.LIF(t_ref=0.15)), "'new', LIF: t_ref = 0.15"),
        (lambda n, c: n.population("new", 1, snn.LIF(v_reset=30.0)), "v_reset"),
        (lambda n, c: n.population("new", 1, snn.LIF(), initial={"u": 0.0}), "initial = 'u'"),
        (lambda n, c: n.population("new", 1, snn.LIF(), active=(0.15, 1.0)), "active"),
    ],
)
def test_times_off_the_grid_and_unknown_variables_are_refused_at_lowering(net, change, message):
    change(net, net.populations["cells"])
    with pytest.raises(snn.ValidationError, match=message):
        snn.Simulation(net, dt=0.1)


def test_times_on_the_grid_up_to_rounding_are_accepted(net):
    cells = net.populations["cells"]
    net.connect(cells, cells, snn.OneToOne(), delay=0.3)  # 0.3 / 0.1 is 2.9999999999999996
    assert snn.lower(net, 0.1).synapses.delays.tolist() == [3]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dt": 0.0}, snn.ValidationError),
        ({"dt": NAN}, snn.ValidationError),
        ({"threads": 0}, snn.ValidationError),
        ({"threads": 1.5}, snn.ValidationError),
        ({"batch": 0}, snn.ValidationError),
        ({"seed": -1}, snn.ValidationError),
        ({"first_sample": -1}, snn.ValidationError),
        ({"engine": "exact"}, snn.BackendUnavailable),
        ({"device": "cuda"}, snn.BackendUnavailable),
        ({"batch": 10**12}, snn.ResourceError),
    ],
)
def test_simulations_refuse_bad_options(net, options, error):
    with pytest.raises(error):
        snn.Simulation(net, **options)


def test_an_empty_network_is_refused():
    with pytest.raises(snn.ValidationError, match="no populations"):
        snn.Simulation(snn.Network())
    with pytest.raises(snn.ValidationError, match=r"a snn\.Network"):
        snn.Simulation("network")


def test_bad_changes_leave_a_simulation_as_it_was(net):
    cells = net.populations["cells"]
    trains = net.spike_trains("given", [[1.0], []])
    rates = net.poisson("rates", 100.0, 3)
    noise = net.poisson("noise", 100.0)
    simulation = snn.Simulation(net, batch=2)
    for target, values, message in (
        (cells, {"tau": 1.0}, "tau"),
        (cells, {"tau_m": -1.0}, "tau_m"),
        (cells, {"i_e": [1.0, 2.0]}, "shape"),
        (cells, {"i_e": [NAN] * 5}, r"i_e\[0\]"),
        (cells, {"t_ref": 0.15}, "t_ref"),
        (cells, {"synapse": "delta"}, "synapse"),
        (cells, {"i_e": snn.Uniform(0.0, 1.0)}, "array of numbers"),
        (trains, {"trains": [[1.0]]}, "trains"),
        (trains, {"rate": 1.0}, "trains="),
        (rates, {"rate": [-1.0, 0.0, 0.0]}, "rate"),
        (rates, {"rate": [1e6, 0.0, 0.0]}, "rate"),
        (rates, {"rate": [1.0, 0.0]}, "shape"),
        (noise, {"rate": 1.0}, "with a shape"),
    ):
        with pytest.raises(snn.ValidationError, match=message):
            simulation.set(target, **values)
    for duration in (-1.0, 0.05, NAN, "long"):
        with pytest.raises(snn.ValidationError, match="duration"):
            simulation.run(duration)
    with pytest.raises(snn.ValidationError, match="report"):
        simulation.run(1.0, report="dots")
    with pytest.raises(snn.ValidationError, match="variable"):
        simulation.state(cells, "w")
    assert simulation.time == 0.0


def test_slices_and_sums_of_populations(net):
    cells, image = net.populations["cells"], net.populations["image"]
    assert (cells + image + cells) == (cells, image, cells)
    assert cells.__add__((image, cells)) == (cells, image, cells)
    view = cells[1:3]
    assert (view.start, view.stop, len(cells)) == (1, 3, 5)
    for bad in (slice(3, 3), slice(0, 4, 2), 5, -6, "first", True):
        with pytest.raises(snn.ValidationError):
            cells[bad]
