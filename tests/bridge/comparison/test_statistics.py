"""Intervals and tests, against SciPy, brute force and published cases."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from bridge.comparison.statistics import (
    Z90,
    Paired,
    holm,
    images_needed,
    interval_over_draws,
    paired_t,
    paired_t_equivalence,
    wilson,
)

CASES = [(0, 0, 20), (3, 0, 50), (0, 5, 40), (7, 1, 21), (12, 10, 360), (40, 20, 160), (10, 0, 10), (0, 10, 10)]


@pytest.mark.parametrize(("right", "total"), [(0, 1), (1, 1), (5, 10), (353, 360), (9943, 10_000)])
def test_wilson_is_scipy_s(right, total):
    expected = stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert wilson(right, total) == pytest.approx((expected.low, expected.high))


def test_interval_over_draws_is_wilson_s_where_draws_agree_and_wider_where_they_do_not():
    assert interval_over_draws([0.9], 100) == wilson(90, 100)
    assert interval_over_draws([0.9, 0.9, 0.9], 100) == pytest.approx(wilson(90, 100))
    assert interval_over_draws([1.0, 1.0], 100) == wilson(100, 100)
    # s^2 / d = 0.02 / 2 = 0.01, p (1 - p) / n = 0.0009: n_e = 0.09 / 0.0109.
    assert interval_over_draws([0.8, 1.0], 100) == pytest.approx(wilson(0.9 * 0.09 / 0.0109, 0.09 / 0.0109))


def test_pairs_are_counted():
    labels = np.array([0, 1, 2, 3, 4])
    paired = Paired.of(np.array([0, 1, 2, 0, 0]), np.array([0, 0, 0, 3, 1]), labels)
    assert paired == Paired(gained=2, lost=1, total=5)
    assert paired.difference == pytest.approx(0.2)


def test_mcnemar_by_hand():
    # 1 of 5 the other way: 2 (1 + 5) / 32.
    assert Paired(1, 4, 100).mcnemar() == pytest.approx(12 / 32)
    assert Paired(0, 0, 100).mcnemar() == 1.0
    assert Paired(9, 0, 10).mcnemar() == pytest.approx(2 / 2**9)


@pytest.mark.parametrize(("b", "c", "n"), CASES)
@pytest.mark.parametrize("d", [-0.3, -0.05, 0.005, 0.2])
def test_score_has_the_most_likely_probability_under_the_hypothesis(b, c, n, d):
    def unlikelihood(q):
        terms = ((b, q + d), (c, q), (n - b - c, 1 - 2 * q - d))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -d), (1 - d) / 2
    found = optimize.minimize_scalar(unlikelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    variance = n * (2 * found.x + d * (1 - d))
    assert Paired(b, c, n).score(d) == pytest.approx((b - c - n * d) / math.sqrt(variance), rel=1e-4)


def test_score_at_no_difference_is_mcnemar_s():
    assert Paired(7, 2, 50).score(0.0) == pytest.approx(5 / 3)
    assert Paired(0, 0, 50).score(0.0) == 0.0


def test_interval_of_a_published_case():
    # Airway responsiveness before and after transplantation, Fagerland, Lydersen & Laake 2014: -0.517 to -0.026.
    assert Paired(1, 7, 21).interval() == pytest.approx((-0.517, -0.026), abs=6e-4)


@pytest.mark.parametrize(("b", "c", "n"), CASES)
def test_interval_holds_the_difference_and_ends_where_the_test_refuses(b, c, n):
    paired = Paired(b, c, n)
    low, high = paired.interval()
    assert -1 <= low <= paired.difference <= high <= 1
    for bound, z in ((low, 1.959964), (high, -1.959964)):
        if abs(bound) < 1:
            assert paired.score(bound) == pytest.approx(z, abs=1e-5)


@pytest.mark.parametrize(("b", "c", "n"), CASES)
@pytest.mark.parametrize("margin", [0.005, 0.1, 0.3])
def test_equivalence_is_the_90_percent_interval_within_the_margin(b, c, n, margin):
    paired = Paired(b, c, n)
    low, high = paired.interval(Z90)
    assert (paired.equivalence(margin) < 0.05) == (-margin < low and high < margin)
    assert paired.equivalence(margin) == pytest.approx(Paired(c, b, n).equivalence(margin))


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_images_needed_are_just_enough_where_no_answer_differs(margin):
    needed = images_needed(margin)
    assert Paired(0, 0, needed).equivalence(margin) < 0.05 <= Paired(0, 0, needed - 1).equivalence(margin)
    assert images_needed(0.005) == 539


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_tests_over_trainings_are_scipy_s():
    first, second = [0.99, 0.98, 0.985, 0.97], [0.98, 0.98, 0.99, 0.96]
    differences = np.subtract(first, second)
    assert paired_t(differences) == pytest.approx(stats.ttest_rel(first, second).pvalue)
    expected = max(
        stats.ttest_1samp(differences, -0.02, alternative="greater").pvalue,
        stats.ttest_1samp(differences, 0.02, alternative="less").pvalue,
    )
    assert paired_t_equivalence(differences, 0.02) == pytest.approx(expected)


def test_tests_over_trainings_without_variance():
    assert paired_t([0.0, 0.0]) == 1.0
    assert paired_t([0.01, 0.01]) == 0.0
    assert paired_t_equivalence([0.0, 0.0], 0.005) == 0.0
    assert paired_t_equivalence([0.01, 0.01], 0.005) == 1.0
