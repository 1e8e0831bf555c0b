"""Recordings: what can be read off them, files and pictures."""

import h5py
import matplotlib as mpl
import numpy as np
import pytest

import snn

mpl.use("Agg")


@pytest.fixture
def recording():
    net = snn.Network(seed=2)
    a = net.population("a", 3, snn.IF(i_e=[0.5, 0.25, 0.0]))
    b = net.population("b", 1, snn.IF(), active=(0.0, 0.0))
    net.connect(a, b, snn.Dense([[1.0, 1.0, 1.0]]), delay=1.0)
    net.record(a[1:], "v", every=2.0)
    net.record(b, "v", every=1.0)
    return snn.Simulation(net, dt=1.0).run(8.0)


def test_spikes_can_be_read_in_every_way(recording):
    a = recording.spikes["a"]
    assert a.times.tolist() == [2.0, 4.0, 4.0, 6.0, 8.0, 8.0]
    assert a.neurons.tolist() == [0, 0, 1, 0, 0, 1]
    assert a.counts().tolist() == [[4, 2, 0]]
    assert a.train(1).tolist() == [4.0, 8.0]
    assert a.rate() == pytest.approx(6 / 3 / 8e-3)
    assert len(recording.spikes["b"]) == 0


def test_traces_hold_the_neurons_and_times_asked_for(recording):
    trace = recording.trace("a")
    assert (trace.first, trace.times.tolist()) == (1, [2.0, 4.0, 6.0, 8.0])
    assert trace.values[0].tolist() == [[0.5, 0.0], [0.0, 0.0], [0.5, 0.0], [0.0, 0.0]]
    assert recording.trace("b").values[0, :, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 4.0, 4.0]
    with pytest.raises(snn.ValidationError, match=r"a\.v, b\.v"):
        recording.trace("b", "u")


def test_saved_spikes_are_a_sonata_report(recording, tmp_path):
    path = tmp_path / "spikes.h5"
    recording.save(path)
    with h5py.File(path) as file:
        assert file.attrs["magic"] == 0x0A7A
        group = file["spikes/a"]
        assert group["timestamps"].attrs["units"] == "ms"
        assert group["timestamps"][:].tolist() == recording.spikes["a"].times.tolist()
        assert group["node_ids"].dtype == np.uint64
        assert h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype) == {"none": 0, "by_id": 1, "by_time": 2}
        assert len(file["spikes/b/timestamps"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["spikes.h5"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(recording, tmp_path, monkeypatch):
    path = tmp_path / "spikes.h5"
    path.write_text("precious")
    monkeypatch.setattr(h5py.File, "create_group", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(snn.ResourceError, match="disk full"):
        recording.save(path)
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["spikes.h5"]
    with pytest.raises(snn.ResourceError, match="cannot write"):
        recording.save(tmp_path / "absent" / "spikes.h5")


def test_samples_are_saved_as_populations_of_their_own(tmp_path):
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    snn.Simulation(net, dt=1.0, batch=2).run(3.0).save(tmp_path / "spikes.h5")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert sorted(file["spikes"]) == ["a_0", "a_1"]


def test_pictures_have_labels_with_units(recording):
    axes = recording.plot_raster("a", "b")
    assert axes.get_xlabel() == "time (ms)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a\n(3)", "b\n(1)"]
    assert axes.lines[0].get_xdata().tolist() == recording.spikes["a"].times.tolist()
    assert recording.plot_trace("a").get_ylabel() == "v (mV)"
    with pytest.raises(snn.ValidationError, match="one of a, b"):
        recording.plot_raster("c")


def test_a_run_tells_its_progress():
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    seen = []
    snn.Simulation(net, dt=1.0).run(10_000.0, report=lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    assert seen[-1] == (10_000.0, 10_000.0)


def test_a_progress_bar_can_be_shown(capsys):
    net = snn.Network()
    net.population("a", 1, snn.IF())
    snn.Simulation(net, dt=1.0).run(10.0, report="bar")
    assert "simulating" in capsys.readouterr().err


def test_an_interrupted_run_keeps_what_it_had():
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    simulation = snn.Simulation(net, dt=1.0)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulation.run(10_000.0, report=interrupt)
    assert 0 < simulation.time < 10_000.0
    assert len(simulation.recording.spikes["a"]) == simulation.time
    simulation.run(10_000.0 - simulation.time)
    assert len(simulation.recording.spikes["a"]) == 10_000


def test_nothing_recorded_is_an_empty_recording():
    net = snn.Network()
    cells = net.population("a", 2, snn.IF())
    net.record(cells, "v", every=1.0)
    simulation = snn.Simulation(net, dt=1.0)
    assert simulation.recording.trace("a").values.shape == (1, 0, 2)
    assert simulation.run(0.0).spikes["a"].rate() == 0.0
