"""Connection rules: what holds for every draw, what holds on average, and that the engine gets these synapses."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import snn

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 12)
SETTINGS = settings(max_examples=60, deadline=None)


@st.composite
def rules(draw, sources, targets, same):
    """A rule with any options that fit the sizes."""
    kind = draw(
        st.sampled_from(
            [snn.AllToAll, snn.FixedInDegree, snn.FixedOutDegree, snn.FixedTotalNumber, snn.PairwiseBernoulli]
        )
    )
    autapses, multapses = draw(st.booleans()), draw(st.booleans())
    if kind is snn.AllToAll:
        return kind(autapses=autapses)
    if kind is snn.PairwiseBernoulli:
        return kind(draw(st.sampled_from([0.0, 1e-9, 0.1, 0.5, 0.99, 1.0])), autapses=autapses)
    own = same and not autapses
    choices = {
        snn.FixedInDegree: sources - own,
        snn.FixedOutDegree: targets - own,
        snn.FixedTotalNumber: targets * (sources - own),
    }[kind]
    largest = choices if not multapses else 3 * choices
    return kind(draw(st.integers(0, largest)), autapses=autapses, multapses=multapses)


def edges_of(rule, sources, targets, seed, stream, same=False):
    """All portions, one after the other."""
    parts = [rule.edges(sources, targets, seed, stream, same, k) for k in range(rule.portions(sources, targets, same))]
    return tuple(np.concatenate([part[side] for part in parts]) for side in (0, 1))


@st.composite
def projections(draw):
    """Any rule between one population and itself or another."""
    sources, same = draw(SIZES), draw(st.booleans())
    targets = sources if same else draw(SIZES)
    net = snn.Network(draw(SEEDS))
    source = net.population("source", sources, snn.IF())
    target = source if same else net.population("target", targets, snn.IF())
    return net.connect(source, target, draw(rules(sources, targets, same)))[0]


@SETTINGS
@given(projection=projections(), seed=SEEDS, stream=SEEDS)
def test_synapses_are_the_reference_s_and_keep_to_the_rule(projection, seed, stream):
    rule, n, m = projection.rule, projection.source.size, projection.target.size
    same = projection.source is projection.target
    sources, targets = edges_of(rule, n, m, seed, stream, same)
    assert np.issubdtype(sources.dtype, np.integer)
    assert np.issubdtype(targets.dtype, np.integer)
    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    assert pairs == reference.pairs(projection, seed, stream)
    assert all(0 <= s < n and 0 <= t < m for s, t in pairs)
    assert rule.count(n, m, same) in (None, len(pairs))
    if same and not rule.autapses:
        assert all(s != t for s, t in pairs)
    if not getattr(rule, "multapses", False):
        assert len(set(pairs)) == len(pairs)
    if isinstance(rule, snn.FixedInDegree):
        assert targets.tolist() == np.repeat(np.arange(m), rule.degree).tolist()
    elif isinstance(rule, snn.FixedOutDegree):
        assert sources.tolist() == np.repeat(np.arange(n), rule.degree).tolist()
    elif not (isinstance(rule, snn.FixedTotalNumber) and rule.multapses):
        assert pairs == sorted(pairs, key=lambda pair: pair[::-1])
    every = n * m - (n if same and not rule.autapses else 0)
    if isinstance(rule, snn.FixedTotalNumber):
        assert len(pairs) == rule.number
    if isinstance(rule, snn.AllToAll) or getattr(rule, "probability", 0.5) == 1.0:
        assert len(pairs) == every
    if getattr(rule, "probability", 0.5) < 1e-6:
        assert not pairs


def test_all_to_all_is_ordered_by_target_then_source():
    sources, targets = edges_of(snn.AllToAll(), 3, 2, 0, 0)
    assert sources.tolist() == [0, 1, 2, 0, 1, 2]
    assert targets.tolist() == [0, 0, 0, 1, 1, 1]
    sources, targets = edges_of(snn.AllToAll(autapses=False), 3, 3, 0, 0, same=True)
    assert sources.tolist() == [1, 2, 0, 2, 0, 1]
    assert targets.tolist() == [0, 0, 1, 1, 2, 2]


def test_autapses_are_an_option_of_one_population_only():
    for rule in (snn.FixedInDegree(4, autapses=False, multapses=False), snn.PairwiseBernoulli(1.0, autapses=False)):
        assert len(edges_of(rule, 4, 4, 0, 0)[0]) == 16


SIZE, STREAMS = 12, 200
ONCE = {"autapses": False, "multapses": False}


def counts_of(rule, seed, of=slice(None)):
    """How often each pair was drawn in many streams, for one population without autapses."""
    counts = np.zeros((SIZE, SIZE))
    for stream in range(STREAMS):
        sources, targets = edges_of(rule, SIZE, SIZE, seed, stream, same=True)
        np.add.at(counts, (sources[of], targets[of]), 1)
    return counts[~np.eye(SIZE, dtype=bool)]


# Two levels: the results of many chi-square tests must have the chi-square distribution. The squares
# are measured in units of the variance: of a multinomial count its mean, less where each can be drawn once only.
@pytest.mark.parametrize(
    ("rule", "probability", "relative_variance", "freedom"),
    [
        (snn.FixedInDegree(5, autapses=False), 5 / 11, 1, 12 * 10),
        (snn.FixedInDegree(5, **ONCE), 5 / 11, 6 / 10, 12 * 10),
        (snn.FixedOutDegree(5, autapses=False), 5 / 11, 1, 12 * 10),
        (snn.FixedOutDegree(9, **ONCE), 9 / 11, 2 / 10, 12 * 10),
        (snn.FixedTotalNumber(40, autapses=False), 40 / 132, 1, 131),
        (snn.FixedTotalNumber(40, **ONCE), 40 / 132, 92 / 131, 131),
        (snn.FixedTotalNumber(100, **ONCE), 100 / 132, 32 / 131, 131),
        (snn.PairwiseBernoulli(0.1, autapses=False), 0.1, 0.9, 132),
        (snn.PairwiseBernoulli(0.7, autapses=False), 0.7, 0.3, 132),
    ],
)
def test_pairs_are_drawn_evenly(rule, probability, relative_variance, freedom):
    mean = STREAMS * probability
    squares = [((counts_of(rule, seed) - mean) ** 2).sum() / (mean * relative_variance) for seed in range(200)]
    assert stats.kstest(squares, stats.chi2(freedom).cdf).pvalue > 1e-3


@pytest.mark.parametrize("place", [0, 4])
def test_each_place_in_the_order_of_drawing_is_even(place):
    rule = snn.FixedInDegree(5, **ONCE)
    squares = [stats.chisquare(counts_of(rule, seed, slice(place, None, 5))).statistic for seed in range(200)]
    assert stats.kstest(squares, stats.chi2(12 * 10).cdf).pvalue > 1e-3


@pytest.mark.parametrize("probability", [0.001, 0.1, 0.9])
def test_the_number_of_bernoulli_synapses_is_binomial(probability):
    pairs = 100 * 200
    numbers = [len(edges_of(snn.PairwiseBernoulli(probability), 100, 200, seed, 3)[0]) for seed in range(300)]
    edges = stats.binom.ppf(np.arange(1, 10) / 10, pairs, probability)
    expected = np.diff([0.0, *stats.binom.cdf(edges, pairs, probability), 1.0]) * len(numbers)
    counts = np.bincount(np.searchsorted(edges, numbers), minlength=10)
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_large_populations_are_drawn_from_evenly():
    # Pairs beyond 2^32, where 32 random bits would not do.
    sources, targets = edges_of(snn.FixedTotalNumber(100_000, multapses=False), 10**6, 10**6, 1, 3)
    assert len(np.unique(sources * 10**6 + targets)) == 100_000
    for ends in (sources, targets):
        assert stats.kstest((ends + 0.5) / 10**6, "uniform").pvalue > 1e-3
        assert stats.chisquare(np.bincount(ends % 100)).pvalue > 1e-3


RULES = [
    snn.AllToAll(autapses=False),
    snn.FixedInDegree(3, **ONCE),
    snn.FixedOutDegree(3, autapses=False),
    snn.FixedTotalNumber(20, multapses=False),
    snn.PairwiseBernoulli(0.3, autapses=False),
]
NAMES = [type(rule).__name__ for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_engine_gets_these_synapses(rule):
    rng = np.random.default_rng(5)
    net = snn.Network(seed=8)
    cells = net.population("cells", 9, snn.LIF(tau_m=5.0, v_threshold=1.0, c_m=5.0, i_e=1.5, t_ref=0.2))
    others = net.population("others", 7, snn.LIF(tau_m=5.0, v_threshold=1.0, c_m=5.0, t_ref=0.2))
    net.connect(net.poisson("noise", 2000.0), cells, weight=0.3)
    for target in (cells, others):
        known = rule.count(9, target.size, target is cells)
        weight = 0.5 if known is None else rng.normal(0.5, 0.3, known)
        delay = 0.3 if known is None else rng.integers(1, 5, known) * 0.1
        net.connect(cells, target, rule, weight=weight, delay=delay)
    spikes, _ = reference.simulate(net, 0.1, 60)
    recording = snn.Simulation(net, dt=0.1, threads=2).run(6.0)
    for name, record in recording.spikes.items():
        assert list(zip(record.steps.tolist(), record.neurons.tolist(), strict=True)) == sorted(spikes[name])
        assert len(record.steps) > 20


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_synapses_do_not_depend_on_what_else_is_in_the_network(rule):
    def drawn(extra, rule=rule):
        net = snn.Network(seed=9)
        cells = net.population("cells", 20, snn.LIF())
        if extra:
            others = net.population("others", 7, snn.LIF())
        net.connect(cells, cells, rule)
        if extra:
            net.connect(net.poisson("noise", 10.0), others)
            net.connect(cells, others, rule)
        program = snn.lower(net, 0.1)
        return program.listed_synapses("cells", "cells")[:2]

    for alone, together in zip(drawn(False), drawn(True), strict=True):
        np.testing.assert_array_equal(alone, together)


def test_two_projections_of_one_rule_differ():
    rule = snn.FixedTotalNumber(30, multapses=False)
    assert not np.array_equal(edges_of(rule, 20, 20, 1, 192)[0], edges_of(rule, 20, 20, 1, 384)[0])
    assert not np.array_equal(edges_of(rule, 20, 20, 1, 192)[0], edges_of(rule, 20, 20, 2, 192)[0])


def test_draws_stay_what_they_are():
    assert edges_of(snn.FixedInDegree(5), 100, 2, 7, 192)[0].tolist() == [74, 58, 21, 36, 43, 19, 72, 92, 40, 47]
    sources, targets = edges_of(snn.PairwiseBernoulli(0.05), 100, 2, 7, 192)
    assert sources.tolist() == [26, 31, 43, 67, 85, 96, 4, 56, 69, 73, 77, 82, 85]
    assert targets.tolist() == [0] * 6 + [1] * 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.AllToAll(autapses=1), "AllToAll: autapses = 1 .* True or False"),
        (lambda: snn.FixedInDegree(2.0), "FixedInDegree: degree = 2.0 .* integer >= 0"),
        (lambda: snn.FixedInDegree(2, multapses=None), "multapses = None"),
        (lambda: snn.FixedOutDegree(-1), "FixedOutDegree: degree = -1"),
        (lambda: snn.FixedOutDegree(True), "degree = True"),
        (lambda: snn.FixedTotalNumber(-1), "FixedTotalNumber: number = -1"),
        (lambda: snn.FixedTotalNumber(1.5), "number = 1.5"),
        (lambda: snn.FixedTotalNumber(1, multapses="no"), "multapses = 'no'"),
        (lambda: snn.PairwiseBernoulli(-0.1), "PairwiseBernoulli: probability = -0.1"),
        (lambda: snn.PairwiseBernoulli(1.1), "probability = 1.1 .* 0 to 1"),
        (lambda: snn.PairwiseBernoulli(float("nan")), "probability = nan"),
        (lambda: snn.PairwiseBernoulli("all"), "probability = 'all'"),
        (lambda: snn.PairwiseBernoulli(0.1, autapses=0), "autapses = 0"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(snn.ValidationError, match=message):
        make()
