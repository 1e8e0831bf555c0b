"""Dense and convolutional patterns gathered target by target: the sums are those of synapses taken one by one."""

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import snn
from snn import tiles
from snn.engines.grid_cpu.gathering import make_gathers
from snn.jit import compiled

STEPS = 8


def blocks(rng, shape, f):
    """Weights that are the same over f by f elements of the kernel, as average pooling leaves them."""
    return np.repeat(np.repeat(rng.normal(0, 0.4, shape), f, axis=0), f, axis=1)


def layered_network(seed, traced=True):
    """Images one behind the other and a dense layer, with windows of all kinds, driven by currents."""
    rng = np.random.default_rng(seed)
    net = snn.Network(seed=seed % 1000)
    f, stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    channels, outputs = int(rng.integers(1, 3)), int(rng.choice([2, 33]))
    size, padding = (int(rng.integers(1, 3)), int(rng.integers(1, 3))), int(rng.integers(0, 2))
    kernel = blocks(rng, (*size, channels, outputs), f)
    rule = snn.Conv2d(kernel, stride=(f * stride, f), padding=padding)
    image = net.population("image", (4, 5, channels), snn.IF(), initial={"v": snn.Uniform(0.0, 1.0)})
    current = net.current("current", rng.normal(0, 1, (6, 6, 2)), start=1.0, stop=6.0)
    net.connect(current, image, snn.Conv2d(rng.normal(0, 0.2, (3, 2, 2, channels))))
    net.connect(net.current("even", rng.uniform(0, 0.5, 3)), image, snn.Dense(rng.normal(0, 0.3, (image.size, 3))))
    beta = rng.uniform(0.5, 1.0, int(np.prod(rule.target_shape(image.shape))))
    reset = str(rng.choice(["hard", "soft"]))
    pooled = net.population("pooled", rule.target_shape(image.shape), snn.DiscreteLIF(beta=beta, reset=reset))
    net.connect(image, pooled, rule)
    net.connect(image, pooled, snn.Dense(rng.normal(0, 0.1, (pooled.size, image.size))), delay=2.0)
    out = net.population("out", 20, snn.IF(), active=(1.0, 7.0))
    net.connect(pooled, out, snn.Dense(rng.normal(0.3, 0.5, (20, pooled.size))))
    net.connect(out, out, snn.Dense(rng.normal(0, 0.1, (20, 20))))
    for population in (image, pooled, out) if traced else ():
        net.record(population, "v", every=1.0)
    return net


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), threads=st.sampled_from([1, 2]))
def test_spikes_and_potentials_are_the_reference_s(seed, threads):
    network = layered_network(seed)
    spikes, traces = reference.simulate(network, 1.0, STEPS)
    recording = snn.Simulation(network, dt=1.0, threads=threads, batch=2).run(float(STEPS))
    for name, record in recording.spikes.items():
        for sample in range(2):
            mine = record.samples == sample
            assert list(zip(record.steps[mine].tolist(), record.neurons[mine].tolist(), strict=True)) == sorted(
                spikes[name]
            )
    for trace in recording.traces:
        np.testing.assert_array_equal(trace.values[0], traces[trace.population])


