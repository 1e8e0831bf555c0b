"""Recurrent layers into one copy of the cell for every step of the sequence."""

from __future__ import annotations

import numpy as np

from bridge.graph import Graph
from bridge.nodes import (
    GRU,
    LSTM,
    RNN,
    Add,
    Concat,
    Dense,
    Multiply,
    Node,
    ProjectedLSTM,
    Recurrent,
    ReLU,
    Reshape,
    Scale,
    Sigmoid,
    Slice,
    Tanh,
)
from bridge.passes.growing import Growing


def unroll(graph: Graph) -> Graph:
    """Replace every recurrent layer by its equations, step after step.

    The sequence has a length, so the network has no cycle any more: what it computes does not depend on when anything
    is computed. The nodes of step t are named after the layer, t and the equation's letter, as in ``lstm_3_c``; the
    layer's name stays with its output.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Without `Recurrent` nodes.
    """
    growing = Growing(graph)
    shapes = graph.shapes()
    for name, node in graph.nodes.items():
        if isinstance(node, Recurrent):
            cell = {RNN: _rnn, LSTM: _lstm, ProjectedLSTM: _lstm, GRU: _gru}[type(node)]
            _unrolled(growing, name, node, cell, shapes[name][0])
        else:
            growing.add(name, node)
    return growing.graph()


class _Step:
    """One step of a layer: makes nodes, named after both."""

    def __init__(self, growing: Growing, layer: str, step: int, x: str):
        self.growing, self.prefix, self.x = growing, f"{layer}_{step}", x

    def add(self, letter: str, node: Node) -> str:
        return self.growing.add(self.growing.free(f"{self.prefix}_{letter}"), node)

    def affine(self, letter: str, weight: np.ndarray, bias: np.ndarray, of: str) -> str:
        return self.add(letter, Dense((of,), weight, bias))

    def gate(self, letter: str, rows: slice, node: LSTM | GRU | RNN, bias: np.ndarray, h: str | None) -> str:
        """Add W_ih x + W_hh h + bias, of some rows of each; no h is one of zeros."""
        own = self.affine(f"{letter}_x", node.weight_ih[rows], bias[rows], self.x)
        if h is None:
            return own
        hidden = self.affine(f"{letter}_h", node.weight_hh[rows], np.zeros(len(node.weight_hh[rows])), h)
        return self.add(f"{letter}_sum", Add((own, hidden)))

    def product(self, letter: str, a: str, b: str) -> str:
        return self.add(letter, Multiply((a, b)))


def _unrolled(growing: Growing, name: str, node: Recurrent, cell, length: int) -> None:
    sequence, *given = node.inputs
    states: tuple[str | None, ...] = tuple(given) or (None,) * node.states
    features, said = node.weight_ih.shape[1], []
    size = node.state_sizes[node.told]
    for t in range(length):
        part = growing.add(growing.free(f"{name}_{t}_part"), Slice((sequence,), 0, t, t + 1))
        x = growing.add(growing.free(f"{name}_{t}_x"), Reshape((part,), (features,)))
        states = cell(_Step(growing, name, t, x), node, *states)
        told = states[node.told]
        said.append(growing.add(growing.free(f"{name}_{t}_row"), Reshape((str(told),), (1, size))))
    growing.add(name, Concat(tuple(said), 0))


def _rows(node: Recurrent, gate: int) -> slice:
    return slice(gate * node.units, (gate + 1) * node.units)


def _rnn(step: _Step, node: RNN, h: str | None) -> tuple[str]:
    z = step.gate("z", slice(None), node, node.bias, h)
    return (step.add("h", ReLU((z,)) if node.relu else Tanh((z,))),)


def _lstm(step: _Step, node: LSTM, h: str | None, c: str | None) -> tuple[str, str]:
    i, f, g, o = (step.gate(letter, _rows(node, k), node, node.bias, h) for k, letter in enumerate("ifgo"))
    i, g = step.add("i", Sigmoid((i,))), step.add("g", Tanh((g,)))
    new = step.product("ig", i, g)
    if c is not None:
        kept = step.product("fc", step.add("f", Sigmoid((f,))), c)
        new = step.add("c", Add((kept, new)))
    projected = isinstance(node, ProjectedLSTM)
    h = step.product("ho" if projected else "h", step.add("o", Sigmoid((o,))), step.add("tanh", Tanh((new,))))
    if projected:
        h = step.affine("h", node.weight_hr, np.zeros(node.hidden), h)
    return h, new


def _gru(step: _Step, node: GRU, h: str | None) -> tuple[str]:
    bias = node.bias_ih + node.bias_hh
    r, z = (step.gate(letter, _rows(node, k), node, bias, h) for k, letter in enumerate("rz"))
    r, z, new = step.add("r", Sigmoid((r,))), step.add("z", Sigmoid((z,))), _rows(node, 2)
    own = step.affine("n_x", node.weight_ih[new], node.bias_ih[new], step.x)
    if h is None:
        reset = step.add("rn", Scale((r,), node.bias_hh[new]))
    else:
        reset = step.product("rn", r, step.affine("n_h", node.weight_hh[new], node.bias_hh[new], h))
    n = step.add("n", Tanh((step.add("n_sum", Add((own, reset))),)))
    # (1 - z) n + z h = n - z n + z h
    left = step.add("zn_less", Scale((step.product("zn", z, n),), np.array(-1.0)))
    said = step.add("n_left" if h is not None else "h", Add((n, left)))
    if h is not None:
        said = step.add("h", Add((said, step.product("zh", z, h))))
    return (said,)
