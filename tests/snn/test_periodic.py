"""The neuron that fires in one period what it has integrated in the one before, against a plain loop and its limits."""

import numpy as np
import pytest

import snn


def reference(given, period, threshold, start, phase=0):
    """Return spikes, u and v of neurons after every step, given what arrives in each (steps, neurons)."""
    u, v, found = np.zeros(given.shape[1]), np.zeros(given.shape[1]), []
    for arrived in given:
        u = (start if phase == 0 else u) + arrived
        phase = (phase + 1) % period
        v = u.copy() if phase == 0 else v
        spikes = v >= threshold
        v = v - threshold * spikes
        found.append((spikes, u, v))
    return (np.array(column) for column in zip(*found, strict=True))


def run(given, phase=0, **parameters):
    net = snn.Network()
    initial = {"phase": phase} if phase else None
    cells = net.population("cells", given.shape[1], snn.PeriodicIF(**parameters), initial=initial)
    net.connect(net.current("input", given, bin=1.0), cells, snn.OneToOne(), weight=1.0)
    net.record(cells, "u", every=1.0)
    net.record(cells, "v", every=1.0)
    recording = snn.Simulation(net, dt=1.0).run(float(len(given)))
    spikes = np.zeros(given.shape, bool)
    spikes[recording.spikes["cells"].steps - 1, recording.spikes["cells"].neurons] = True
    u, v = (trace.values[0] for trace in recording.traces)
    return spikes, u, v


@pytest.mark.parametrize(("period", "phase"), [(1, 0), (5, 0), (5, 3)])
def test_every_step_is_that_of_a_plain_loop(period, phase):
    given = np.random.default_rng(0).integers(-40, 100, (60, 7)) / 128  # as they are kept
    parameters = {"period": period, "v_threshold": 0.75, "v_start": 0.375}
    found, expected = run(given, phase, **parameters), reference(given, period, 0.75, 0.375, phase)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert 0.1 < found[0].mean() < 0.9


def test_counts_do_not_depend_on_when_input_comes():
    sums = np.linspace(-3.0, 12.0, 61)  # multiples of 1/4
    for step in (0, 3, 7):
        given = np.zeros((16, len(sums)))
        given[step] = sums
        spikes = run(given, period=8, v_start=0.5)[0]
        np.testing.assert_array_equal(spikes.sum(axis=0), np.clip(np.floor(sums + 0.5), 0, 8))
        assert not spikes[:7].any()
        assert not spikes[15:].any()


def test_a_population_that_excites_itself_hears_all_of_one_period_in_the_next():
    net = snn.Network()
    cells = net.population("cells", 2, snn.PeriodicIF(period=6, v_start=0.5))
    net.connect(net.current("input", np.array([4.0, 0.0]), stop=1.0), cells, snn.OneToOne(), weight=1.0)
    net.connect(cells, cells, snn.Dense([[0.0, 0.5], [1.0, 0.0]]), delay=1.0)
    spikes = snn.Simulation(net, dt=1.0).run(35.0).spikes["cells"]
    periods = (spikes.steps - 6) // 6
    counts = [[int(((periods == p) & (spikes.neurons == n)).sum()) for n in (0, 1)] for p in range(4)]
    assert counts == [[4, 0], [0, 4], [2, 0], [0, 2]]


@pytest.mark.parametrize(("name", "value"), [("period", 0), ("period", 2.5), ("v_threshold", 0.0), ("v_start", np.inf)])
def test_refuses(name, value):
    with pytest.raises(snn.ValidationError, match=f"PeriodicIF: {name}"):
        snn.PeriodicIF(**{"period": 4, name: value})
