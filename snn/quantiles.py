"""Quantiles of the normal distribution in basic operations: the same bits wherever they are computed.

They are those of Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37,
1988, to a relative 1e-15.
"""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma, log, product
from snn.jit import compiled, inlined, prefer_wide_vectors, uncounted


@inlined
def _polynomial(x, a, b, c, d, e, f, g, h):
    p = fma(x, fma(x, fma(x, h, g), f), e)
    return fma(x, fma(x, fma(x, fma(x, p, d), c), b), a)


@inlined
def _central_quantile(q):
    """Return the quantile of 0.5 + q for |q| <= 0.425."""
    r = fma(-q, q, 0.180625)
    # fmt: off
    return q * _polynomial(
        r, 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
        4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
    ) / _polynomial(
        r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
        2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
    )
    # fmt: on


@inlined
def _tail_quantile(p):
    """Return the quantile of 1 - p for 1.4e-11 < p < 0.075; no word gives a smaller p."""
    r = math.sqrt(-log(p))
    # fmt: off
    return _polynomial(
        r - 1.6, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
        3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ) / _polynomial(
        r - 1.6, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    )
    # fmt: on


@uncounted
def normal(word):
    """Return the quantile of the standard normal distribution at (word + 0.5) / 2^32."""
    p = fma(np.float64(word), 2.0**-32, 2.0**-33)
    q = p - 0.5
    if abs(q) <= 0.425:
        return _central_quantile(q)
    return -_tail_quantile(p) if q < 0 else _tail_quantile(1.0 - p)


@inlined
def normal_value(word, low, step, mean, std, least, most):
    """Return what `normal_values` returns for one word; `step` is the difference of the probabilities over 2^32."""
    p = fma(step, np.float64(word) + 0.5, low)
    if abs(p - 0.5) <= 0.425:
        quantile = _central_quantile(p - 0.5)
    else:
        tail = _tail_quantile(max(min(p, 1.0 - p), 2.0**-33))
        quantile = tail if p > 0.5 else -tail
    return min(max(product(quantile, std) + mean, least), most)


@compiled
def normal_quantiles(words, low, high):
    """Return quantiles of the standard normal distribution, float64 (n,).

    Word 0 gives the one at `low`, 2^32 the one at `high`, and others those in between, evenly; a word is taken to mean
    the middle of its step, and no quantile is beyond that of 2^-33.

    Parameters
    ----------
    words : ndarray of uint32 (n,)
    low, high : float
        Probabilities.
    """
    prefer_wide_vectors()
    out = np.empty(len(words), np.float64)
    step, least = (high - low) * 2.0**-32, 2.0**-33
    for i in range(len(words)):  # the middle, which a compiler vectorises
        out[i] = _central_quantile(fma(step, words[i] + 0.5, low) - 0.5)
    # The tails, put together first: a branch that is taken now and then would take longer than all else.
    places, tails = np.empty(len(words), np.int32), 0
    for i in range(len(words)):
        places[tails] = i
        tails += int(abs(fma(step, words[i] + 0.5, low) - 0.5) > 0.425)
    below, found = np.empty(tails, np.float64), np.empty(tails, np.float64)
    for j in range(tails):
        below[j] = fma(step, words[places[j]] + 0.5, low)
    for j in range(tails):
        found[j] = _tail_quantile(max(min(below[j], 1.0 - below[j]), least))
    for j in range(tails):
        out[places[j]] = found[j] if below[j] > 0.5 else -found[j]
    return out


@compiled
def normal_values(words, low, high, mean, std, least, most):
    """Return ``mean + std q`` for the quantiles q that `normal_quantiles` returns, but within `least` and `most`."""
    out = normal_quantiles(words, low, high)
    for i in range(len(out)):
        out[i] = min(max(out[i] * std + mean, least), most)
    return out
