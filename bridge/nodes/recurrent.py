"""Recurrent layers, each in one direction, on sequences (time, features).

They read the sequence alone, and start from zero, or the sequence and the states to start from, (hidden,) each.
Equations and order of the gates are PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.activations import sigmoid
from bridge.nodes.base import Node, Shape


class Recurrent(Node):
    """Base of recurrent layers: h[t] = step(x[t], h[t - 1], ...), with y[t] = h[t], (time, hidden).

    W_ih `weight_ih` is (gates hidden, features), W_hh `weight_hh` (gates hidden, hidden).
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    arity: ClassVar[int | None] = None
    gates: ClassVar[int]
    states: ClassVar[int] = 1

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return self.weight_hh.shape[1]

    def _shape(self, *shapes):
        rows = self.gates * self.hidden
        if len(self.weight_hh) != rows or len(self.weight_ih) != rows:
            both = f"weight_ih {self.weight_ih.shape} and weight_hh {self.weight_hh.shape}"
            raise ValidationError(f"{both} must have {self.gates} times as many rows as the {self.hidden} hidden units")
        for name in self.arrays:
            if name.startswith("bias") and getattr(self, name).shape != (rows,):
                raise ValidationError(f"{name} must have shape ({rows},), not {getattr(self, name).shape}")
        if len(shapes[0]) != 2 or shapes[0][1] != self.weight_ih.shape[1]:
            raise ValidationError(f"needs an input of shape (time, {self.weight_ih.shape[1]}), got {shapes[0]}")
        if len(shapes) not in (1, 1 + self.states) or any(shape != (self.hidden,) for shape in shapes[1:]):
            given = f"{self.states} of shape ({self.hidden},), or none"
            raise ValidationError(f"needs as states to start from {given}, got {list(shapes[1:])}")
        return (shapes[0][0], self.hidden)

    def _macs(self, *shapes: Shape) -> int:
        return shapes[0][0] * (self.weight_ih.size + self.weight_hh.size)

    def _value(self, *values):
        x, *states = values
        states = tuple(states) or (np.zeros((len(x), self.hidden)),) * self.states
        y = np.empty((len(x), x.shape[1], self.hidden))
        for t in range(x.shape[1]):
            states = self._step(x[:, t], *states)
            y[:, t] = states[self._told]
        return y

    @property
    def _told(self) -> int:
        return 0

    def _step(self, x: np.ndarray, *states: np.ndarray) -> tuple[np.ndarray, ...]:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class RNN(Recurrent):
    """Elman network: h[t] = f(W_ih x[t] + W_hh h[t - 1] + bias), f the rectifier where `relu`, else tanh."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray
    relu: bool = False
    arrays: ClassVar = {"weight_ih": 2, "weight_hh": 2, "bias": 1}
    gates: ClassVar[int] = 1

    def _step(self, x, *states):
        z = x @ self.weight_ih.T + states[0] @ self.weight_hh.T + self.bias
        return (np.maximum(z, 0.0) if self.relu else np.tanh(z),)


@dataclass(frozen=True, eq=False)
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with forget gates.

    (i, f, g, o) = W_ih x[t] + W_hh h[t - 1] + bias
    c[t] = sigmoid(f) c[t - 1] + sigmoid(i) tanh(g)
    h[t] = sigmoid(o) tanh(c[t])

    States to start from are h, then c. Where `cell`, the output is c in place of h.
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray
    cell: bool = False
    arrays: ClassVar = {"weight_ih": 2, "weight_hh": 2, "bias": 1}
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    @property
    def _told(self):
        return int(self.cell)

    def _step(self, x, *states):
        h, c = states
        i, f, g, o = np.split(x @ self.weight_ih.T + h @ self.weight_hh.T + self.bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


@dataclass(frozen=True, eq=False)
class GRU(Recurrent):
    """Gated recurrent unit (Cho et al., 2014), as PyTorch has it.

    (r, z, n) = W_ih x[t] + bias_ih,   (r', z', n') = W_hh h[t - 1] + bias_hh
    r, z = sigmoid(r + r'), sigmoid(z + z')
    h[t] = (1 - z) tanh(n + r n') + z h[t - 1]
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray
    arrays: ClassVar = {"weight_ih": 2, "weight_hh": 2, "bias_ih": 1, "bias_hh": 1}
    gates: ClassVar[int] = 3

    def _step(self, x, *states):
        (h,) = states
        r, z, n = np.split(x @ self.weight_ih.T + self.bias_ih, 3, axis=1)
        own_r, own_z, own_n = np.split(h @ self.weight_hh.T + self.bias_hh, 3, axis=1)
        r, z = sigmoid(r + own_r), sigmoid(z + own_z)
        return ((1.0 - z) * np.tanh(n + r * own_n) + z * h,)
