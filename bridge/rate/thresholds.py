"""Thresholds of converted neurons: what an activation becomes in T steps, and the threshold that loses least."""

from collections.abc import Callable

import numpy as np

from bridge.errors import ValidationError, positive_integer

_CANDIDATES = 256  # first grid of thresholds for a channel
_REFINED = 8  # the best of them, refined
_REFINEMENTS = 12
_BALANCED = 50  # samples of a batch of local balancing
_SEARCHED = 2**20  # values a channel keeps; above that a fixed pseudo-random choice of as many stands for all


def quantise(a: np.ndarray, theta: np.ndarray | float, steps: int) -> np.ndarray:
    """Give the activation that a neuron with this threshold says in T steps.

    Q(a) = (theta / T) * clip(floor(a * T / theta + 1/2), 0, T)

    It is exactly T-step integration with soft reset from v0 = theta / 2 when the input is constant in time
    (Bu et al., "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural networks",
    ICLR 2022).

    Parameters
    ----------
    a : array, shape (samples, channels, ...)
        Activations, in the network's own units.
    theta : float or array, shape (channels,)
        Thresholds, in the same units.
    steps : int
        T, at least 1.

    Returns
    -------
    array, shape of `a`
        Float64.

    Raises
    ------
    ValidationError
        Where `steps` is not a positive integer, or `theta` is not positive or does not fit the channels.
    """
    steps = positive_integer("steps", steps)
    a = np.asarray(a, dtype=np.float64)
    theta = np.asarray(theta, dtype=np.float64)
    if not (np.isfinite(theta) & (theta > 0.0)).all():
        raise ValidationError("theta must be positive and finite")
    theta = _over_channels(theta, a)
    return theta / steps * np.clip(np.floor(a * steps / theta + 0.5), 0, steps)


def clip(a: np.ndarray, theta: np.ndarray | float) -> np.ndarray:
    """Give the activation, but none above its threshold: min(a, theta); arguments and errors as `quantise`."""
    a = np.asarray(a, dtype=np.float64)
    return np.minimum(a, _over_channels(np.asarray(theta, dtype=np.float64), a))


