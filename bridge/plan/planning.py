"""From a graph of primitive nodes to layers of neurons, and the linear terms between them.

Whatever is linear needs no neurons: it is carried along, as a sum of terms, up to the layer that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from bridge.errors import ConversionError
from bridge.graph import Graph
from bridge.nodes import (
    Activation,
    Add,
    BatchNorm,
    Conv1d,
    Conv2d,
    Conv3d,
    Dense,
    Embedding,
    Input,
    Leaky,
    Linear,
    MatMul,
    Maximum,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Multiply,
    Node,
    Permute,
    PReLU,
    QuantisedReLU,
    Rearrange,
    Reshape,
    Shape,
)
from bridge.plan.layers import Kind, Layer, Plan, Term
from bridge.plan.operators import Full, Kernel, Layout, Listed, Operator, Pick, matrix_shape

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_CHANNELS_FIRST = (Conv1d, Conv2d, Conv3d, BatchNorm, PReLU, QuantisedReLU, MaxPool1d, MaxPool2d, MaxPool3d)
_POOLS = (MaxPool1d, MaxPool2d)  # of whole channels
_ASKING = (Multiply, MatMul, *_POOLS)  # read what single neurons say


@dataclass(frozen=True, eq=False)
class Sum:
    """What a node's value is: a sum of terms, and a bias; `through` are the nodes that it was carried through."""

    layout: Layout
    terms: tuple[Term, ...]
    bias: np.ndarray
    through: frozenset[str] = frozenset()

    def rows(self, chosen: np.ndarray, layout: Layout) -> Sum:
        """Return the value whose element i is element chosen[i] of this one, 0 where that is -1."""
        identity = len(chosen) == len(self.bias) and bool((chosen == np.arange(len(chosen))).all())
        terms = self.terms
        if not identity:
            terms = tuple(Term(term.source, term.operator.rows(chosen)) for term in terms)
        elif layout.image != self.layout.image or (layout.order != self.layout.order).any():
            terms = tuple(Term(term.source, _unshaped(term.operator)) for term in terms)
        return replace(self, layout=layout, terms=terms, bias=np.where(chosen >= 0, self.bias[chosen], 0.0))


def plan(graph: Graph) -> Plan:
    """Turn a graph of primitive nodes into layers.

    Layers are made for the input, for every activation (and spiking neuron), product and maximum, and for the output,
    which is read. A *relay* layer says a value that is linear in others where one must be said by itself: for a
    product or a maximum, and where two linear nodes in a row would need far more weights as one than as two.

    Parameters
    ----------
    graph : Graph
        Without recurrent nodes, softmax and normalisations over features; see `bridge.passes.unroll` and
        `bridge.passes.decompose`.

    Returns
    -------
    Plan

    Raises
    ------
    ConversionError
        If a node is none of the kinds above; it is named.
    """
    return _Planner(graph).run()


