"""Who acts on whom in a NIR graph: ways from one signal to the next through linear nodes, their shapes and biases.

Inputs and neurons are signals. Between two of them lie linear nodes only, so what arrives is a sum of matrices times
signals, each with a delay, and a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from bridge.errors import ConversionError
from bridge.nir.linear import LINEAR, Shape, matrix, offset, shape_after
from bridge.nir.neurons import GRADED, NEURONS, parameters_shape
from bridge.nir.reading import FlatGraph, Node

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Term:
    """A way from a signal to a node.

    Attributes
    ----------
    source : Node
    path : tuple of (Node, tuple of int)
        The linear nodes on the way, and the shape that each receives.
    delay : float
        In the file's unit of time.
    chosen : tuple of (Node, float)
        Delay nodes of several delays, of which this way takes the elements that have this one.
    """

    source: Node
    path: tuple[tuple[Node, Shape], ...] = ()
    delay: float = 0.0
    chosen: tuple[tuple[Node, float], ...] = ()

    def through(self, node: Node, shape: Shape) -> list[Term]:
        """Return the ways that go on through a node that receives this shape."""
        path = (*self.path, (node, shape))
        if node.type != "Delay":
            return [Term(self.source, path, self.delay, self.chosen)]
        delays = np.unique(node["delay"])
        picks = [self.chosen] if len(delays) == 1 else [(*self.chosen, (node, float(delay))) for delay in delays]
        ways = zip(delays, picks, strict=True)
        return [Term(self.source, path, self.delay + float(delay), pick) for delay, pick in ways]

    def matrix(self, shape: Shape) -> csr_array:
        """Return the product of the nodes on the way for a signal of this shape, channels first at both ends."""
        from scipy.sparse import csr_array, diags_array, eye_array

        chosen, product = dict(self.chosen), csr_array(eye_array(prod(shape)))
        for node, received in self.path:
            factor = matrix(node, received)
            if node in chosen:
                mine = np.broadcast_to(node["delay"] == chosen[node], received).ravel()
                factor = csr_array(diags_array(mine.astype(np.float64)))
            product = csr_array(factor @ product)
        return product


class Wiring:
    """A graph's ways, found from behind.

    Parameters
    ----------
    graph : FlatGraph

    Attributes
    ----------
    notes : list of str
        What was taken to be meant.

    Raises
    ------
    ConversionError
        If shapes do not fit, linear nodes form a cycle, or a voltage leads to other than outputs; it names the node.
    """

    def __init__(self, graph: FlatGraph):
        self.graph, self.notes = graph, []
        self._shapes: dict[str, Shape] = {}
        self._terms: dict[str, list[Term]] = {}
        for node in graph.nodes.values():
            self._check(node)
        # A Threshold that reads one integrator tests its voltage.
        self.tested: dict[str, Node] = {}
        for node in graph.of("Threshold"):
            before = graph.before(node.name)
            if len(before) == 1 and before[0].type in GRADED:
                self.tested[node.name] = before[0]
        for node in graph.of(*NEURONS):
            for term in [] if node.name in self.tested else self.terms(node):
                if term.source.type in GRADED:
                    reason = f"says its voltage to {node}, and neurons here say nothing but spikes"
                    remedy = "Read it at an Output, let one Threshold test it, or put a spiking neuron in its place"
                    raise ConversionError(str(term.source), reason, remedy)

    def shape(self, node: Node) -> Shape:
        """Return the shape of what a node says, channels first."""
        found = self._shape(node, ())
        if found is None:
            reason = "has parameters that are single numbers, and nothing says how many neurons it has"
            raise ConversionError(str(node), reason, "Give them the neurons' shape")
        return found

    def terms(self, node: Node) -> list[Term]:
        """Return the ways that lead into a node."""
        if node.name not in self._terms:
            found = []
            for one in self.graph.before(node.name):
                if one.type in LINEAR:
                    received = self._received(one)
                    found += [way for term in self.terms(one) for way in term.through(one, received)]
                else:
                    found.append(Term(one))
            self._terms[node.name] = found
        return self._terms[node.name]

    def bias(self, node: Node) -> np.ndarray:
        """Return what arrives at a node when all signals are silent, (elements,)."""
        total = np.zeros(prod(self._received(node)))
        for one in self.graph.before(node.name):
            if one.type in LINEAR:
                received = self._received(one)
                constant = offset(one, received)
                total = total + matrix(one, received) @ self.bias(one) + (0.0 if constant is None else constant)
        return total

    def _received(self, node: Node) -> Shape:
        """Return the shape of what arrives at a node."""
        return self.shape(self.graph.before(node.name)[0])

    def _shape(self, node: Node, way: tuple[Node, ...]) -> Shape | None:
        """Return what `shape` does, or None where it depends on a node that is on the way here."""
        if node.name in self._shapes:
            return self._shapes[node.name]
        if node in way:
            loop = way[way.index(node) :]
            if all(one.type in LINEAR for one in loop):
                names = " -> ".join(one.name for one in (*loop, node))
                raise ConversionError(str(node), f"is in a cycle without neurons, {names}", "Put a neuron into it")
            return None
        if node.type == "Input":
            found = tuple(int(size) for size in node["shape"].ravel())
        elif node.type in NEURONS and parameters_shape(node):
            found = parameters_shape(node)
        else:
            given = [self._shape(one, (*way, node)) for one in self.graph.before(node.name)]
            known = next((shape for shape in given if shape is not None), None)
            if known is None:
                return None
            found = shape_after(node, known) if node.type in LINEAR else known
        self._shapes[node.name] = found
        return found

    def _check(self, node: Node) -> None:
        """Refuse a node whose inputs have other shapes than it takes."""
        shapes = {one.name: self.shape(one) for one in self.graph.before(node.name)}
        if node.type in NEURONS:
            needed = self.shape(node)
        elif shapes:
            needed = next(iter(shapes.values()))
        else:
            return
        for name, shape in shapes.items():
            if shape != needed:
                remedy = "Correct the shapes, or put a Flatten between"
                raise ConversionError(str(node), f"takes shape {needed} and receives {shape} from {name}", remedy)
        if node.type == "Output":
            declared = tuple(int(size) for size in node["shape"].ravel())
            if prod(declared) != prod(needed):
                remedy = "Write the file anew, with the shape of what it receives"
                raise ConversionError(str(node), f"declares shape {declared} and receives {needed}", remedy)
            if declared != needed:
                self.notes.append(f"{node} declares shape {declared} and receives {needed}, which is taken.")
