"""What can be said by counts of spikes, and what is refused by name."""

from __future__ import annotations

import numpy as np

from bridge.errors import ConversionError, refuse
from bridge.graph import Graph
from bridge.nodes import (
    RNN,
    Activation,
    GroupNorm,
    Hardtanh,
    LayerNorm,
    Leaky,
    LogSoftmax,
    MatMul,
    Multiply,
    Node,
    QuantisedReLU,
    Recurrent,
    ReLU,
    ReLU6,
    RMSNorm,
    Softmax,
)
from bridge.plan import Layer, Pick, Plan

_REMEDY = 'Use method="event", or an activation like ReLU'


def ceiling(node: Node) -> float | None:
    """Return the largest value of an activation that rises from 0 with slope 1 to there, or None if it is not such."""
    if isinstance(node, ReLU | QuantisedReLU):
        return np.inf
    if isinstance(node, ReLU6):
        return 6.0
    if isinstance(node, Hardtanh) and node.low == 0.0 < node.high:
        return node.high
    return None


def counts(plan: Plan) -> dict[str, Layer]:
    """Return the layers that say a value in counts, for which thresholds are chosen."""
    return {
        name: layer
        for name, layer in plan.layers.items()
        if (layer.kind == "activation" and not isinstance(layer.node, Leaky))
        or (layer.kind == "relay" and not is_passed_on(layer))
    }


def is_passed_on(layer: Layer) -> bool:
    """Whether every neuron of a relay passes on what one other says."""
    if len(layer.terms) != 1 or layer.bias.any():
        return False
    operator = layer.terms[0].operator
    return isinstance(operator, Pick) and bool((operator.scale[operator.index >= 0] == 1.0).all())


def require_nodes(graph: Graph) -> None:
    """Refuse nodes that counts of spikes cannot say, before recurrent ones are unrolled.

    Raises
    ------
    ConversionError
        Naming all of them.
    """
    refused = []
    for name, node in graph.nodes.items():
        if found := _refusal(node):
            refused.append(ConversionError(f"{name} ({type(node).__name__})", *found))
    refuse(refused)


def _refusal(node: Node) -> tuple[str, str] | None:
    """Return why counts of spikes cannot say a node, and what to do; None if they can."""
    if isinstance(node, Leaky):
        return "spikes already", "Use bridge.take_over(module, samples, steps=...)"
    if isinstance(node, Recurrent) and not (isinstance(node, RNN) and node.relu):
        remedy = 'Use method="event", or nn.RNN(nonlinearity="relu")'
        return "is a recurrent layer that counts of spikes cannot say", remedy
    if isinstance(node, Multiply | MatMul):
        return "is a product, which counts of spikes cannot say", _REMEDY
    if isinstance(node, Softmax | LogSoftmax | LayerNorm | GroupNorm | RMSNorm):
        return "divides by what it reads, which counts of spikes cannot say", _REMEDY
    if isinstance(node, Activation) and ceiling(node) is None:
        return "is an activation that counts of spikes cannot say", _REMEDY
    return None


def require(plan: Plan) -> None:
    """Refuse a plan in which a sum that relays or poolings would have to say may be negative.

    Raises
    ------
    ConversionError
        Naming all such layers.
    """
    remedy = 'Put the activation before it, or use method="event"'
    reason = "may be negative, which counts of spikes cannot say"
    refuse(
        [
            ConversionError(title(layer), reason, remedy)
            for layer in plan.layers.values()
            if layer.kind in ("relay", "maximum") and not _is_never_negative(layer, plan)
        ]
    )


def _is_never_negative(layer: Layer, plan: Plan) -> bool:
    """Whether a sum of what others say is never below 0: they are not the input, weights and bias not negative."""
    return bool((layer.bias >= 0.0).all()) and all(
        plan.layers[term.source].kind != "input" and not (term.operator.matrix().data < 0.0).any()
        for term in layer.terms
    )


def title(layer: Layer) -> str:
    """Return a layer's name with the kind of its node."""
    return f"{layer.name} ({type(layer.node).__name__})"
