"""Binary units: against a plain simulation, networks whose course is known, and however a run is cut."""

import math

import numpy as np
import pytest
import reference

import snn

DT = 0.1
STEPS = 300


def binary_network(seed, update):
    """Two populations of binary units with synapses among them, from trains and a current."""
    rng = np.random.default_rng(seed)
    net = snn.Network(seed=int(rng.integers(2**32)))
    a = net.population("a", 12, snn.McCullochPitts(threshold=snn.Uniform(-1.0, 0.5), update=update, tau=2.0))
    thresholds, taus = rng.normal(0, 0.5, 9), rng.uniform(0.3, 4.0, 9)
    b = net.population("b", 9, snn.McCullochPitts(threshold=thresholds, update=update, tau=taus), initial={"v": 0.1})
    switches = net.spike_trains("switches", [np.unique(rng.integers(1, STEPS, 10)) * DT for _ in range(3)])
    net.connect(a, b, snn.Dense(rng.normal(0, 1, (9, 12))), delay=0.3)
    net.connect(b, a, snn.FixedInDegree(4), weight=rng.normal(0, 1, 48), delay=rng.integers(1, 9, 48) * DT)
    net.connect(a[2:7], a[1:9], snn.AllToAll(autapses=True), weight=-0.4)
    net.connect(b, b, snn.OneToOne(), weight=-1.0, delay=1.2)
    net.connect(switches, a, snn.FixedOutDegree(6), weight=1.5)
    net.connect(net.poisson("telegraph", 200.0, 2), b, snn.AllToAll(), weight=0.7, delay=0.2)
    net.connect(net.current("current", [0.8]), a, snn.AllToAll())
    for population in (a, b):
        net.record(population, "v", every=DT)
        net.record(population, "n", every=DT)
    return net


def plain(network, update, sample=0):
    """Return n and h of every population in every step, (steps, units); the reference draws synapses and words."""
    by_name, by_projection = reference.streams(network)
    sizes = {name: p.size for name, p in (network.populations | network.sources).items()}
    n = {name: np.zeros((STEPS + 1, size), int) for name, size in sizes.items()}  # step 0: nothing is active
    h = {name: np.zeros((STEPS + 1, p.size)) for name, p in network.populations.items()}
    program = snn.lower(network, DT)
    found = []
    for projection, stream in zip(network.projections, by_projection, strict=True):
        listed = reference.synapses(projection, network.seed, stream)
        delays = np.broadcast_to(0.0 if projection.delay is None else projection.delay, len(listed))
        least = 1 if hasattr(projection.source, "model") else 0
        quantum = program.quanta[program.nodes.quantum[program.names.index(projection.target.name)]]
        found += [
            (
                projection.source.name,
                projection.target.name,
                s,
                t,
                round(w / quantum) * quantum,
                max(least, round(d / DT)),
            )
            for (s, t, w), d in zip(listed, delays, strict=True)
            if projection.source.name != "current"
        ]
    drawn = {"a": None, "b": None}
    for name, p in network.populations.items():
        threshold = p.model.threshold
        if isinstance(threshold, snn.Uniform):
            fractions = [
                (reference.random_word(network.seed, by_name[name], i, 0, 0) + 0.5) / 2**32 for i in range(p.size)
            ]
            threshold = threshold.low + (threshold.high - threshold.low) * np.array(fractions)
        drawn[name] = threshold
    for k in range(1, STEPS + 1):
        for name, source in network.sources.items():
            n[name][k] = n[name][k - 1]
            if name == "switches":
                n[name][k] ^= [any(round(t / DT) == k for t in train) for train in source.stimulus.trains]
            if name == "telegraph":
                words = [reference.random_word(network.seed, by_name[name], i, k, sample) for i in range(2)]
                n[name][k] ^= [word < round(200.0 * DT / 1000.0 * 2**32) for word in words]
        for name, p in network.populations.items():
            h[name][k] = p.initial.get("v", 0.0)
        for source, target, s, t, w, d in found:
            if k - d >= 0:
                h[target][k, t] += w * n[source][k - d, s]
        for name, p in network.populations.items():
            current = 0.8 if name == "a" else 0.0
            for i in range(p.size):
                mean = DT / np.broadcast_to(p.model.tau, p.size)[i]
                due = reference.poisson_count(mean, network.seed, by_name[name] + 63, i, k, sample) > 0
                n[name][k, i] = n[name][k - 1, i]
                if due or update == "synchronous":
                    n[name][k, i] = h[name][k, i] + current >= drawn[name][i]
    return n, h


def rises(n):
    """Step and unit of every change from 0 to 1, by step."""
    steps, units = np.nonzero(np.diff(n, axis=0) == 1)
    return np.stack([steps + 1, units], axis=1)


