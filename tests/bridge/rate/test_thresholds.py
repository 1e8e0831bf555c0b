import time

import numpy as np
import pytest

from bridge.errors import ValidationError
from bridge.rate.thresholds import least_squares, local_balancing, maximum, percentile, quantise


def sparse(rng, n):
    return np.where(rng.random(n) < 0.05, rng.exponential(1.0, n), 0.0)


def outliers(rng, n):
    return np.concatenate((np.abs(rng.normal(size=n)), [300.0, 500.0]))


DISTRIBUTIONS = {
    "half_normal": lambda rng, n: np.maximum(rng.normal(size=n), 0.0),
    "sparse": sparse,
    "lognormal": lambda rng, n: rng.lognormal(0.0, 1.5, n),
    "uniform": lambda rng, n: rng.random(n),
    "two_clusters": lambda rng, n: np.where(rng.random(n) < 0.5, 0.2, 1.0) + 0.05 * rng.random(n),
    "outliers": outliers,
    "signed": lambda rng, n: rng.normal(size=n),
    "lattice": lambda rng, n: 0.37 * rng.integers(0, 5, n),
    "tiny": lambda rng, n: 1e-200 * rng.random(n),
}


def error(a, theta, steps):
    return float(np.mean((quantise(a, theta, steps) / a.max() - a / a.max()) ** 2))


