"""The quantised network computed directly, in integers, with nothing of the engine."""

from __future__ import annotations

import numpy as np

from bridge.event.quantised import Neurons, Quantised, Rounding, Table
from bridge.plan import Operator, Term

_EXACT = 2.0**53  # integers up to here are exact in float64, in which matrix products are fast
_HALF = 2.0**15


def twin(quantised: Quantised, counts: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute what every layer says of counts.

    Parameters
    ----------
    quantised : Quantised
    counts : ndarray of int64 (samples, size)
        Of the input layer, in the graph's order.

    Returns
    -------
    levels : dict of str to ndarray of int64 (samples, size)
        By layer, in the graph's order; 0 of a readout.
    sums : ndarray of int64 (samples, size)
        Of the output, in quanta.
    """
    levels: dict[str, np.ndarray] = {}
    sums = counts
    for name, neurons in quantised.neurons.items():
        if neurons.layer.kind == "input":
            levels[name] = counts
            continue
        if neurons.layer.kind == "maximum":
            source = quantised.neurons[neurons.terms[0].source].layer
            image = levels[source.name].reshape(len(counts), *source.layout.shape)
            levels[name] = neurons.layer.node(image.astype(np.float64)).reshape(len(counts), -1).astype(np.int64)
            continue
        sums = _arriving(neurons.terms, levels, len(counts)) + neurons.bias
        if neurons.layer.kind == "product":
            levels[name] = sums * _arriving(neurons.other_terms, levels, len(counts))
        else:
            levels[name] = _level(neurons, sums)
    return levels, sums


def _arriving(terms: tuple[Term, ...], levels: dict[str, np.ndarray], samples: int) -> np.ndarray:
    return sum((_exactly(term.operator, levels[term.source]) for term in terms), np.zeros((samples, 1), np.int64))


def _exactly(operator: Operator, levels: np.ndarray) -> np.ndarray:
    """Apply whole weights to whole numbers, in float64 where all sums are exact, else in two halves of the weights."""
    x = levels.astype(np.float64)
    bound = operator.mapped(np.abs).apply(np.full((1, x.shape[1]), np.abs(x).max(initial=0.0)))
    if bound.max(initial=0.0) < _EXACT:
        return operator.apply(x).astype(np.int64)
    assert bound.max() < _EXACT * _HALF
    high = operator.mapped(lambda weight: np.trunc(weight / _HALF)).apply(x)
    low = operator.mapped(lambda weight: np.fmod(weight, _HALF)).apply(x)
    return high.astype(np.int64) * int(_HALF) + low.astype(np.int64)


def _level(neurons: Neurons, sums: np.ndarray) -> np.ndarray:
    layout, says = neurons.layer.layout, neurons.says
    if isinstance(says, Rounding):
        step = says.step[layout.channel]
        return np.clip((2 * sums + step) // (2 * step), says.low, says.high)
    if not isinstance(says, Table):
        return np.zeros_like(sums)
    columns = sums[:, layout.order].reshape(-1, layout.image[-1])
    said = np.empty_like(columns)
    for channel, (thresholds, levels) in enumerate(zip(says.thresholds, says.levels, strict=True)):
        said[:, channel] = levels[np.searchsorted(thresholds, columns[:, channel], side="right") - 1]
    return said.reshape(len(sums), -1)[:, layout.neuron]
