"""A quantity is the number that it stands for, wherever a number has a unit, and refused where it has another one."""

from dataclasses import dataclass, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snn
from snn import units
from snn.neurons import Model

b = pytest.importorskip("brian2")


def described(q):
    """A network with a unit in every place that takes one; `q` makes a value of a number and its unit."""
    net = snn.Network(seed=7)
    model = snn.LIF(
        tau_m=q(10.5, b.ms),
        v_rest=q(-0.3, b.mV),
        v_threshold=q([3.0, 2.9, 2.8, 3.1], b.mV),
        v_reset=snn.Uniform(q(-1.0, b.mV), q(0.7, b.mV)),
        t_ref=q(0.3, b.ms),
        c_m=snn.Normal(q(250.0, b.pF), q(1.5, b.pF)),
        i_e=q(33.3, b.pA),
        tau_syn=q(0.7, b.ms),
        synapse="exponential",
    )
    cells = net.population("cells", 4, model, initial={"v": q(1.1, b.mV)}, active=(q(0.3, b.ms), q(90.1, b.ms)))
    delta = net.population("delta", 3, snn.LIF(), initial={"v": snn.Uniform(q(0.0, b.mV), q(19.0, b.mV))})
    net.connect(net.poisson("noise", q(3333.0, b.Hz)), cells, weight=q(37.7, b.pA))
    net.connect(net.poisson("trains", q([700.0, 300.0], b.Hz), 2), delta, snn.Dense(q(np.full((3, 2), 1.3), b.mV)))
    given_trains = net.spike_trains("given", [q([0.3, 0.7], b.ms), [q(1.3, b.ms)], []])
    net.connect(given_trains, delta, snn.OneToOne(), weight=q([1.7, 2.3, 0.1], b.mV), delay=q(0.7, b.ms))
    current = net.current("current", q([111.1, -0.7, 0.3], b.pA), start=q(0.3, b.ms), stop=q(44.4, b.ms))
    net.connect(current, delta, snn.OneToOne(), weight=2.0)
    rate = lambda t: q(100.0 * t, b.Hz)  # noqa: E731
    net.connect(net.poisson("rising", rate, bin=q(0.7, b.ms), duration=q(7.0, b.ms)), cells, weight=q(3.3, b.pA))
    net.connect(net.gamma("gamma", q([300.0, 33.3], b.Hz), 1.7, 2), delta, snn.AllToAll(), weight=q(0.3, b.mV))
    sampled = net.current("sampled", q([[0.1, 0.3, 3.3], [0.7, 7.0, 0.3]], b.pA), bin=q(0.9, b.ms))
    net.connect(sampled, delta, snn.OneToOne())
    net.connect(net.sine_current("sine", q(3.3, b.pA), q(7.7, b.Hz), offset=q(0.3, b.pA)), cells, snn.AllToAll())
    noise = net.noise_current("white", q(3.3, b.pA), q([0.3, 0.7, 1.1, 3.3], b.pA), interval=q(0.3, b.ms))
    net.connect(noise, cells)
    net.connect(cells, delta, snn.FixedInDegree(2), weight=snn.Normal(q(1.1, b.mV), q(0.3, b.mV)), delay=q(0.6, b.ms))
    delays = snn.Uniform(q(0.1, b.ms), q(1.9, b.ms))
    net.connect(delta, cells, snn.FixedInDegree(2), weight=q(-13.1, b.pA), delay=delays)
    for population in (cells, delta):
        net.record(population, "v", every=q(0.3, b.ms))
    simulation = snn.Simulation(net, dt=q(0.1, b.ms))
    simulation.run(q(30.3, b.ms))
    simulation.set(cells, i_e=q(444.4, b.pA), tau_m=q([7.7, 7.9, 8.1, 8.3], b.ms))
    simulation.set(net.sources["trains"], rate=q([901.0, 0.3], b.Hz))
    simulation.set(net.sources["current"], amplitude=q([0.7, 300.3, 0.1], b.pA))
    simulation.set(net.sources["given"], trains=[[], q([30.7], b.ms), [q(30.9, b.ms)]])
    simulation.run(q(30.1, b.ms))
    return simulation.recording


def test_a_network_in_quantities_is_the_one_in_plain_numbers():
    plain = described(lambda number, unit: number)
    quantities = described(lambda number, unit: number * unit)
    assert all(len(plain.spikes[name]) > 5 for name in ("cells", "delta", "trains"))
    assert len(plain.spikes["given"]) == 5
    for name, record in plain.spikes.items():
        np.testing.assert_array_equal(record.steps, quantities.spikes[name].steps)
        np.testing.assert_array_equal(record.neurons, quantities.spikes[name].neurons)
    for one, other in zip(plain.traces, quantities.traces, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.times, other.times)