def _over_channels(theta: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return thresholds in a shape that broadcasts against activations (samples, channels, ...)."""
    if not theta.ndim:
        return theta
    if a.ndim < 2 or theta.shape != a.shape[1:2]:
        raise ValidationError(f"theta must be a number or one a channel of a {a.shape}, not of shape {theta.shape}")
    return theta.reshape((-1,) + (1,) * (a.ndim - 2))


def least_squares(activations: np.ndarray, steps: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Choose the threshold of every channel that loses least in T steps on calibration data.

    theta = argmin_{theta > 0} E[w (Q(a) - a)^2], with Q as in `quantise`

    Values are sorted once; the error of any threshold then costs T binary searches. A logarithmic grid finds the best
    regions, and alternating minimisation (levels given q = theta / T, then q = sum(k a) / sum(k^2) given the levels
    k, as in Lloyd, IEEE Trans. Inf. Theory 1982) descends in each. At a minimum theta is at least the mean of the
    positive activations and q at most their maximum, which bounds the grid; all means are weighted by w.

    Parameters
    ----------
    activations : array, shape (samples, channels, ...)
        What the activations are on calibration data; negative values count as values that no spike can say.
    steps : int
        T, the steps that the threshold is chosen for, at least 1.
    weights : array, shape of `activations`, optional
        w, positive; 1 by default.

    Returns
    -------
    array, shape (channels,)
        Positive, float64. A channel that is never above zero gets the largest threshold of the others (1 where there
        is none): a neuron started at theta / 2 never fires on such data, whatever the threshold.

    Raises
    ------
    ValidationError
        Where `steps` is not a positive integer, or `activations` are empty, not finite or without channels.
    """
    steps, activations = positive_integer("steps", steps), _checked(activations)
    if weights is None:
        return _by_channel(activations, lambda values: _least_squares(values, np.ones_like(values), steps))
    if weights.shape != activations.shape or not (np.isfinite(weights) & (weights > 0.0)).all():
        raise ValidationError(f"weights must be positive, of shape {activations.shape}, not {weights.shape}")
    channels = ((activations[:, c], weights[:, c]) for c in range(activations.shape[1]))
    pairs = ((a[a > 0.0].astype(np.float64), w[a > 0.0]) for a, w in channels)
    return _filled(np.array([_least_squares(a, w, steps) if a.size else np.nan for a, w in pairs]))


def maximum(activations: np.ndarray) -> np.ndarray:
    """Choose for every channel the largest activation on calibration data.

    theta = max a

    (Diehl et al., "Fast-classifying, high-accuracy spiking deep networks through weight and threshold balancing",
    IJCNN 2015.) Arguments, result and errors as `least_squares`.
    """
    return _by_channel(activations, lambda values: values.max())


def percentile(activations: np.ndarray, p: float) -> np.ndarray:
    """Choose for every channel the p-th percentile of the positive activations on calibration data.

    (Rueckauer et al., "Conversion of continuous-valued deep networks to efficient event-driven networks for image
    classification", Frontiers in Neuroscience 2017.) Arguments, result and errors as `least_squares`.
    """
    return _by_channel(activations, lambda values: float(np.percentile(values, p)))


def local_balancing(activations: np.ndarray) -> np.ndarray:
    """Balance the threshold of every channel between clipping and resolution, one batch after the other.

    theta <- theta + 2 E[(a - theta)+], from theta = 0, with the mean over a batch of 50 samples

    (Bu, Li & Yu, "Inference-scale complexity in ANN-SNN conversion for high-performance and low-power applications",
    CVPR 2025.) Arguments, result and errors as `least_squares`.
    """
    activations = _checked(activations)
    theta = np.zeros(activations.shape[1])
    for start in range(0, len(activations), _BALANCED):
        batch = np.moveaxis(activations[start : start + _BALANCED], 1, 0).reshape(len(theta), -1)
        theta += 2.0 * np.maximum(batch - theta[:, None], 0.0).mean(axis=1)
    return _filled(np.where(theta > 0.0, theta, np.nan))


def _checked(activations: np.ndarray) -> np.ndarray:
    activations = np.asarray(activations)
    if activations.ndim < 2 or not activations.size:
        raise ValidationError(f"activations must have shape (samples, channels, ...), not {activations.shape}")
    if not np.isfinite(activations).all():
        raise ValidationError("activations must be finite, they hold NaN or infinity")
    return activations


def _by_channel(activations: np.ndarray, rule: Callable[[np.ndarray], float]) -> np.ndarray:
    """Apply a rule to the positive values of every channel."""
    activations = _checked(activations)
    found = []
    for c in range(activations.shape[1]):
        values = activations[:, c]
        values = values[values > 0].astype(np.float64)
        found.append(rule(values) if values.size else np.nan)
    return _filled(np.array(found))


def _filled(thresholds: np.ndarray) -> np.ndarray:
    """Give silent channels, which are NaN, the largest threshold of the others."""
    silent = np.isnan(thresholds)
    return np.where(silent, 1.0 if silent.all() else thresholds[~silent].max(), thresholds)


def note_of_silence(called: str, largest: np.ndarray, what: str) -> str | None:
    """Say which channels of a layer are silent on the samples, and what they have; None of none.

    Parameters
    ----------
    called : str
        The layer.
    largest : ndarray (channels,)
        What each channel says at most; not above 0 of one that is silent.
    what : str
        What was to be chosen by the samples: "threshold" or "step".
    """
    silent = np.flatnonzero(largest <= 0.0)
    if not len(silent):
        return None
    if len(silent) == len(largest):
        return f"{called}: all {len(largest)} channels are silent on the samples; nothing tells their {what}"
    told = ", ".join(map(str, silent[:5])) + (", ..." if len(silent) > 5 else "")
    which = f"{len(silent)} of {len(largest)} channels ({told})"
    return f"{called}: {which} are silent on the samples; they have the largest {what} of the others"


def _least_squares(values: np.ndarray, weights: np.ndarray, steps: int) -> float:
    """Choose one channel's threshold from its positive values."""
    if values.size > _SEARCHED:
        chosen = np.random.default_rng(0).choice(values.size, _SEARCHED)
        values, weights = values[chosen], weights[chosen]
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    largest = values[-1]
    values = values / largest  # squares of the largest or smallest floats would leave their range
    sums = np.concatenate(([[0.0], [0.0]], np.cumsum([weights * values, weights], axis=1)), axis=1)
    q = np.geomspace(sums[0, -1] / sums[1, -1] / steps, 1.0, _CANDIDATES)
    error, better = _levels(values, sums, q, steps)
    q = better[np.argsort(error, kind="stable")[:_REFINED]]
    for _ in range(_REFINEMENTS):
        q = _levels(values, sums, q, steps)[1]
    return float(q[np.argmin(_levels(values, sums, q, steps)[0])] * steps * largest)


def _levels(values: np.ndarray, sums: np.ndarray, q: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the summed squared error less that of silence, and the best q for the same levels, for every q.

    sum w (a - k q)^2 = sum w a^2 - 2 q sum w k a + q^2 sum w k^2, where a value at or above (k - 1/2) q has level k or
    more; `sums` are those of w a and of w of the first values.
    """
    k = np.arange(1, steps + 1)
    first = np.searchsorted(values, (k - 0.5) * q[:, None])
    k_a = (sums[0, -1] - sums[0, first]).sum(axis=1)
    k_squared = ((sums[1, -1] - sums[1, first]) * (2 * k - 1)).sum(axis=1)
    return q * (q * k_squared - 2.0 * k_a), k_a / k_squared