class _Planner:
    """The layers as they grow along the graph."""

    def __init__(self, graph: Graph):
        self.graph = graph
        shapes = graph.shapes()
        axes = channel_axes(graph, shapes)
        # A single value without an axis is a population of one.
        self.layouts = {name: Layout(shapes[name] or (1,), axes[name]) for name in graph.nodes}
        self.asked = {source for node in graph.nodes.values() if isinstance(node, _ASKING) for source in node.inputs}
        self.values: dict[str, Sum] = {}
        self.layers: dict[str, Layer] = {}
        self.merged: dict[str, set[str]] = {}

    def run(self) -> Plan:
        for name, node in self.graph.nodes.items():
            self.values[name] = self._value(name, node)
            if name in self.asked and not self._is_said(self.values[name]):
                self._relay(name)  # at once, so that all that read it read the same
        output = self.graph.output
        last = self.layers.get(output)
        if last is None or last.kind != "activation":
            name = self._free(output, "readout") if last else output
            output = self._layer(name, output, "readout", self.values[output]).name
        used = self._used(output)
        layers = {name: layer for name, layer in self.layers.items() if name in used}
        merged = {
            name: tuple(layer for layer in layers if layer in self.merged.get(name, ()))
            for name in self.graph.nodes
            if name not in layers
        }
        return Plan(layers, output, merged)

    def _used(self, output: str) -> set[str]:
        """Return the layers that the output depends on."""
        used, waiting = {self.graph.input}, [output]
        while waiting:
            name = waiting.pop()
            if name not in used:
                used.add(name)
                waiting += [term.source for term in (*self.layers[name].terms, *self.layers[name].other_terms)]
        return used

    def _value(self, name: str, node: Node) -> Sum:
        """Return the value of a node, with the layers that it needs made."""
        given = [self.values[source] for source in node.inputs]
        layout = self.layouts[name]
        if isinstance(node, Input):
            self.layers[name] = Layer(name, "input", layout, (), np.zeros(layout.size), node)
            return self._said(name, layout)
        if isinstance(node, Activation | Leaky):
            (value,) = given
            value = value.rows(np.arange(layout.size), layout)  # its channels may be on another axis
            return self._said(self._layer(name, name, "activation", value).name, layout)
        if isinstance(node, Maximum):
            value = self._maximum(name, node)
        elif isinstance(node, Multiply | MatMul):
            value = self._product(name, node)
        elif isinstance(node, Add):
            value = self._sum(name, node, given)
        elif isinstance(node, Rearrange):
            value = self._rearranged(node, given, layout)
        elif isinstance(node, Linear):
            value = self._linear(node, layout)
        elif isinstance(node, Embedding):
            value = self._embedding(name, node)
        else:
            remedy = "Leave it out, or replace it by nodes that bridge.plan knows"
            raise ConversionError(f"{name} ({type(node).__name__})", "has no plan of neurons", remedy)
        return value if name in self.layers else replace(value, through=value.through | {name})

    # ---- what is carried along

    def _sum(self, name: str, node: Node, given: list[Sum]) -> Sum:
        layout = self.layouts[name]
        spread = [_spread(value, layout) for value in given]
        terms = tuple(term for value in spread for term in value.terms)
        through = frozenset().union(*(value.through for value in spread))
        return Sum(layout, terms, np.sum([value.bias for value in spread], axis=0), through)

    def _rearranged(self, node: Rearrange, given: list[Sum], layout: Layout) -> Sum:
        index = node.indices(*(value.layout.shape for value in given)).ravel()
        starts = np.cumsum([0, *(value.layout.size for value in given)])
        parts = []
        for value, first, last in zip(given, starts[:-1], starts[1:], strict=True):
            chosen = np.where((index >= first) & (index < last), index - first, -1)
            if (chosen >= 0).any():
                parts.append(value.rows(chosen, layout))
        terms = tuple(term for part in parts for term in part.terms if _reads(term.operator))
        bias = np.sum([part.bias for part in parts], axis=0) if parts else np.zeros(layout.size)
        return Sum(layout, terms, bias, frozenset().union(*(part.through for part in parts)))

    def _linear(self, node: Linear, layout: Layout) -> Sum:
        (source,) = node.inputs
        shape = self.values[source].layout.shape
        vector = node if isinstance(node, Dense) and len(shape) == 1 else None
        kernel = None if vector else _kernel(node)
        matrix = None if kernel or vector else node.matrix(shape)
        diagonal = _diagonal(matrix)
        if diagonal is None:
            own = node.macs(shape) if matrix is None else matrix.nnz
            if any(_too_many(own, prod(shape), layout.size, term.operator) for term in self.values[source].terms):
                self._relay(source)
        value = self.values[source]
        terms = []
        for term in value.terms:
            found = None
            if diagonal is not None:
                found = term.operator.scaled(diagonal)
            elif kernel and isinstance(term.operator, Pick):
                found = _shared(*kernel, term, self.layers[term.source].layout, value.layout, layout)
            elif vector:
                found = _full(vector, term.operator)
            if found is None:
                matrix = node.matrix(shape) if matrix is None else matrix
                found = _after(matrix, term.operator)
            terms.append(Term(term.source, found))
        bias = node(value.bias.reshape(1, *shape)).ravel()
        return Sum(layout, tuple(terms), bias, value.through)

    def _embedding(self, name: str, node: Embedding) -> Sum:
        """Read a table: the input says which row, by one neuron for each, so that the rows are weights."""
        (source,) = node.inputs
        if self.layers.get(source) is None or self.graph.consumers(source) != [name]:
            remedy = "Let it be the only one that reads the network's input"
            raise ConversionError(f"{name} (Embedding)", f"reads {source}", remedy)
        rows = Layout((*self.layouts[source].shape, len(node.table)), -1)
        self.layers[source] = Layer(source, "input", rows, (), np.zeros(rows.size), node)
        target = self.layouts[name]
        table = Kernel(node.table.T[:, :, None, None], (1, 1), (0, 0), rows, target)
        return Sum(target, (Term(source, table),), np.zeros(target.size))

    # ---- layers

    def _maximum(self, name: str, node: Maximum) -> Sum:
        (source,) = node.inputs
        value, layout = self.values[source], self.layouts[name]
        if isinstance(node, _POOLS) and set(node.dilation) == {1}:
            image = Layout(value.layout.shape)
            if not self._is_layer(value, image):
                value = self._relay(source, image)
            self._layer(name, name, "maximum", replace(value, layout=layout, bias=np.zeros(layout.size)))
            return self._said(name, layout)
        # Any other windows: one row of a relay for each, whose maximum is pooled.
        windows = node.windows(value.layout.shape)
        windows = np.where(windows >= 0, windows, windows.max(axis=1, keepdims=True))
        rows = Layout((1, *windows.shape))
        relay = self._layer(self._free(name, "windows"), name, "relay", value.rows(windows.ravel(), rows)).name
        pool = MaxPool2d((relay,), (1, windows.shape[1]), (1, windows.shape[1]))
        said = Sum(Layout((1, len(windows), 1)), self._said(relay, rows).terms, np.zeros(len(windows)))
        self._layer(name, name, "maximum", said, made_of=pool)
        return self._said(name, layout)

    def _product(self, name: str, node: Multiply | MatMul) -> Sum:
        """Add the products of all pairs that a multiplication needs; a matrix product is their sum."""
        a, b = (self.values[source].layout.shape for source in node.inputs)
        layout = self.layouts[name]
        terms = []
        if isinstance(node, Multiply):
            pairs, summed = layout, None
            chosen = [np.broadcast_to(np.arange(prod(shape)).reshape(shape), layout.shape) for shape in (a, b)]
        else:
            shape = (*layout.shape[:-1], layout.shape[-1], a[-1])
            pairs, summed = Layout(shape, -1), a[-1]
            left = np.arange(prod(a)).reshape(a)[..., :, None, :]
            right = np.swapaxes(np.arange(prod(b)).reshape(b), -1, -2)[..., None, :, :]
            chosen = [np.broadcast_to(index, shape) for index in (left, right)]
        for source, index in zip(node.inputs, chosen, strict=True):
            terms.append(self.values[source].rows(index.ravel(), pairs).terms)
        zero = Sum(pairs, terms[0], np.zeros(pairs.size))
        made = self._layer(name, name, "product", zero, other=terms[1]).name
        if summed is None:
            return self._said(made, layout)
        rows = np.arange(pairs.size) // summed
        from scipy.sparse import csr_array

        total = csr_array((np.ones(pairs.size), (rows, np.arange(pairs.size))), shape=(layout.size, pairs.size))
        return Sum(layout, (Term(made, Listed(total)),), np.zeros(layout.size))

    def _relay(self, name: str, layout: Layout | None = None) -> Sum:
        """Let neurons say the value of a node, and return it as that."""
        value = self.values[name]
        value = value.rows(np.arange(value.layout.size), layout or value.layout)
        made = self._free(name, "relay") if name in self.layers else name
        self._layer(made, name, "relay", value)
        self.values[name] = self._said(made, value.layout)
        return self.values[name]

    def _layer(
        self,
        name: str,
        node: str,
        kind: Kind,
        value: Sum,
        other: tuple[Term, ...] = (),
        *,
        made_of: Node | None = None,
    ) -> Layer:
        self.layers[name] = Layer(
            name, kind, value.layout, value.terms, value.bias, made_of or self.graph.nodes[node], other
        )
        for passed in value.through:
            self.merged.setdefault(passed, set()).add(name)
        return self.layers[name]

    def _free(self, name: str, ending: str) -> str:
        """Return the name of a node with an ending, and as many underscores as keep it apart from other names."""
        name = f"{name}_{ending}"
        while name in self.layers or name in self.graph.nodes:
            name += "_"
        return name

    def _said(self, layer: str, layout: Layout) -> Sum:
        """Return the value that a layer says."""
        return Sum(layout, (Term(layer, Pick.identity(layout.size)),), np.zeros(layout.size))

    def _is_said(self, value: Sum) -> bool:
        """Whether each element is what one neuron says, but for a factor, and that neuron's event is all-or-none."""
        if len(value.terms) != 1 or value.bias.any():
            return False
        (term,) = value.terms
        return isinstance(term.operator, Pick) and self.layers[term.source].kind != "product"

    def _is_layer(self, value: Sum, layout: Layout) -> bool:
        """Whether a value is just what a layer of this layout says."""
        if not self._is_said(value):
            return False
        (term,) = value.terms
        pick = term.operator
        plain = isinstance(pick, Pick) and pick.whole and bool((pick.scale == 1.0).all())
        return plain and self.layers[term.source].layout == layout


