"""Statistics of spike trains against closed forms, plain definitions and Elephant."""

import itertools

import numpy as np
import pytest

import snn
from snn.recording import SpikeRecord
from snn.statistics import _pairs


def record_of(trains, duration, dt=1.0, start=0, size=None):
    """A record of a batch: for each sample a list of arrays of spike steps, one a recorded neuron."""
    trains = trains if isinstance(trains[0], list) else [trains]
    rows = [(b, int(k), n) for b, sample in enumerate(trains) for n, train in enumerate(sample) for k in train]
    samples, steps, neurons = np.array(sorted(rows), np.int64).reshape(-1, 3).T
    count = len(trains[0])
    return SpikeRecord(
        samples.astype(np.int32),
        steps + start,
        neurons.astype(np.int32),
        (size or count,),
        len(trains),
        dt,
        start * dt,
        (start + duration) * dt,
        np.arange(count),
    )


def poisson(neurons, steps, probability, seed=0):
    fired = np.random.default_rng(seed).random((neurons, steps)) < probability
    return [np.flatnonzero(row) + 1 for row in fired]


def test_rates_over_time_count_every_spike_once():
    # Bins of 3 ms: (10, 13], (13, 16]; the last millisecond is left out.
    record = record_of([[np.array([1, 3, 4]), np.array([6, 7])], [np.array([7]), np.array([2])]], 7, start=10)
    times, rates = record.rates(3.0)
    assert times.tolist() == [11.5, 14.5]
    np.testing.assert_allclose(rates, np.array([[2, 2], [1, 0]]) / (2 * 3e-3))


def test_rates_over_time_of_a_fractional_step():
    record = record_of([np.arange(1, 1001)], 1000, dt=0.1)  # a spike a step of 0.1 ms
    times, rates = record.rates(0.3)
    assert rates.shape == (1, 333)
    np.testing.assert_allclose(rates, 10_000.0)
    np.testing.assert_allclose(times, 0.15 + 0.3 * np.arange(333))


def test_mean_rates_agree_with_each_other():
    record = record_of([poisson(20, 1000, 0.02), poisson(20, 1000, 0.05, seed=1)], 1000)
    np.testing.assert_allclose(record.rates_by_neuron(), record.counts() / 1.0)
    assert record.rate() == pytest.approx(record.rates_by_neuron().mean())
    assert record.rates(10.0)[1].mean() == pytest.approx(record.rate())


def test_intervals_are_those_of_the_same_neuron_and_sample():
    record = record_of([[np.array([1, 4, 9]), np.array([2, 3])], [np.array([5]), np.array([6, 10])]], 10, dt=0.5)
    assert record.intervals().tolist() == [1.5, 2.5, 0.5, 2.0]


def test_a_regular_train_has_no_variation():
    record = record_of([np.arange(3, 1000, 7), np.arange(1, 1000, 3)], 1000, dt=0.1)
    assert record.cv_by_neuron().tolist() == [[0.0, 0.0]]
    assert record.cv() == 0.0


def test_two_alternating_intervals_have_their_closed_form():
    a, b = 10, 30
    record = record_of([np.cumsum([a, b] * 10 + [a])], 1000)  # from the second spike on b, a, b, a ...: ten each
    assert record.cv() == pytest.approx((b - a) / (a + b))


def test_a_bernoulli_train_varies_by_its_law():
    p = 0.05
    record = record_of(poisson(50, 20_000, p), 20_000)
    assert record.cv() == pytest.approx(np.sqrt(1 - p), abs=0.01)  # of the geometric distribution; 1 as p -> 0


def test_a_simulated_poisson_train_has_a_variation_near_one():
    net = snn.Network(seed=3)
    cells = net.population("cells", 1, snn.IF())
    net.connect(net.poisson("trains", 100.0, 50), cells, snn.AllToAll())
    record = snn.Simulation(net, dt=0.1).run(10_000.0).spikes["trains"]
    assert record.cv() == pytest.approx(1.0, abs=0.02)
    assert record.correlation(5.0) == pytest.approx(0.0, abs=0.005)


def test_neurons_with_fewer_than_three_spikes_have_no_variation_to_speak_of():
    record = record_of([np.array([5]), np.array([1, 9]), np.array([], int), np.array([1, 2, 3])], 10)
    np.testing.assert_array_equal(record.cv_by_neuron(), [[np.nan, np.nan, np.nan, 0.0]])
    assert record.cv() == 0.0
    assert np.isnan(record_of([np.array([1, 2])], 10).cv())


def test_a_shared_train_is_correlated_fully_and_its_opposite_not_at_all():
    train = poisson(1, 1000, 0.3)[0]
    assert record_of([train] * 5, 1000).correlation(1.0) == 1.0
    assert record_of([train] * 5, 1000).correlation(7.0) == 1.0
    opposite = np.setdiff1d(np.arange(1, 1001), train)
    assert record_of([train, opposite], 1000).correlation(1.0) == -1.0


