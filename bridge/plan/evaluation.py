"""What the layers of a plan compute in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bridge.nodes import Embedding, Node
from bridge.plan.layers import Layer, Plan, Term


def evaluate(plan: Plan, x: np.ndarray) -> Iterator[tuple[Layer, np.ndarray, np.ndarray]]:
    """Compute every layer, one after the other.

    Parameters
    ----------
    plan : Plan
    x : ndarray (samples, *shape)
        In the graph's own layout.

    Yields
    ------
    (Layer, ndarray, ndarray)
        The layer, the sum of its input u (samples, size) and what it says (samples, size), both in the graph's order.
        Of a product u is what arrives at port a, of a maximum what the source says.
    """
    last = last_readers(plan)
    values: dict[str, np.ndarray] = {}
    for name, layer in plan.layers.items():
        if layer.kind == "input":
            u = encoded(layer, x)
            values[name] = u
        else:
            u = arriving(layer.terms, values, len(x)) + (0.0 if layer.kind == "maximum" else layer.bias)
            values[name] = _said(layer, u, values, plan)
        yield layer, u, values[name]
        for other in [other for other in values if last[other] == name]:
            del values[other]


def encoded(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Return what an input layer is given of samples (samples, *shape), (samples, size).

    Of the indices that an embedding reads, 1 for the row that each of them names, and 0.
    """
    x = np.asarray(x, np.float64)
    if not isinstance(layer.node, Embedding):
        return x.reshape(len(x), -1)
    return (x[..., None] == np.arange(len(layer.node.table))).astype(np.float64).reshape(len(x), -1)


def arriving(terms: tuple[Term, ...], values: dict[str, np.ndarray], samples: int) -> np.ndarray:
    """Return the sum of some terms, (samples, size), or (samples, 1) zeros if there are none."""
    return sum((term.operator.apply(values[term.source]) for term in terms), np.zeros((samples, 1)))


def last_readers(plan: Plan) -> dict[str, str]:
    """Say for every layer which is the last that reads it, the output for those that none reads."""
    last = dict.fromkeys(plan.layers, list(plan.layers)[-1])
    for name, layer in plan.layers.items():
        for term in (*layer.terms, *layer.other_terms):
            last[term.source] = name
    return last


def _said(layer: Layer, u: np.ndarray, values: dict[str, np.ndarray], plan: Plan) -> np.ndarray:
    node: Node = layer.node
    if layer.kind == "product":
        return u * arriving(layer.other_terms, values, len(u))
    if layer.kind == "maximum":
        return node(u.reshape(len(u), *plan.layers[layer.terms[0].source].layout.shape)).reshape(len(u), -1)
    if layer.kind == "activation":
        return node(u.reshape(len(u), *layer.layout.shape)).reshape(len(u), -1)
    return u