@pytest.mark.parametrize(
    "model",
    [
        kind
        for kind in vars(snn.neurons).values()
        if isinstance(kind, type) and issubclass(kind, Model) and kind not in (Model, snn.Staircase)  # has no units
    ],
)
def test_every_parameter_of_every_model_that_has_a_unit_takes_quantities(model):
    needed = {"period": 3} if model is snn.PeriodicIF else {}
    plain = model(**needed)
    for field in fields(model):
        value, unit = getattr(plain, field.name), plain.unit(field.name)
        if unit != "1":
            value = 1.0 if value is None else value
            options = needed | (
                {"synapse": "exponential"} if field.name == "tau_syn_inh" and hasattr(plain, "synapse") else {}
            )
            numerator, *denominator = (getattr(b, part) for part in unit.split("/"))
            quantity = value * numerator / denominator[0] if denominator else value * numerator
            given = model(**{field.name: quantity}, **options)
            assert getattr(given, field.name) == pytest.approx(value, rel=1e-14)
            with pytest.raises(snn.ValidationError, match=rf"{model.__name__}: {field.name} = .* in {unit}"):
                model(**{field.name: value * b.meter}, **options)
    named = model not in (snn.CustomModel, snn.McCullochPitts) and any(
        plain.unit(field.name) != "1" for field in fields(model)
    )
    assert plain.weight_unit in ("mV", "pA", "nS") or not named


def test_plasticity_takes_quantities():
    rule = snn.TsodyksMarkram(u=0.3, tau_rec=0.8 * b.second, tau_fac=snn.Uniform(1 * b.ms, 2 * b.ms))
    assert (rule.tau_rec, rule.tau_fac) == (800.0, snn.Uniform(1.0, 2.0))
    for wrong in ({"tau_rec": 3 * b.mV}, {"u": 0.5 * b.ms}):
        with pytest.raises(snn.ValidationError, match=r"TsodyksMarkram: (tau_rec|u) = "):
            snn.TsodyksMarkram(**wrong)


def test_other_sizes_of_a_unit_are_converted():
    model = snn.LIF(tau_m=0.02 * b.second, c_m=0.25 * b.nF, i_e=1.5 * b.nA, v_threshold=20_000 * b.uvolt)
    assert (model.tau_m, model.c_m, model.i_e, model.v_threshold) == (20.0, 250.0, 1500.0, 20.0)
    assert all(type(value) is float for value in (model.tau_m, model.c_m))
    assert snn.Network().poisson("noise", 2 * b.kHz).stimulus.rate == 2000.0


@given(
    number=st.integers(-(10**14), 10**14), exponent=st.integers(-9, 3), unit=st.sampled_from(["ms", "mV", "pA", "nS"])
)
def test_numbers_of_up_to_fifteen_digits_come_back_to_the_last_bit(number, exponent, unit):
    number = float(f"{number}e{exponent}")
    assert units.plain("a", "b", number * getattr(b, unit), unit) == number
    np.testing.assert_array_equal(units.plain("a", "b", [number, 0.1] * getattr(b, unit), unit), [number, 0.1])


def test_units_of_this_package_are_plain_numbers():
    model = snn.LIF(tau_m=20 * units.ms, v_threshold=15 * units.mV, c_m=200 * units.pF, i_e=3 * units.pA)
    assert (model.tau_m, model.v_threshold, model.c_m, model.i_e) == (20.0, 15.0, 200.0, 3.0)
    assert 2 * units.nS == 2.0
    assert 3 * units.Hz == 3.0


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("v", "mV"), ("v_threshold", "mV"), ("e_ex", "mV"), ("delta_t", "mV"), ("tau_m", "ms"), ("t_ref", "ms")),
        *(("c_m", "pF"), ("i_e", "pA"), ("g_leak", "nS"), ("rate", "Hz"), ("beta", "1"), ("reset", "1"), ("e", "1")),
    ],
)
def test_names_say_their_unit(name, unit):
    assert units.of(name) == unit


def test_a_model_can_say_otherwise_and_have_quotients_of_units():
    @dataclass(frozen=True, eq=False, kw_only=True)
    class Own(Model):
        k: object = 1.0
        tau_x: object = 1.0

        def unit(self, name):
            return {"k": "nS/mV", "tau_x": "1"}.get(name) or super().unit(name)

    assert Own(k=3 * b.nS / b.mV).k == 3.0
    with pytest.raises(snn.ValidationError, match=r"Own: tau_x = .*second .* it has no unit"):
        Own(tau_x=3 * b.ms)