@pytest.mark.parametrize("seed", range(3))
def test_neurons_that_only_currents_reach_run_ahead(seed):
    network = layered_network(seed, traced=False)
    spikes, _ = reference.simulate(network, 1.0, STEPS)
    simulation = snn.Simulation(network, dt=1.0)
    assert simulation._engine.tables.alone.any()
    recordings = [simulation.run(3.0), simulation.run(STEPS - 3.0)]
    for name in network.populations:
        parts = [recording.spikes[name] for recording in recordings]
        steps, neurons = (np.concatenate([getattr(part, n) for part in parts]) for n in ("steps", "neurons"))
        assert list(zip(steps.tolist(), neurons.tolist(), strict=True)) == sorted(spikes[name])
    assert spikes["image"]
    traced = snn.Simulation(layered_network(seed), dt=1.0)
    traced.run(float(STEPS))
    np.testing.assert_array_equal(
        simulation.state(network.populations["image"]), traced.state(traced.network.populations["image"])
    )


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_the_same_wide_narrow_or_multiplied(seed, monkeypatch):
    network = layered_network(seed)

    def run():
        simulation = snn.Simulation(network, dt=1.0, weight_bits=24, batch=2)
        parts = [simulation.run(3.0), simulation.run(STEPS - 3.0)]
        return parts, simulation._engine.tables

    def same(parts, others):
        for recording, other in zip(parts, others, strict=True):
            for name, record in recording.spikes.items():
                for part in ("samples", "steps", "neurons"):
                    np.testing.assert_array_equal(getattr(record, part), getattr(other.spikes[name], part))
            for trace, wide in zip(recording.traces, other.traces, strict=True):
                np.testing.assert_array_equal(trace.values, wide.values)

    monkeypatch.setattr("snn.engines.grid_cpu.multiplying._CYCLES", 0)  # however few spike
    multiplied, tables = run()
    assert tables.multiplied is None or tables.multiplied.used.sum() >= 3
    assert (tables.multiplied is not None) == tiles.available()
    monkeypatch.setattr("snn.tiles.available", lambda: False)
    narrow, tables = run()
    assert tables.gathers.narrow[tables.gathers.gathered == 1].any()
    monkeypatch.setattr("snn.engines.grid_cpu.gathering._NARROW_SUM", 0)
    wide, tables = run()
    assert not tables.gathers.narrow.any()
    assert sum(len(record.steps) for record in wide[1].spikes.values())
    same(multiplied, wide)
    same(narrow, wide)


@pytest.mark.skipif(not tiles.available(), reason="no matrix unit")
def test_the_matrix_unit_s_products_are_those_of_integers():
    @compiled(cache=False)
    def multiply(shape, into, left, right, at):
        tiles.configure(shape)
        tiles.products(into, left, 3, 300, right, at, 4)
        tiles.release()

    rng = np.random.default_rng(0)
    left = rng.integers(-128, 128, 20_000).astype(np.int8)
    weights = rng.integers(-(2**23), 2**23, (256, 40))
    right = tiles.planes_of(weights)
    rows = np.stack([left[3 + 300 * i :][:256] for i in range(2 * tiles.SIDE)])
    expected = rows.astype(np.int64) @ weights
    for group, targets in enumerate((32, 8)):
        into, plain = np.zeros((2, tiles.PLANES * tiles.SUMS), np.int32)
        at = group * tiles.PLANES * 4 * tiles.PIECE
        multiply(tiles.configuration(), into, left, right, at)
        tiles.products.plain(plain, left, 3, 300, right, at, 4)
        np.testing.assert_array_equal(into, plain)
        planes = into.reshape(tiles.PLANES, 2, 2, tiles.SIDE, tiles.SIDE).astype(np.int64)
        sums = sum(part << 8 * plane for plane, part in enumerate(planes)).transpose(1, 2, 0, 3).reshape(32, 32)
        np.testing.assert_array_equal(sums[:, :targets], expected[:, 32 * group :][:, :targets])


def test_sums_that_might_not_fit_stay_wide():
    net = snn.Network()
    one, two = net.population("one", 600, snn.IF(i_e=1.0)), net.population("two", 33, snn.IF(v_threshold=1e9))
    net.connect(one, two, snn.Dense(np.ones((33, 600))))
    net.record(two, "v", every=1.0)
    simulation = snn.Simulation(net, dt=1.0, weight_bits=24)
    assert not simulation._engine.tables.gathers.narrow.any()
    np.testing.assert_array_equal(simulation.run(3.0).trace("two").values[0, :, 0], [0.0, 600.0, 1200.0])


