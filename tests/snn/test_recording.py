"""Recordings: what can be read off them, what is kept, and files."""

import signal

import h5py
import numpy as np
import pytest

import snn
from snn.engines.grid_cpu import GridCpu


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


def test_trains_that_are_not_there_are_not_empty_but_refused(recording):
    for neuron in (3, -1, 0.5):
        with pytest.raises(snn.ValidationError, match=rf"neuron = {neuron} .* one of the 3 recorded"):
            recording.spikes["a"].train(neuron)
    with pytest.raises(snn.ValidationError, match=r"sample = 1 .* 0 to 0"):
        recording.spikes["a"].train(0, sample=1)
    net = snn.Network()
    cells = net.population("a", 3, snn.IF(i_e=[0.5, 0.25, 0.0]))
    net.record_spikes(cells[1:])
    record = snn.Simulation(net, dt=1.0).run(8.0).spikes["a"]
    assert record.train(1).tolist() == [4.0, 8.0]
    with pytest.raises(snn.ValidationError, match=r"neuron = 0 .* one of the 2 recorded"):
        record.train(0)


def test_what_a_session_shows_is_short(recording):
    assert repr(recording).splitlines() == [
        "Recording: 0 to 8 ms",
        "  a: <6 spikes of 3 neurons, 250 Hz>",
        "  b: <0 spikes of 1 neurons, 0 Hz>",
        "  <trace of a.v: 2 neurons, 4 times>",
        "  <trace of b.v: 1 neurons, 8 times>",
    ]
    net = snn.Network(seed=2)
    a = net.population("a", 3, snn.IF())
    made = net.connect(a, a, snn.OneToOne(), weight=np.ones(3), delay=1.0)
    made += net.connect(net.poisson("noise", 1.0), a)
    assert repr(net) == "<Network: 1 populations (3 neurons), 1 stimuli, 2 projections, seed 2>"
    assert list(map(repr, made)) == [
        "<Projection a -> a: OneToOne, weight array of shape (3,), delay 1.0>",
        "<Projection noise -> a: an input of its own for every target, weight 1.0, delay None>",
    ]
    simulation = snn.Simulation(net, dt=1.0, batch=2, spikes="counted")
    assert repr(simulation.run(3.0)) == "Recording: 0 to 3 ms, 2 samples\n  a: 0 spikes, counted"
    assert repr(simulation) == "<Simulation: grid engine, 2 samples, at 3 ms>"


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


