"""Connections by distance: every pair on its own with its kernel's probability, on a sheet with or without edges."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import snn

SEEDS = st.integers(0, 2**32 - 1)
SAME_PLACE = 1e-18  # a length that reaches no other place
KERNELS = [
    snn.GaussianKernel(0.8, 0.15),
    snn.GaussianKernel(1.0, 0.2, cutoff=0.3),
    snn.ExponentialKernel(0.9, 0.2),
    snn.ExponentialKernel(0.7, 0.3, cutoff=0.45),
    snn.DiscKernel(0.6, 0.35),
]
NAMES = ["gaussian", "gaussian, cut", "exponential", "exponential, cut", "disc"]


def edges_of(rule, seed, stream, same=False):
    """All portions, one after the other."""
    n, m = len(rule.sources), len(rule.targets)
    parts = [rule.edges(n, m, seed, stream, same, k) for k in range(rule.portions(n, m, same))]
    return tuple(np.concatenate([part[side] for part in parts]) for side in (0, 1))


def distances(rule):
    """Of all pairs, (targets, sources)."""
    along = np.abs(rule.targets[:, None] - rule.sources[None])
    if rule.periodic:
        along = np.minimum(along, np.asarray(rule.extent) - along)
    return np.hypot(along[..., 0], along[..., 1])


def connected(rule, seed, stream=192, same=False):
    """Whether each pair is, (targets, sources)."""
    found = np.zeros((len(rule.targets), len(rule.sources)), bool)
    sources, targets = edges_of(rule, seed, stream, same)
    found[targets, sources] = True
    return found


def positions(draw, extent):
    """Of up to forty neurons: on a grid, anywhere, or on lines, among them edges of the sheet and of cells."""
    size = draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["grid", "random", "lines"]))
    if kind == "grid":
        return snn.grid_positions((draw(st.integers(1, 6)), draw(st.integers(1, 6))), extent)
    places, lines = snn.random_positions(size, extent, seed=draw(SEEDS)), draw(st.integers(1, 12))
    return places if kind == "random" else np.rint(places / extent * lines) / lines * extent


@st.composite
def rules(draw):
    length = st.floats(0.02, 3.0)
    extent = draw(length), draw(length)
    p_max = draw(st.sampled_from([0.0, 1e-9, 0.1, 0.5, 0.999, 1.0]))
    form = draw(st.sampled_from([snn.GaussianKernel, snn.ExponentialKernel, snn.DiscKernel]))
    cut = {"cutoff": draw(length)} if form is not snn.DiscKernel and draw(st.booleans()) else {}
    width = draw(st.just(SAME_PLACE) | length)
    sources, same = positions(draw, extent), draw(st.booleans())
    targets = None if same else positions(draw, extent)
    options = {"extent": extent, "periodic": draw(st.booleans()), "autapses": draw(st.booleans())}
    return snn.DistanceDependent(form(p_max, width, **cut), sources, targets, **options), same


@settings(max_examples=150, deadline=None)
@given(drawn=rules(), seed=SEEDS, stream=SEEDS)
def test_synapses_are_the_reference_s(drawn, seed, stream):
    rule, same = drawn
    n, m = len(rule.sources), len(rule.targets)
    sources, targets = edges_of(rule, seed, stream, same)
    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    assert pairs == reference.near_pairs(rule, n, m, same, seed, stream)
    assert pairs == sorted(set(pairs), key=lambda pair: pair[::-1])
    if same and not rule.autapses:
        assert not (sources == targets).any()


@settings(max_examples=150, deadline=None)
@given(drawn=rules(), seed=SEEDS)
def test_a_disc_of_probability_one_holds_just_the_pairs_within(drawn, seed):
    rule, same = drawn
    disc = snn.DiscKernel(1.0, rule.kernel.constants.width)
    full = snn.DistanceDependent(
        disc, rule.sources, rule.targets, extent=rule.extent, periodic=rule.periodic, autapses=rule.autapses
    )
    apart = distances(full)
    expected = apart <= disc.radius
    if same and not rule.autapses:
        np.fill_diagonal(expected, False)
    clear = np.abs(apart - disc.radius) > 2e-9 * disc.radius
    assert (connected(full, seed, same=same) == expected)[clear].all()


# A quotient of place and side was once taken for the number of a cell: rounded up, it put neurons beyond their cells.
def test_neurons_at_the_edges_of_cells_are_in_the_cells_that_the_reference_puts_them_in():
    extent = 2.7699944235969283, 0.25
    rule = snn.DistanceDependent(
        snn.GaussianKernel(0.1, 1.0), snn.grid_positions((2, 6), extent), extent=extent, periodic=False
    )
    sources, targets = edges_of(rule, 0, 0)
    assert list(zip(sources.tolist(), targets.tolist(), strict=True)) == reference.near_pairs(rule, 12, 12, False, 0, 0)


@pytest.mark.parametrize("periodic", [True, False])
def test_neurons_at_the_edges_of_cells_find_themselves(periodic):
    extent = 0.3, 0.001  # 18 cells in a row: the second neuron lies just below the fourth cell
    disc, places = snn.DiscKernel(1.0, SAME_PLACE), snn.grid_positions((1, 9), extent)
    rule = snn.DistanceDependent(disc, places, extent=extent, periodic=periodic)
    assert (connected(rule, 0) == np.eye(9, dtype=bool)).all()


def test_both_edges_of_a_torus_are_one_place():
    corners = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.7], [0.3, 0.7]] * 40)
    rule = snn.DistanceDependent(snn.DiscKernel(1.0, SAME_PLACE), corners, extent=(0.3, 0.7))
    assert connected(rule, 0).all()


def test_kernels_are_their_equations():
    d = np.linspace(0.0, 0.5, 51)
    np.testing.assert_allclose(snn.GaussianKernel(0.3, 0.2).probability(d), 0.3 * np.exp(-(d**2) / 0.08), rtol=1e-14)
    np.testing.assert_allclose(snn.ExponentialKernel(0.3, 0.2).probability(d), 0.3 * np.exp(-d / 0.2), rtol=1e-14)
    assert snn.DiscKernel(0.3, 0.2).probability(d).tolist() == [0.3] * 21 + [0.0] * 30
    for kernel in (snn.GaussianKernel(0.3, 0.2, cutoff=0.2), snn.ExponentialKernel(0.3, 0.2, cutoff=0.2)):
        assert (kernel.probability(d) > 0).tolist() == [True] * 21 + [False] * 30
    assert snn.GaussianKernel(1.0, 1.0).probability([[0.0, 10.0]]).tolist() == [[1.0, 0.0]]


# On a grid there are few distances, and many pairs at each: their number of synapses is binomial. Two levels: the
# results of many chi-square tests must have the chi-square distribution.
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
def test_the_number_of_synapses_at_each_distance_is_binomial(kernel, periodic):
    rule = snn.DistanceDependent(kernel, snn.grid_positions((16, 16)), periodic=periodic)
    known, which = np.unique(np.round(distances(rule), 9), return_inverse=True)
    pairs, p = np.bincount(which.ravel()), kernel.probability(known)
    certain = (p == 0) | (p == 1)
    often = pairs * p * (1 - p) > 5
    squares = []
    for seed in range(200):
        number = np.bincount(which.ravel(), connected(rule, seed).ravel())
        assert (number == pairs * p)[certain].all()
        squares.append(((number - pairs * p)[often] ** 2 / (pairs * p * (1 - p))[often]).sum())
    assert often.sum() > 10
    assert stats.kstest(squares, stats.chi2(often.sum()).cdf).pvalue > 1e-3


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
def test_each_pair_is_drawn_with_its_probability_on_its_own(kernel, periodic):
    extent = 1.5, 0.8
    places = (snn.random_positions(size, extent, seed=size) for size in (60, 50))
    rule = snn.DistanceDependent(kernel, *places, extent=extent, periodic=periodic)
    p, streams = kernel.probability(distances(rule)), 200
    often = p * (1 - p) > 0.05
    squares, totals = [], []
    for seed in range(60):
        found = [connected(rule, seed, stream) for stream in range(streams)]
        squares.append(((np.sum(found, axis=0) - streams * p)[often] ** 2 / (streams * p * (1 - p))[often]).sum())
        totals += [one.sum() for one in found]
    assert stats.kstest(squares, stats.chi2(often.sum()).cdf).pvalue > 1e-3
    # Were pairs not independent, the variance of the total would differ from the sum of theirs.
    variance = (p * (1 - p)).sum()
    square = ((np.array(totals) - p.sum()) ** 2).sum() / variance
    assert 1e-3 < stats.chi2(len(totals)).cdf(square) < 1 - 1e-3


def test_on_a_torus_all_neurons_are_alike():
    grid = snn.grid_positions((10, 20), (2.0, 1.0))
    disc = snn.DiscKernel(1.0, 0.1)  # the distance of neighbours, which rounding makes larger here and there
    torus = connected(snn.DistanceDependent(disc, grid, extent=(2.0, 1.0)), 1)
    assert (torus == torus.T).all()
    assert set(torus.sum(axis=0)) == set(torus.sum(axis=1)) == {5}
    assert np.flatnonzero(torus[0]).tolist() == [0, 1, 19, 20, 180]
    bounded = connected(snn.DistanceDependent(disc, grid, extent=(2.0, 1.0), periodic=False), 1)
    assert (bounded == bounded.T).all()
    assert np.bincount(bounded.sum(axis=0)).tolist() == [0, 0, 0, 4, 2 * 8 + 2 * 18, 8 * 18]
    assert not (bounded & ~torus).any()


def test_autapses_are_the_only_ones_left_out():
    places = snn.random_positions(300, seed=5)
    kernel = snn.GaussianKernel(0.9, 0.1)
    whole = snn.DistanceDependent(kernel, places)
    apart = snn.DistanceDependent(kernel, places, autapses=False)
    with_own, without = connected(whole, 1, same=True), connected(apart, 1, same=True)
    assert with_own.diagonal().sum() > 200
    assert not without.diagonal().any()
    assert (with_own | np.eye(300, dtype=bool) == without | np.eye(300, dtype=bool)).all()
    assert (connected(apart, 1, same=False) == with_own).all()


@pytest.mark.parametrize("portion", [7, 300])
def test_portions_change_nothing(portion, monkeypatch):
    places = (snn.random_positions(size, seed=size) for size in (700, 400))
    rule = snn.DistanceDependent(snn.GaussianKernel(0.5, 0.05), *places)
    together = edges_of(rule, 3, 192)
    monkeypatch.setattr("snn.connectivity.rules.PORTION", portion)
    assert rule.portions(700, 400) > 5
    for one, other in zip(edges_of(rule, 3, 192), together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kernel", [*KERNELS, snn.GaussianKernel(0.0, 0.1)], ids=[*NAMES, "nothing"])
def test_the_number_expected_is_about_the_number_drawn(kernel):
    rule = snn.DistanceDependent(kernel, snn.random_positions(2_000, seed=1), periodic=False)
    assert len(edges_of(rule, 1, 192)[0]) == pytest.approx(rule.expected(2_000, 2_000), rel=0.05)


def test_positions_are_on_a_grid_or_drawn_evenly():
    assert snn.grid_positions((2, 3), (3.0, 4.0)).tolist() == [
        [0.5, 1],
        [1.5, 1],
        [2.5, 1],
        [0.5, 3],
        [1.5, 3],
        [2.5, 3],
    ]
    assert snn.grid_positions((1, 2, 2)).tolist() == [[0.25, 0.5]] * 2 + [[0.75, 0.5]] * 2
    places = snn.random_positions(5_000, (2.0, 0.5), seed=3)
    assert (places[:10] == snn.random_positions(10, (2.0, 0.5), seed=3)).all()
    assert (places != snn.random_positions(5_000, (2.0, 0.5), seed=4)).all()
    counts = np.histogram2d(*places.T, bins=10, range=[(0, 2.0), (0, 0.5)])[0]
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_the_engine_gets_these_synapses():
    net = snn.Network(seed=8)
    cells = net.population("cells", (4, 5), snn.LIF(tau_m=5.0, v_threshold=1.0, c_m=5.0, i_e=1.5, t_ref=0.2))
    others = net.population("others", 7, snn.LIF(tau_m=5.0, v_threshold=1.0, c_m=5.0, t_ref=0.2))
    net.connect(net.poisson("noise", 2000.0), cells, weight=0.3)
    grid, free = snn.grid_positions(cells.shape), snn.random_positions(7, seed=1)
    kernel = snn.GaussianKernel(0.9, 0.3)
    net.connect(cells, cells, snn.DistanceDependent(kernel, grid, autapses=False), weight=0.2, delay=0.3)
    net.connect(cells, others, snn.DistanceDependent(kernel, grid, free), weight=0.5, delay=0.2)
    net.connect(
        cells[5:15], others[2:], snn.DistanceDependent(kernel, grid[5:15], free[2:], periodic=False), weight=0.4
    )
    spikes, _ = reference.simulate(net, 0.1, 60)
    recording = snn.Simulation(net, dt=0.1, threads=2).run(6.0)
    for name, record in recording.spikes.items():
        assert list(zip(record.steps.tolist(), record.neurons.tolist(), strict=True)) == sorted(spikes[name])
        assert len(record.steps) > 20


def test_draws_stay_what_they_are():
    rule = snn.DistanceDependent(snn.GaussianKernel(0.4, 0.1), snn.grid_positions((10, 10)))
    sources, targets = edges_of(rule, 7, 192)
    assert len(sources) == 248
    assert sources[:6].tolist() == [19, 99, 1, 2, 91, 4]
    assert targets[:6].tolist() == [0, 0, 1, 1, 1, 2]