@pytest.fixture
def net():
    network = snn.Network(seed=1)
    network.population("cells", 5, snn.LIF())
    network.population("driven", 5, snn.LIF(synapse="exponential"))
    network.population("free", 5, snn.DiscreteLIF())
    return network


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda n, c: snn.LIF(tau_m=3 * b.mV), r"LIF: tau_m = 3\. \* mvolt .* in ms"),
        (lambda n, c: snn.LIF(v_rest=[1 * b.mV, 2 * b.ms]), r"LIF: v_rest\[1\] = 2\. \* msecond .* in mV"),
        (lambda n, c: snn.LIF(c_m=[1, 2] * b.nS), r"c_m = .* in pF"),
        (lambda n, c: snn.LIF(i_e=snn.Uniform(1 * b.mV, 2 * b.mV)), r"i_e\.low = 1\. \* mvolt .* in pA"),
        (lambda n, c: snn.LIF(tau_m=-3 * b.ms), r"tau_m = -3\.0 .* > 0"),
        (lambda n, c: snn.Uniform(0 * b.mV, 3 * b.ms), "one unit"),
        (lambda n, c: snn.Normal(0.0, 3 * b.ms), "one unit"),
        (lambda n, c: snn.Uniform(2 * b.mV, 1 * b.mV), "low <= high"),
        (lambda n, c: snn.DiscreteLIF(v_threshold=1 * b.mV), "v_threshold = .* no unit"),
        (lambda n, c: snn.PairwiseBernoulli(0.1 * b.mV), "probability = .* no unit"),
        (lambda n, c: n.population("new", 5, snn.LIF(), initial={"v": 1 * b.ms}), r"initial\['v'\] = .* in mV"),
        (lambda n, c: n.population("new", 5, snn.DiscreteLIF(), initial={"v": 1 * b.mV}), "no unit"),
        (lambda n, c: n.population("new", 5, snn.LIF(), active=(0 * b.mV, 1.0)), r"active\[0\] = .* in ms"),
        (lambda n, c: n.population("new", 5, snn.LIF(), active=(0, 1 * b.mV)), r"active\[1\] = .* in ms"),
        (lambda n, c: n.poisson("noise", 3 * b.ms), "rate = .* in Hz"),
        (lambda n, c: n.spike_trains("given", [[1.0], [1, 2] * b.mV]), r"trains\[1\] = .* in ms"),
        (lambda n, c: n.current("current", 3 * b.mV), "amplitude = .* in pA"),
        (lambda n, c: n.current("current", 3, start=1 * b.pA), "start = .* in ms"),
        (lambda n, c: n.current("current", 3, stop=1 * b.pA), "stop = .* in ms"),
        (lambda n, c: n.connect(c, c, snn.OneToOne(), weight=3 * b.pA), r"weight = 3\. \* pamp .* in mV"),
        (lambda n, c: n.connect(c, n.populations["driven"], snn.OneToOne(), weight=3 * b.mV), "weight = .* in pA"),
        (lambda n, c: n.connect(c, n.populations["free"], snn.OneToOne(), weight=3 * b.mV), "weight = .* no unit"),
        (lambda n, c: n.connect(c, c, snn.OneToOne(), delay=3 * b.mV), "delay = .* in ms"),
        (lambda n, c: n.connect(c, c, snn.Dense(np.ones((5, 5)) * b.pA)), "weights = 'weights in pA' .* in mV"),
        (lambda n, c: snn.Dense([[1 * b.mV, 1 * b.pA]]), r"weights\[0\]\[1\] = .* in mV"),
        (lambda n, c: snn.Conv2d(np.ones((2, 2, 1, 1)) * b.ms), "(?s)kernel = .* weights in mV, pA or nS"),
        (lambda n, c: n.record(c, "v", every=1 * b.Hz), "every = .* in ms"),
        (lambda n, c: snn.Simulation(n, dt=1 * b.Hz), "dt = .* in ms"),
        (lambda n, c: snn.lower(n, 1 * b.Hz), "dt = .* in ms"),
        (lambda n, c: snn.Simulation(n).run(1 * b.Hz), "duration = .* in ms"),
        (lambda n, c: snn.Simulation(n).set(c, i_e=1 * b.mV), "i_e = .* in pA"),
    ],
)
def test_a_quantity_of_another_dimension_is_refused_and_nothing_is_added(net, act, message):
    with pytest.raises(snn.ValidationError, match=message):
        act(net, net.populations["cells"])
    assert list(net.populations) == ["cells", "driven", "free"]
    assert (net.sources, net.projections, net.probes) == ({}, [], [])
