"""What becomes of every node of a module in a rate-coded network, and why."""

from __future__ import annotations

from bridge.graph import Graph
from bridge.nodes import Activation, Input, Leaky, Maximum, Node, Rearrange, Recurrent
from bridge.plan import Verdict
from bridge.rate.options import RateOptions


def verdicts(
    traced: Graph, graph: Graph, steps: int, options: RateOptions, unrolled: str | None
) -> tuple[Verdict, ...]:
    """Tell what becomes of every node.

    Parameters
    ----------
    traced : Graph
        The module as traced.
    graph : Graph
        The same after the passes, as it was emitted.
    steps : int
        T.
    options : RateOptions
    unrolled : str, optional
        Why recurrent layers are populations for every step of the sequence, where they are.
    """
    return tuple(_verdict(name, node, traced, graph, steps, options, unrolled) for name, node in traced.nodes.items())


def _verdict(
    name: str, node: Node, traced: Graph, graph: Graph, steps: int, options: RateOptions, unrolled: str | None
) -> Verdict:
    kind = type(node).__name__
    levels = f"0 to {steps} spikes say 0 to the threshold in {steps + 1} levels"
    quantised = f"{levels}; above it is clipped, and uneven arrival may cost a spike"
    pooled = "a relay fires as often as the most active neuron of its window"
    if isinstance(node, Maximum):
        swapped = "" if name in graph.nodes else f"put after {_heir(name, traced, graph)}: "
        return Verdict(name, kind, "exact", swapped + pooled)
    if isinstance(node, Activation):
        return Verdict(name, kind, "quantised", quantised)
    if isinstance(node, Recurrent):
        if unrolled is not None:
            told = f"a population for every step of the sequence, since {unrolled}"
            return Verdict(name, kind, "quantised", f"{told}; {quantised}")
        told = f"one population that says a step of the sequence after the other, in {steps} steps each"
        return Verdict(name, kind, "quantised", f"{told}; {levels}; above it is clipped")
    if name not in graph.nodes:
        heir = _heir(name, traced, graph)
        if heir is None:
            return Verdict(name, kind, "exact", "applied to what is read, outside of the network")
        return Verdict(name, kind, "merged", f"taken into the weights of {heir}")
    if type(graph.nodes[name]) is not type(node):
        made = type(graph.nodes[name]).__name__
        return Verdict(name, kind, "merged", f"folded with what it reads into one {made} of this name")
    if isinstance(node, Input) and options.input == "poisson":
        return Verdict(name, kind, "quantised", "Poisson trains whose rates are the sample's values")
    if isinstance(node, Input):
        return Verdict(name, kind, "exact", "flows as a constant current while the sample is shown")
    if isinstance(node, Leaky):
        return Verdict(name, kind, "exact", "spikes already; taken over spike for spike")
    if isinstance(node, Rearrange):
        return Verdict(name, kind, "exact", "moves nothing: the next layer reads the neurons where they are")
    told = "read as it integrates: " if name == graph.output else ""
    return Verdict(name, kind, "exact", f"{told}its weights are those of synapses, its bias is a current")


def _heir(name: str, traced: Graph, graph: Graph) -> str | None:
    """Return the nearest node after this one that is still there, or None."""
    waiting = [name]
    for current in waiting:  # grows while it is walked: nearest first
        for consumer in traced.consumers(current):
            if consumer in graph.nodes:
                return consumer
            waiting.append(consumer)
    return None