def test_a_share_of_common_spikes_is_the_correlation():
    # Counts x + z and y + z of independent x, y, z with equal variance are correlated by 1/2.
    x, y, z = poisson(3, 400_000, 0.01)
    record = record_of([np.concatenate([x, z]), np.concatenate([y, z])], 400_000)
    assert record.correlation(10.0) == pytest.approx(0.5, abs=0.02)


def naive_correlation(record, width):
    bins = int((record.stop - record.start) / record.dt) // width
    found = []
    for sample in range(record.batch):
        edges = record.start / record.dt + 0.5 + width * np.arange(bins + 1)
        counts = [
            np.histogram(record.steps[(record.samples == sample) & (record.neurons == n)], edges)[0]
            for n in record.recorded
        ]
        varying = [c for c in counts if c.std() > 0]
        found += [np.corrcoef(a, b)[0, 1] for a, b in itertools.combinations(varying, 2)]
    return np.mean(found)


def test_correlation_is_pearsons_over_all_pairs_that_have_one():
    silent, constant = np.array([], int), np.arange(1, 1000, 10)
    samples = [[*poisson(5, 997, 0.1, seed), silent, constant] for seed in range(2)]
    record = record_of(samples, 997, start=20)
    assert record.correlation(10.0) == pytest.approx(naive_correlation(record, 10), rel=1e-12)
    assert np.isnan(record_of([silent, constant], 1000).correlation(10.0))


def test_a_sample_of_pairs_stands_for_all():
    common = poisson(1, 2000, 0.05, seed=99)[0]
    trains = [np.union1d(train, common) for train in poisson(100, 2000, 0.05)]
    record = record_of(trains, 2000)
    some, every = record.correlation(5.0, pairs=1000), record.correlation(5.0)
    assert some != every
    assert some == pytest.approx(every, abs=0.01)
    assert record.correlation(5.0, pairs=1000) == some


def test_pairs_are_drawn_evenly_and_never_of_one_with_itself():
    a, b = _pairs(6, 14)
    assert len(a) == 14
    a, b = _pairs(200, 19_000)
    assert (a != b).all()
    assert (a.min(), b.min(), a.max(), b.max()) == (0, 0, 199, 199)
    counts = np.bincount(np.concatenate([a, b]), minlength=200)
    assert abs(counts - 190).max() < 6 * np.sqrt(190)
    assert sorted(zip(*_pairs(4, 6), strict=True)) == list(itertools.combinations(range(4), 2))


def test_bins_that_do_not_fit_are_refused():
    record = record_of([np.array([1, 2, 3])], 10, dt=0.1)
    for bad, message in ((0.25, "multiple of dt"), (0.0, "multiple"), (1.1, "at most the 1 ms"), (np.nan, "multiple")):
        for statistic in (record.rates, record.correlation):
            with pytest.raises(snn.ValidationError, match=f"bin_size = .*{message}"):
                statistic(bad)
    with pytest.raises(snn.ValidationError, match="pairs = 0"):
        record.correlation(0.1, pairs=0)


def test_statistics_of_nothing_are_not_numbers_instead_of_errors():
    record = record_of([np.array([], int)], 10)
    assert (record.rate(), record.counts().tolist(), len(record.intervals())) == (0.0, [[0]], 0)
    assert np.isnan([record.cv(), record.correlation(1.0)]).all()
    assert record.rates(5.0)[1].tolist() == [[0.0, 0.0]]


def test_statistics_are_elephants():
    pytest.importorskip("elephant", reason="needs Elephant: pip install 'allornone[neuro]'")
    import neo
    import quantities as pq
    from elephant import statistics
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    record = record_of(poisson(12, 3000, 0.02), 3000, dt=0.1, start=500)
    recording = snn.Recording({"a": record}, (), np.zeros(1, int), {}, 0.1, record.start, record.stop, 1)
    trains = recording.to_neo().segments[0].spiketrains
    expected = [statistics.mean_firing_rate(train).rescale(pq.Hz).item() for train in trains]
    np.testing.assert_allclose(record.rates_by_neuron()[0], expected)
    np.testing.assert_allclose(record.cv_by_neuron()[0], [statistics.cv(statistics.isi(train)) for train in trains])
    np.testing.assert_allclose(record.intervals(), np.concatenate([statistics.isi(t).magnitude for t in trains]))
    # Elephant's bins are closed on the left, ours on the right: half a step back, and a spike lies in the same one.
    span = {"t_start": record.start * pq.ms, "t_stop": record.stop * pq.ms}
    moved = [neo.SpikeTrain(train.magnitude - 0.05, units="ms", **span) for train in trains]
    span["bin_size"] = 5 * pq.ms
    matrix = correlation_coefficient(BinnedSpikeTrain(moved, **span))
    assert record.correlation(5.0) == pytest.approx(matrix[np.triu_indices(12, 1)].mean(), rel=1e-9)
    histogram = statistics.time_histogram(moved, output="rate", **span).rescale(pq.Hz).magnitude[:, 0]
    np.testing.assert_allclose(record.rates(5.0)[1][0], histogram)