def channel_axes(graph: Graph, shapes: dict[str, Shape]) -> dict[str, int]:
    """Say for every node which axis of its value holds the channels: 0, or -1 for the last.

    Convolutions, poolings and batch normalisations have theirs first, other linear layers last; what does not say
    goes by its input if that has as many axes, and else has them first in images and vectors, last in others.
    """
    axes: dict[str, int] = {}
    for name, node in graph.nodes.items():
        shape = shapes[name]
        like = next((axes[i] for i in node.inputs if len(shapes[i]) == len(shape)), None)
        if len(shape) <= 1:
            axes[name] = 0
        elif isinstance(node, Dense):
            axes[name] = -1
        elif isinstance(node, _CHANNELS_FIRST):
            axes[name] = 0
        elif isinstance(node, Permute):
            channels = axes[node.inputs[0]] % len(shape)
            axes[name] = {0: 0, len(shape) - 1: -1}.get(node.axes.index(channels), -1)
        elif like is not None and not isinstance(node, Reshape):
            axes[name] = like
        else:
            axes[name] = 0 if len(shape) == 3 else -1
    return axes


# ---- operators


def _kernel(node: Linear) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]] | None:
    """Return weight (out, in, height, width), stride and padding of what can share a kernel on images."""
    if isinstance(node, Conv2d) and node.groups == 1 and set(node.dilation) == {1}:
        return node.weight, node.stride, node.padding
    if isinstance(node, Conv1d) and node.groups == 1 and set(node.dilation) == {1}:
        return node.weight[..., None], (node.stride[0], 1), (node.padding[0], 0)
    if isinstance(node, Dense):
        return node.weight[:, :, None, None], (1, 1), (0, 0)
    return None