@pytest.mark.parametrize("room", [0, 10_000, 100_000])
def test_a_full_disk_is_told_and_what_was_recorded_is_still_there(tmp_path, room):
    resource = pytest.importorskip("resource")  # not on Windows
    net = snn.Network()
    net.population("a", 1_000, snn.IF(i_e=0.3))
    recording = snn.Simulation(net, dt=1.0).run(100.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))  # of a file; a write beyond fails as on a full disk
    try:
        with pytest.raises(snn.ResourceError, match=r"cannot write .*spikes\.h5: File too large"):
            recording.save(tmp_path / "spikes.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
    recording.save(tmp_path / "spikes.h5")
    assert len(snn.Recording.load(tmp_path / "spikes.h5").spikes["a"]) == len(recording.spikes["a"]) > 20_000


def test_samples_are_saved_as_populations_of_their_own(tmp_path):
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    snn.Simulation(net, dt=1.0, batch=2).run(3.0).save(tmp_path / "spikes.h5")
    with h5py.File(tmp_path / "spikes.h5") as file:
        assert sorted(file["spikes"]) == ["a_0", "a_1"]


@pytest.mark.parametrize("batch", [1, 2])
def test_every_name_can_be_saved(tmp_path, batch):
    net = snn.Network()
    names = ["L2", "L2_3", "L2/3", "L2/timestamps", ".", "..", "/", "_0", "ein µ"]
    for i, name in enumerate(names):
        net.population(name, 1, snn.IF(i_e=0.1 * (i + 1)))
    recording = snn.Simulation(net, dt=1.0, batch=batch).run(30.0)
    recording.save(tmp_path / "spikes.h5")
    back = snn.Recording.load(tmp_path / "spikes.h5")
    assert list(back.spikes) == names
    assert [record.steps.tolist() for record in back.spikes.values()] == [
        record.steps.tolist() for record in recording.spikes.values()
    ]
    with h5py.File(tmp_path / "spikes.h5") as file:  # as SONATA's readers look for them
        assert all("timestamps" in group for group in file["spikes"].values())
        assert len(file["spikes"]) == batch * len(names)
        assert batch > 1 or {"L2", "L2_3", "L2_3_"} <= set(file["spikes"])


@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_saved_comes_back_whole(tmp_path, batch):
    net = snn.Network(seed=1)
    image = net.population("image", (4, 3, 1), snn.IF())
    other = net.population("other", 2, snn.IF(i_e=0.3))
    net.connect(net.poisson("trains", 900.0, (4, 3, 1)), image, snn.OneToOne(), weight=0.7)
    net.connect(image, other, snn.AllToAll())
    net.record(image[2:5], "v", every=0.2)
    net.record(other, "refractory", every=0.3)
    net.record_spikes(image[3:9], net.sources["trains"])
    simulation = snn.Simulation(net, dt=0.1, batch=batch)
    simulation.run(0.7)
    recording = simulation.run(30.0)
    recording.save(tmp_path / "recording.h5")
    back = snn.Recording.load(tmp_path / "recording.h5")
    assert (back.dt, back.start, back.stop, back.batch) == (0.1, recording.start, recording.stop, batch)
    assert back.synaptic_events().tolist() == recording.synaptic_events().tolist()
    assert list(back.spikes) == list(recording.spikes)
    for name, record in recording.spikes.items():
        for field, value in vars(record).items():
            again = getattr(back.spikes[name], field)
            np.testing.assert_array_equal(again, value)
            assert getattr(again, "dtype", None) == getattr(value, "dtype", None)
        np.testing.assert_array_equal(back.fan_out[name], recording.fan_out[name])
    assert len(back.spikes["image"]) > 0
    for trace, again in zip(recording.traces, back.traces, strict=True):
        for field, value in vars(trace).items():
            np.testing.assert_array_equal(getattr(again, field), value)


def test_a_file_that_is_not_a_recording_or_damaged_is_refused(recording, tmp_path):
    path = tmp_path / "spikes.h5"
    with pytest.raises(FileNotFoundError):
        snn.Recording.load(path)
    path.write_text("something else")
    with pytest.raises(snn.FileFormatError, match=r"spikes\.h5 is not a recording"):
        snn.Recording.load(path)
    recording.save(path)
    with h5py.File(path) as file:
        place = file["recording/traces/0/values"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(snn.FileFormatError, match="damaged"):
        snn.Recording.load(path)
    with h5py.File(path, "w") as file:
        file.create_group("spikes")
    with pytest.raises(snn.FileFormatError, match="recording"):
        snn.Recording.load(path)


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


def test_an_interrupt_waits_until_what_is_computed_is_recorded():
    def simulate():
        net = snn.Network(seed=1)
        cells = net.population("a", 20, snn.IF())
        net.connect(net.poisson("noise", 100.0), cells, weight=0.3)
        return snn.Simulation(net, dt=1.0)

    simulation, advance = simulate(), GridCpu.advance
    engine = simulation._engine

    def interrupted(goal):
        signal.raise_signal(signal.SIGINT)  # as if Ctrl-C had come in the middle
        return advance(engine, min(goal, engine.step + 30)) and engine.step == goal

    engine.advance = interrupted
    for number in range(1, 4):
        with pytest.raises(KeyboardInterrupt):
            simulation.run(100.0 - simulation.time)
        assert simulation.time == 30.0 * number
    del engine.advance
    simulation.run(10.0)
    whole, parts = simulate().run(100.0).spikes["a"], simulation.recording.spikes["a"]
    np.testing.assert_array_equal(parts.steps, whole.steps)
    np.testing.assert_array_equal(parts.neurons, whole.neurons)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_keeps_the_stretch_in_which_it_came():
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    net.population("falling", 1, snn.IF(i_e=-1e308))
    simulation = snn.Simulation(net, dt=1.0)
    with pytest.raises(snn.NumericalError):
        simulation.run(10.0)
    assert len(simulation.recording.spikes["a"]) == simulation.time == 10.0


def test_a_record_that_failed_is_made_up_for(monkeypatch):
    net = snn.Network()
    net.population("a", 1, snn.IF(i_e=1.0))
    simulation = snn.Simulation(net, dt=1.0)
    with monkeypatch.context() as patch:
        patch.setattr(simulation._engine, "spikes", lambda name: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            simulation.run(5.0)
    assert simulation.run(5.0).spikes["a"].steps.tolist() == [6, 7, 8, 9, 10]
    assert simulation.recording.spikes["a"].steps.tolist() == list(range(1, 11))


@pytest.fixture
def trio():
    """Three neurons that fire every 2, 4 and 8 ms into one that never does, and a stimulus."""
    net = snn.Network()
    a = net.population("a", 3, snn.IF(i_e=[0.5, 0.25, 0.125]))
    b = net.population("b", 1, snn.IF(), active=(0.0, 0.0))
    net.connect(a, b, snn.Dense([[1.0, 1.0, 1.0]]))
    net.connect(net.spike_trains("given", [[1.0, 2.0], [3.0]]), b, snn.AllToAll())
    return net


def test_all_spikes_are_recorded_unless_some_are_chosen(trio):
    recording = snn.Simulation(trio, dt=1.0).run(8.0)
    assert {name: len(record) for name, record in recording.spikes.items()} == {"a": 7, "b": 0, "given": 3}
    assert recording.spikes["a"].recorded.tolist() == [0, 1, 2]


def test_only_the_spikes_of_chosen_neurons_are_kept(trio):
    a = trio.populations["a"]
    trio.record_spikes(a[2:], a[:1])
    simulation = snn.Simulation(trio, dt=1.0, batch=2)
    simulation.run(4.0)
    simulation.run(4.0)
    recording = simulation.recording
    record = recording.spikes["a"]
    assert record.recorded.tolist() == [0, 2]
    assert record.neurons.tolist() == [0, 0, 0, 0, 2] * 2
    assert record.counts().tolist() == [[4, 1]] * 2
    assert record.rates_by_neuron().tolist() == [[500.0, 125.0]] * 2
    assert record.rate() == pytest.approx(312.5)
    assert len(recording.spikes["given"]) == len(recording.spikes["given"].recorded) == 0
    assert np.isnan(recording.spikes["given"].rate())
    assert recording.synaptic_events().tolist() == [7 + 3] * 2  # those of neuron 1 and of the stimulus, too


def test_choices_of_spikes_add_up_and_can_be_empty(trio):
    trio.record_spikes()
    assert [len(r) for r in snn.Simulation(trio, dt=1.0).run(8.0).spikes.values()] == [0, 0, 0]
    trio.record_spikes(trio.sources["given"])
    trio.record_spikes(trio.populations["a"][:2])
    trio.record_spikes(trio.populations["a"][1:2])
    assert [len(r) for r in snn.Simulation(trio, dt=1.0).run(8.0).spikes.values()] == [6, 0, 3]


def test_a_choice_of_spikes_that_there_are_not_is_refused(trio):
    a = trio.populations["a"]
    for bad in ("a", snn.Network().population("a", 3, snn.IF()), trio.poisson("p", 1.0), trio.current("c", [1.0])):
        with pytest.raises(snn.ValidationError, match="record_spikes: neurons = "):
            trio.record_spikes(a, bad)
    assert trio.spikes_kept is None


def test_nothing_recorded_is_an_empty_recording():
    net = snn.Network()
    cells = net.population("a", 2, snn.IF())
    net.record(cells, "v", every=1.0)
    simulation = snn.Simulation(net, dt=1.0)
    assert simulation.recording.trace("a").values.shape == (1, 0, 2)
    assert simulation.run(0.0).spikes["a"].rate() == 0.0
