"""The plan of a spiking network: layers of neurons to be, and the linear terms that lead from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bridge.nodes import Node
from bridge.plan.operators import Layout, Operator

Kind = Literal["input", "activation", "product", "maximum", "relay", "readout"]


@dataclass(frozen=True, eq=False)
class Term:
    """A part of a layer's input: an operator on what another layer says.

    Attributes
    ----------
    source : str
        Name of the layer.
    operator : Pick, Full, Kernel or Listed
    """

    source: str
    operator: Operator


@dataclass(frozen=True, eq=False)
class Layer:
    """A population to be: u = sum of terms + bias, and what it makes of u.

    Attributes
    ----------
    name : str
        That of the graph's node whose value it says (with an ending where another layer has that name).
    kind : {"input", "activation", "product", "maximum", "relay", "readout"}
        An input says the sample, an activation f(u), a product a b of its two ports, a maximum the largest u of every
        window, a relay u itself; a readout says nothing, u is read.
    layout : Layout
    terms : tuple of Term
        What arrives; of a product at its port a.
    bias : ndarray of float64 (size,)
        In the graph's order.
    node : Node
        The graph's node.
    other_terms : tuple of Term
        Of a product: what arrives at its port b.

    Notes
    -----
    The terms of a product and of a maximum are one `Pick` each, from layers of the kinds input, activation, maximum
    or relay.
    """

    name: str
    kind: Kind
    layout: Layout
    terms: tuple[Term, ...]
    bias: np.ndarray
    node: Node
    other_terms: tuple[Term, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """Layers by name, each after those that it reads.

    Attributes
    ----------
    layers : dict of str to Layer
    output : str
        The readout; or, where the graph's output is an activation, that layer.
    merged : dict of str to tuple of str
        For each node of the graph without a layer of its own the layers whose weights and biases hold it.
    """

    layers: dict[str, Layer]
    output: str
    merged: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Verdict:
    """What became of a node of the graph.

    Attributes
    ----------
    node : str
        Name of the graph's node.
    kind : str
        Its class, such as "ReLU".
    verdict : {"exact", "quantised", "graded", "merged", "dropped"}
        Said exactly; said in steps; said by events that carry a number; part of the weights of other layers, exactly
        but for their rounding; or without any effect.
    reason : str
        Why, in a sentence.
    """

    node: str
    kind: str
    verdict: Literal["exact", "quantised", "graded", "merged", "dropped"]
    reason: str
