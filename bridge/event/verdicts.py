"""What becomes of each node of a graph by events, and what is refused unless it is allowed."""

from __future__ import annotations

from collections.abc import Collection

from bridge import nodes
from bridge.errors import ConversionError, ValidationError, refuse
from bridge.event.quantised import FINER, Quantised
from bridge.graph import Graph
from bridge.nodes import Node
from bridge.plan import Plan, Verdict

GRADED = (
    nodes.Multiply,
    nodes.MatMul,
    nodes.LSTM,
    nodes.ProjectedLSTM,
    nodes.GRU,
    nodes.LayerNorm,
    nodes.GroupNorm,
    nodes.RMSNorm,
    nodes.Softmax,
    nodes.LogSoftmax,
)

_ENDS = (nodes.Softmax, nodes.LogSoftmax, nodes.Mask, nodes.Scale, nodes.Shift)  # of those that may be cut off


def refuse_graded(graph: Graph, allow: Collection[str]) -> None:
    """Refuse what needs products of two values that the network computes, where it is not allowed.

    Parameters
    ----------
    graph : Graph
    allow : collection of str
        "product" allows all of them, a kind of node (such as "LSTM") those of this kind, a node's name that one.

    Raises
    ------
    ValidationError
        If `allow` names what there is not.
    ConversionError
        Naming every node that is not allowed, or spikes already.
    """
    if isinstance(allow, str):
        raise ValidationError(f'allow must be several names, such as ("{allow}",), not the text {allow!r}')
    if not isinstance(allow, Collection):
        raise ValidationError(f'allow must be names, such as ("product",), not {allow!r}')
    kinds = sorted(kind.__name__ for kind in GRADED)
    for name in allow:
        if name != "product" and name not in kinds and name not in graph.nodes:
            raise ValidationError(f"allow names {name!r}, which is none of 'product', {', '.join(kinds)}, nor a node")
    refused = []
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if isinstance(node, nodes.Leaky):
            remedy = "Use bridge.take_over(module, samples, steps=...)"
            refused.append(ConversionError(f"{name} ({kind})", "spikes already", remedy))
        if isinstance(node, GRADED) and not {"product", kind, name} & set(allow):
            reason = "multiplies two values of the network, which takes graded events: each carries a number"
            remedy = f'If that may be, say allow=("{kind}",), or allow=("product",) for all such nodes'
            refused.append(ConversionError(f"{name} ({kind})", reason, remedy))
    refuse(refused)


def verdicts(traced: Graph, graph: Graph, plan: Plan, quantised: Quantised) -> tuple[Verdict, ...]:
    """Say what became of each node of the graph as traced.

    Parameters
    ----------
    traced : Graph
        The module as traced.
    graph : Graph
        As it was planned, but for recurrent layers and normalisations.
    plan : Plan
    quantised : Quantised
    """
    return tuple(_verdict(name, node, graph, plan, quantised) for name, node in traced.nodes.items())


def _verdict(name: str, node: Node, graph: Graph, plan: Plan, quantised: Quantised) -> Verdict:
    kind = type(node).__name__
    if isinstance(node, _ENDS) and name not in graph.nodes:
        return Verdict(name, kind, "exact", "applied to what is read, outside of the network")
    if isinstance(node, GRADED):
        return Verdict(name, kind, "graded", "its products are said by events that carry a number")
    if isinstance(node, nodes.RNN):
        return Verdict(name, kind, "quantised", "one copy of its neurons for each step of the sequence")
    if name in quantised.neurons:
        return Verdict(name, kind, *_said(name, quantised))
    if layers := plan.merged.get(name, ()):
        return Verdict(name, kind, "merged", f"part of the weights of {', '.join(layers)}")
    if name in plan.merged:
        return Verdict(name, kind, "dropped", "the output does not depend on it")
    return Verdict(name, kind, "merged", "part of the layer that it was folded into")


def _said(name: str, quantised: Quantised) -> tuple:
    neurons = quantised.neurons[name]
    if neurons.layer.kind == "input":
        if isinstance(neurons.layer.node, nodes.Embedding):
            return "exact", "one neuron for each index"
        return "quantised", "counts of steps of the largest value of each channel"
    if neurons.layer.kind == "maximum":
        return "exact", "the largest of the counts that its neurons read"
    if neurons.layer.kind == "readout":
        return "exact", "the sum of its input is read"
    if neurons.layer.kind == "relay":
        reason = "said by neurons of its own, since a product, a maximum or another linear layer reads it"
        return ("exact", reason) if neurons.lossless else ("quantised", f"{reason}; {FINER} times as many levels")
    if isinstance(neurons.layer.node, nodes.QuantisedReLU):
        return "exact", "said in the steps and levels that it has"
    return "quantised", "said in steps chosen for each channel"