@pytest.mark.parametrize("update", ["random", "synchronous"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_units_do_what_a_plain_simulation_says(seed, update, threads):
    network = binary_network(seed, update)
    recording = snn.Simulation(network, dt=DT, threads=threads).run(STEPS * DT)
    n, h = plain(network, update)
    for name in ("a", "b"):
        v, active = (trace.values[0] for trace in recording.traces if trace.population == name)
        np.testing.assert_array_equal(active, n[name][1:])
        np.testing.assert_allclose(v, h[name][1:], atol=1e-12)
        record = recording.spikes[name]
        ups = rises(n[name])
        assert len(ups) > 10
        np.testing.assert_array_equal(np.stack([record.steps, record.neurons], axis=1), ups)


def test_samples_parts_restore_and_reset():
    network = binary_network(4, "random")
    simulation = snn.Simulation(network, dt=DT, batch=2, threads=2)
    for part in (0.1, 7.3, 10.0):
        simulation.run(part)
    kept = simulation._engine.state()
    last = simulation.run(STEPS * DT - 17.4)
    whole = simulation.recording
    for sample in range(2):
        n, _ = plain(network, "random", sample)
        for name in ("a", "b"):
            record = whole.spikes[name]
            mine = record.samples == sample
            ups = rises(n[name])
            np.testing.assert_array_equal(np.stack([record.steps[mine], record.neurons[mine]], axis=1), ups)
    simulation._engine.restore(kept)
    simulation._gathered = simulation._engine.time
    again = simulation.run(STEPS * DT - 17.4)
    np.testing.assert_array_equal(last.spikes["a"].steps, again.spikes["a"].steps)
    simulation.reset()
    np.testing.assert_array_equal(simulation.run(STEPS * DT).spikes["b"].steps, whole.spikes["b"].steps)


def test_a_ring_passes_activity_on():
    net = snn.Network()
    ring = net.population("ring", 10, snn.McCullochPitts(update="synchronous"))
    net.connect(ring, ring, snn.Edges(np.arange(10), (np.arange(10) + 1) % 10), delay=1.0)
    net.connect(net.spike_trains("start", [[3.0, 5.0]]), ring[:1], snn.OneToOne())
    record = snn.Simulation(net, dt=1.0).run(40.0).spikes["ring"]
    np.testing.assert_array_equal(record.steps, np.arange(3, 41))
    np.testing.assert_array_equal(record.neurons, np.arange(38) % 10)


def test_updates_are_a_poisson_process():
    net = snn.Network(seed=2)
    size, tau, dt = 20_000, 5.0, 0.5
    cells = net.population("cells", size, snn.McCullochPitts(threshold=0.0, tau=tau))
    simulation = snn.Simulation(net, dt=dt)
    simulation.run(4.0)
    expected = 1 - math.exp(-4.0 / tau)
    assert simulation.state(cells, "n").mean() == pytest.approx(expected, abs=4 * math.sqrt(0.25 / size))
    times = simulation.recording.spikes["cells"].steps
    share = 1 - math.exp(-dt / tau)
    assert np.count_nonzero(times == 1) / size == pytest.approx(share, abs=4 * math.sqrt(share / size))


def test_mutual_inhibition_holds_the_number_of_active_units():
    """A unit turns active while fewer than 100 others are, and inactive where more are: mean field is 100 of 400."""
    net = snn.Network(seed=3)
    cells = net.population("cells", 400, snn.McCullochPitts(threshold=-99.5, tau=5.0))
    net.connect(cells, cells, snn.AllToAll(autapses=False), weight=-1.0, delay=0.1)
    net.record(cells, "n", every=0.1)
    net.record(cells, "v", every=0.1)
    n, v = (trace.values[0] for trace in snn.Simulation(net).run(100.0).traces)
    np.testing.assert_array_equal(v[1:], n[:-1] - n[:-1].sum(axis=1, keepdims=True))
    assert abs(n[500:].sum(axis=1).mean() - 100) < 3


def test_events_count_both_ways():
    net = snn.Network()
    cells = net.population("cells", 2, snn.McCullochPitts(threshold=0.5, update="synchronous"))
    net.connect(net.current("pulse", [1.0], start=2.0, stop=5.0), cells[:1], snn.OneToOne())
    net.connect(cells[:1], cells[1:], snn.OneToOne(), delay=1.0)
    recording = snn.Simulation(net, dt=1.0).run(10.0)
    assert recording.spikes["cells"].steps.tolist() == [3, 4]
    assert recording.synaptic_events().tolist() == [2]  # one up, one down