def best_by_scan(a, steps):
    thetas = np.concatenate(
        (np.linspace(1e-3, 1.2, 1500) * a.max(), np.geomspace(1e-3, steps, 700) * a.max(), np.unique(a)[-50:])
    )
    return min(error(a, theta, steps) for theta in thetas[thetas > 0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_error_is_within_one_percent_of_a_dense_scan(name, steps, seed):
    a = DISTRIBUTIONS[name](np.random.default_rng(seed), 1500)
    theta = least_squares(a[:, None], steps)
    assert error(a, theta[0], steps) <= 1.01 * best_by_scan(a, steps) + 1e-15


def test_finds_a_lattice_exactly():
    a = 0.37 * np.random.default_rng(0).integers(0, 5, (300, 1))
    theta = least_squares(a, 4)
    np.testing.assert_allclose(quantise(a, theta, 4), a, atol=1e-13)


def test_quantise_is_what_a_soft_reset_neuron_says():
    # Powers of two keep the membrane exact, so the loop and the formula must agree to the last bit.
    theta, steps = 0.75, 8
    for z in np.arange(-64, 128) / 128:
        v, spikes = theta / 2, 0
        for _ in range(steps):
            v += z
            if v >= theta:
                v -= theta
                spikes += 1
        assert quantise(np.array([z]), theta, steps)[0] == theta * spikes / steps


def test_every_channel_for_itself_whatever_the_axes():
    rng = np.random.default_rng(3)
    a = np.maximum(rng.normal(size=(40, 3, 5, 6)), 0.0) * np.array([1.0, 10.0, 0.1])[:, None, None]
    together = least_squares(a, 4)
    for channel in range(3):
        alone = least_squares(a[:, channel].reshape(-1, 1), 4)
        np.testing.assert_allclose(together[channel], alone[0], rtol=1e-12)
    assert quantise(a, together, 4).shape == a.shape
    one = quantise(a[:, 1], together[1], 4)
    np.testing.assert_array_equal(quantise(a, together, 4)[:, 1], one)


def test_weights_count_as_repetitions():
    rng = np.random.default_rng(5)
    a = np.maximum(rng.normal(size=(300, 2)), 0.0)
    repeated = rng.integers(1, 4, a.shape)
    found = least_squares(a, 4, repeated.astype(float))
    for channel in range(2):
        expected = least_squares(np.repeat(a[:, channel], repeated[:, channel])[:, None], 4)
        np.testing.assert_allclose(found[channel], expected[0], rtol=1e-9)
    for wrong in (np.ones((300, 1)), np.zeros((300, 2))):
        with pytest.raises(ValidationError, match="weights must be positive"):
            least_squares(a, 4, wrong)


def test_a_silent_channel_gets_the_largest_threshold_of_the_others():
    a = np.zeros((50, 3))
    a[:, 2] = -1.0
    a[:, 0] = np.linspace(0.0, 2.0, 50)
    theta = least_squares(a, 4)
    assert theta[1] == theta[2] == theta[0] > 0
    assert not quantise(a[:, 1:], theta[1:], 4).any()
    np.testing.assert_array_equal(least_squares(np.zeros((5, 2)), 4), [1.0, 1.0])


def test_maximum_and_percentile_are_of_each_channel_s_positive_values():
    a = np.random.default_rng(0).normal(size=(60, 3, 4)) * np.array([[1.0], [5.0], [0.1]])
    values = np.moveaxis(a, 1, 0).reshape(3, -1)
    np.testing.assert_array_equal(maximum(a), values.max(axis=1))
    np.testing.assert_allclose(percentile(a, 90.0), [np.percentile(row[row > 0], 90.0) for row in values])
    np.testing.assert_array_equal(percentile(a, 100.0), maximum(a))


def test_local_balancing_goes_batch_by_batch():
    a = np.maximum(np.random.default_rng(1).normal(size=(120, 2, 3)), 0.0)
    theta = np.zeros(2)
    for batch in (a[:50], a[50:100], a[100:]):
        for channel in range(2):
            theta[channel] += 2.0 * np.mean([max(value - theta[channel], 0.0) for value in batch[:, channel].ravel()])
    np.testing.assert_allclose(local_balancing(a), theta)
    assert (theta < maximum(a)).all()


@pytest.mark.parametrize("rule", [maximum, lambda a: percentile(a, 99.0), local_balancing])
def test_every_rule_knows_silent_channels_and_refuses_what_is_not_finite(rule):
    a = np.zeros((50, 3))
    a[:, 0] = np.linspace(0.0, 2.0, 50)
    theta = rule(a)
    assert theta[1] == theta[2] == theta[0] > 0
    a[3, 1] = np.nan
    with pytest.raises(ValidationError, match="activations must be finite"):
        rule(a)
    with pytest.raises(ValidationError, match="activations must have shape"):
        rule(a[:0])


@pytest.mark.parametrize(
    ("a", "steps", "names"),
    [
        (np.full((3, 2), np.nan), 4, "activations"),
        (np.full((3, 2), np.inf), 4, "activations"),
        (np.zeros((0, 2)), 4, "activations"),
        (np.zeros(5), 4, "activations"),
        (np.ones((3, 2)), 0, "steps"),
        (np.ones((3, 2)), 2.0, "steps"),
        (np.ones((3, 2)), True, "steps"),
    ],
)
def test_refuses_bad_calibration(a, steps, names):
    with pytest.raises(ValidationError, match=names):
        least_squares(a, steps)


@pytest.mark.parametrize("theta", [0.0, -1.0, np.nan, np.inf, np.ones(3), np.array([1.0, 0.0])])
def test_quantise_refuses_bad_thresholds(theta):
    with pytest.raises(ValidationError, match="theta"):
        quantise(np.ones((4, 2)), theta, 4)


def test_is_the_same_every_time_when_values_are_too_many():
    a = np.abs(np.random.default_rng(0).normal(size=(2**20 + 1000, 1)))
    first, second = least_squares(a, 2), least_squares(a, 2)
    assert first == second
    assert error(a[:, 0], first[0], 2) <= 1.01 * error(a[:, 0], least_squares(a[::4], 2)[0], 2)


def test_many_channels_are_quick():
    a = np.maximum(np.random.default_rng(0).normal(size=(64, 32, 32, 32)), 0.0).astype(np.float32)
    start = time.process_time()
    least_squares(a, 8)
    assert time.process_time() - start < 5.0  # about 0.5 s alone; the bound only catches a change of complexity
