"""Pictures: what is drawn where, and that it can be read."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import snn
from snn.recording import SpikeRecord

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture
def recording():
    net = snn.Network(seed=2)
    a = net.population("a", 3, snn.IF(i_e=[0.5, 0.25, 0.0]))
    b = net.population("b", 20, snn.IF(i_e=1.0))
    net.record(a, "v", every=1.0)
    net.record(b, "refractory", every=1.0)
    return snn.Simulation(net, dt=1.0, batch=2).run(8.0)


def recording_of(sizes, spikes):
    """A recording of populations of these sizes with this many random spikes in a second."""
    rng, records = np.random.default_rng(1), {}
    for name, size in sizes.items():
        steps = np.sort(rng.integers(1, 10_001, int(spikes * size / sum(sizes.values()))))
        neurons = rng.integers(0, size, len(steps)).astype(np.int32)
        samples = np.zeros(len(steps), np.int32)
        records[name] = SpikeRecord(samples, steps, neurons, (size,), 1, 0.1, 0.0, 1000.0, np.arange(size))
    return snn.Recording(records, (), np.zeros(1, np.int64), {}, 0.1, 0.0, 1000.0, 1)


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_raster_has_a_band_a_population_the_first_uppermost(recording):
    axes = recording.plot_raster("a", "b")
    assert axes.get_xlabel() == "time (ms)"
    assert axes.get_xlim() == (0.0, 8.0)
    assert labels(axes) == ["a (3)", "b (20)"]
    a, b = axes.lines[:2]
    assert a.get_xdata().tolist() == [2.0, 4.0, 4.0, 6.0, 8.0, 8.0]
    assert a.get_ydata().tolist() == [20.5, 20.5, 21.5, 20.5, 20.5, 21.5]
    assert (b.get_ydata().min(), b.get_ydata().max()) == (0.5, 19.5)
    assert axes.get_yticks().tolist() == [21.5, 10.0]


def test_small_populations_keep_room_for_their_label():
    axes = recording_of({"large": 2000, "tiny": 1, "small": 20, "other": 1500}, 60_000).plot_raster()
    ticks = axes.get_yticks()
    assert (np.diff(ticks) < 0).all()
    assert np.abs(np.diff(ticks)).min() >= 0.05 * axes.get_ylim()[1] * 0.8
    for line, tick in zip(axes.lines, ticks, strict=False):
        assert abs(line.get_ydata().mean() - tick) < 0.1 * axes.get_ylim()[1]


def test_a_raster_of_too_much_shows_every_nth_neuron_and_says_so():
    recording = recording_of({"e": 8000, "i": 2001}, 50_000)
    axes = recording.plot_raster()
    assert labels(axes) == ["e (8,000)", "i (2,001)"]
    assert axes.get_title(loc="right") == "one neuron in 3 is drawn"
    record = recording.spikes["e"]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), record.times[record.neurons % 3 == 0])
    busy = recording_of({"e": 100}, 350_000).plot_raster()
    assert busy.get_title(loc="right") == "one neuron in 4 is drawn"
    assert len(busy.lines[0].get_xdata()) < 100_000


def test_a_raster_of_some_neurons_says_of_how_many():
    net = snn.Network()
    a = net.population("a", 10, snn.IF(i_e=1.0))
    net.population("b", 10, snn.IF(i_e=1.0))
    net.record_spikes(a[4:6])
    recording = snn.Simulation(net, dt=1.0).run(3.0)
    axes = recording.plot_raster()
    assert axes.get_ylabel() == "neuron of a (2 of 10)"
    assert (axes.get_yticks().tolist(), labels(axes)) == ([0.5, 1.5], ["4", "5"])
    assert axes.lines[0].get_ydata().tolist() == [0.5, 1.5] * 3
    with pytest.raises(snn.ValidationError, match="record_spikes"):
        recording.plot_raster("b")


def test_rates_are_drawn_as_steps_with_units(recording):
    axes = recording.plot_rates(bin_size=4.0, sample=1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (ms)", "rate (Hz), bins of 4 ms")
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_allclose(values, recording.spikes["a"].rates(4.0)[1][1])
    np.testing.assert_allclose(edges, [0.0, 4.0, 8.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    with pytest.raises(snn.ValidationError, match="bin_size"):
        recording.plot_rates()


def test_traces_are_lines_with_names_or_a_mean_of_many(recording):
    few = recording.plot_trace("a")
    assert few.get_ylabel() == "v (mV)"
    assert [line.get_label() for line in few.lines] == ["a[0]", "a[1]", "a[2]"]
    many = recording.plot_trace("b", "refractory")
    assert many.get_ylabel() == "refractory (steps)"
    assert len(many.lines) == 21
    assert [text.get_text() for text in many.get_legend().get_texts()] == ["mean of b[0:20]"]


def test_pictures_are_drawn_into_given_axes(recording):
    _, given = plt.subplots()
    assert recording.plot_raster("a", axes=given) is given
    assert recording.plot_rates("a", bin_size=1.0, axes=given) is given
    assert recording.plot_trace("a", axes=given) is given


def test_what_was_not_recorded_cannot_be_drawn(recording):
    for draw in (recording.plot_raster, recording.plot_rates):
        with pytest.raises(snn.ValidationError, match="one of a, b"):
            draw("c")
        with pytest.raises(snn.ValidationError, match=r"sample = 2 .*0 to 1"):
            draw("a", sample=2)
    with pytest.raises(snn.ValidationError, match="sample = -1"):
        recording.plot_trace("a", sample=-1)
