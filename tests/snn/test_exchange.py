"""Recordings as objects of other packages, and what is said when those are absent."""

import sys

import numpy as np
import pytest

import snn


@pytest.fixture
def recording():
    net = snn.Network()
    a = net.population("a", 3, snn.IF(i_e=[0.5, 0.25, 0.0]))
    b = net.population("b", 2, snn.IF(i_e=1.0))
    net.record(a[1:], "v", every=2.0)
    net.record(b, "refractory", every=1.0)
    net.record_spikes(a[1:], b)
    simulation = snn.Simulation(net, dt=1.0, batch=2)
    simulation.run(4.0)
    return simulation.run(4.0)


def test_a_table_has_a_row_a_spike(recording):
    pytest.importorskip("pandas", reason="needs pandas: pip install 'allornone[pandas]'")
    table = recording.to_pandas()
    assert list(table.columns) == ["sample", "population", "neuron", "time_ms"]
    first = table[(table["population"] == "a") & (table["sample"] == 1)]
    assert first[["neuron", "time_ms"]].to_numpy().tolist() == [[1, 8.0]]
    counts = table.groupby(["population", "neuron"], observed=True).size()
    assert counts.to_dict() == {("a", 1): 2, ("b", 0): 8, ("b", 1): 8}
    alone = recording.spikes["b"].to_pandas()
    assert list(alone.columns) == ["sample", "neuron", "time_ms"]
    np.testing.assert_array_equal(alone["time_ms"], recording.spikes["b"].times)


def test_a_table_of_nothing_has_its_columns():
    pytest.importorskip("pandas", reason="needs pandas: pip install 'allornone[pandas]'")
    net = snn.Network()
    net.population("a", 3, snn.IF())
    table = snn.Simulation(net, dt=1.0).run(4.0).to_pandas()
    assert (len(table), list(table["population"].cat.categories)) == (0, ["a"])


def test_a_block_has_a_segment_a_sample_and_a_train_a_neuron(recording):
    pytest.importorskip("neo", reason="needs Neo: pip install 'allornone[neuro]'")
    block = recording.to_neo()
    assert len(block.segments) == 2
    for sample, segment in enumerate(block.segments):
        trains = segment.spiketrains
        found = [(train.annotations["population"], train.annotations["neuron"]) for train in trains]
        assert found == [("a", 1), ("a", 2), ("b", 0), ("b", 1)]
        for train, (population, neuron) in zip(trains, found, strict=True):
            assert train.magnitude.tolist() == recording.spikes[population].train(neuron, sample).tolist()
            assert (train.units, train.t_start, train.t_stop) == (train.units.units, 4.0, 8.0)
            assert str(train.dimensionality) == "ms"
        v, refractory = segment.analogsignals
        assert (str(v.dimensionality), str(refractory.dimensionality)) == ("mV", "dimensionless")
        np.testing.assert_array_equal(v.magnitude, recording.trace("a").values[sample])
        np.testing.assert_allclose(v.times.rescale("ms").magnitude, recording.trace("a").times)
        assert v.array_annotations["neuron"].tolist() == [1, 2]
        assert v.annotations == {"population": "a", "variable": "v"}


def test_an_empty_recording_is_an_empty_block():
    pytest.importorskip("neo", reason="needs Neo: pip install 'allornone[neuro]'")
    net = snn.Network()
    cells = net.population("a", 2, snn.IF())
    net.record(cells, "v", every=1.0)
    net.record_spikes()
    segment = snn.Simulation(net, dt=1.0).recording.to_neo().segments[0]
    assert len(segment.spiketrains) == 0
    assert segment.analogsignals[0].shape == (0, 2)


@pytest.mark.parametrize(("package", "extra"), [("pandas", "pandas"), ("neo", "neuro"), ("quantities", "neuro")])
def test_a_package_that_is_absent_is_named_with_its_extra(recording, monkeypatch, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "quantities" and "neo" not in sys.modules:
        monkeypatch.setitem(sys.modules, "neo", sys)
    with pytest.raises(snn.BackendUnavailable, match=rf"{package} .*pip install 'allornone\[{extra}\]'"):
        recording.to_pandas() if package == "pandas" else recording.to_neo()