def _shared(weight, stride, padding, term: Term, layer: Layout, given: Layout, target: Layout) -> Operator | None:
    """Return a convolution of what a layer says, if its channels are whole channels of the input, or None.

    Those may stand in another order, be scaled, or be missing, as after a concatenation.
    """
    pick = term.operator
    if not isinstance(pick, Pick) or len(layer.image) != 3 or layer.image[:2] != given.image[:2]:
        return None
    if target.axis != given.axis and prod(target.image[:2]) > 1:
        return None
    positions, channels = prod(layer.image[:2]), layer.image[2]
    index, scale = (one[given.order].reshape(positions, -1) for one in (pick.index, pick.scale))
    neuron = np.where(index >= 0, layer.neuron[index], -1)
    whole = np.where(neuron[0] >= 0, neuron[0] + channels * np.arange(positions)[:, None], -1)
    if (neuron != whole).any() or (neuron[0] >= channels).any() or (scale != scale[0]).any():
        return None
    reads = np.flatnonzero(neuron[0] >= 0)
    own = np.zeros((weight.shape[0], channels, *weight.shape[2:]))
    for channel in reads:
        own[:, neuron[0][channel]] += weight[:, channel] * scale[0][channel]
    return Kernel(own, stride, padding, layer, target)


def _full(node: Dense, operator: Operator) -> Operator | None:
    """Return an operator followed by a dense layer as a dense matrix, unless most sources would have no weight."""
    if isinstance(operator, Pick) and 2 * int((operator.index >= 0).sum()) < operator.sources:
        return None
    return Full(np.ascontiguousarray((operator.matrix().T @ node.weight.T).T))


def _after(matrix: csr_array, operator: Operator) -> Operator:
    """Return an operator followed by a matrix."""
    from scipy.sparse import csr_array

    product = csr_array(matrix @ operator.matrix())
    product.sum_duplicates()
    product.eliminate_zeros()
    return Full(product.toarray()) if 2 * product.nnz > prod(matrix_shape(product)) else Listed(product)


def _too_many(weights: int, between: int, targets: int, operator: Operator) -> bool:
    """Whether a matrix of so many weights after an operator would have more than twice the weights of the two."""
    if isinstance(operator, Pick):
        return False
    together = min(weights * operator.weights / between, targets * operator.sources)
    return together > 2 * (weights + operator.weights)


def _diagonal(matrix: csr_array | None) -> np.ndarray | None:
    """Return the diagonal of a matrix that has nothing else, or None."""
    if matrix is None:
        return None
    targets, sources = matrix_shape(matrix)
    rows = np.repeat(np.arange(targets), np.diff(matrix.indptr))
    return matrix.diagonal() if targets == sources and (matrix.indices == rows).all() else None


def _spread(value: Sum, layout: Layout) -> Sum:
    """Return a value broadcast to a layout."""
    shape = value.layout.shape
    chosen = np.broadcast_to(np.arange(prod(shape)).reshape(shape), layout.shape)
    return value.rows(chosen.ravel(), layout)


def _reads(operator: Operator) -> bool:
    return bool((operator.index >= 0).any()) if isinstance(operator, Pick) else operator.weights > 0


def _unshaped(operator: Operator) -> Operator:
    """Return an operator that no longer knows the shape of its targets."""
    return Listed(operator.matrix()) if isinstance(operator, Kernel) else operator