def test_a_pooling_merged_into_a_convolution_is_found_again():
    rng = np.random.default_rng(0)
    net = snn.Network()
    image = net.population("image", (8, 8, 3), snn.IF())
    rule = snn.Conv2d(blocks(rng, (2, 2, 3, 4), 2), stride=2)
    net.connect(image, net.population("pooled", rule.target_shape(image.shape), snn.IF()), rule)
    gathers, _ = make_gathers(snn.lower(net, 1.0))
    height, width, down, right = gathers.window[0, :4]
    assert (height, width, down, right) == (2, 2, 1, 1)
    assert len(gathers.weights) == 2 * 2 * 3 * 32


def test_spikes_counted_are_those_listed():
    network = layered_network(3)
    network.record_spikes(network.populations["image"][5:20], network.populations["pooled"])
    listed = snn.Simulation(network, dt=1.0, batch=2)
    counted = snn.Simulation(network, dt=1.0, batch=2, threads=2, spikes="counted")
    first, parts = listed.run(float(STEPS)), [counted.run(3.0), counted.run(5.0)]
    assert first.counts("image").sum() > 0
    for name in network.populations:
        np.testing.assert_array_equal(counted.recording.counts(name), first.counts(name))
        np.testing.assert_array_equal(parts[0].counts(name) + parts[1].counts(name), first.spikes[name].counts())
    np.testing.assert_array_equal(counted.recording.synaptic_events(), first.synaptic_events())
    assert not counted.recording.spikes
    with pytest.raises(snn.ValidationError, match="population = 'nobody'"):
        first.counts("nobody")
    with pytest.raises(snn.ValidationError, match="spikes"):
        counted.recording.save("never.h5")


def test_events_of_the_exact_engine_are_counted_too():
    net = snn.Network()
    cell = net.population("cell", 3, snn.IF(i_e=[0.5, 1.0, 0.0]))
    net.connect(cell, cell, snn.OneToOne(), weight=0.1, delay=1.0)
    recordings = [snn.Simulation(net, engine="exact", spikes=spikes).run(20.0) for spikes in ("listed", "counted")]
    np.testing.assert_array_equal(recordings[0].counts("cell"), recordings[1].counts("cell"))
    assert recordings[1].counts("cell").sum() > 0


@pytest.mark.parametrize(("sources", "targets", "batch"), [(70, 45, 37), (784, 10, 5)])
def test_amplitudes_are_multiplied_in_the_matrix_unit_as_one_by_one(sources, targets, batch, monkeypatch):
    rng = np.random.default_rng(sources)
    net = snn.Network()
    current = net.current("current", np.zeros(sources))
    weights = rng.normal(0, 1, (targets, sources))
    net.connect(current, net.population("cells", targets, snn.IF()), snn.Dense(weights))
    amplitudes = rng.normal(0, 5, (batch, sources)) * (rng.random((batch, sources)) < 0.7)

    def driven():
        simulation = snn.Simulation(net, dt=1.0, batch=batch, weight_bits=24, threads=2)
        simulation.set(current, amplitude=amplitudes)
        simulation.run(2.0)
        simulation.set(current, amplitude=-amplitudes)  # while it flows
        return simulation._engine, simulation._engine.memory.drives.copy(), simulation._engine.memory.flows

    engine, multiplied, flows = driven()
    assert (engine.driving.tables.amplified is not None) == tiles.available()
    monkeypatch.setattr("snn.tiles.available", lambda: False)
    engine, one_by_one, other_flows = driven()
    assert engine.driving.tables.amplified is None
    np.testing.assert_array_equal(multiplied, one_by_one)
    np.testing.assert_array_equal(flows, multiplied)
    np.testing.assert_array_equal(other_flows, one_by_one)
    expected = -amplitudes @ weights.T
    received = multiplied * simulation_quantum(engine.tables)
    np.testing.assert_allclose(received, expected, atol=1e-4)


def simulation_quantum(tables):
    """The unit of the only population's current."""
    return tables.quanta[tables.nodes.quantum[0] + tables.nodes.ports[0]]
