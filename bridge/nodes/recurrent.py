"""Recurrent layers, each in one direction, on sequences (time, features).

They read the sequence alone, and start from zero, or the sequence and the states to start from, (hidden,) each.
Equations and order of the gates are PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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

    @property
    def units(self) -> int:
        """Number of values of each gate: the hidden units."""
        return self.hidden

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Sizes of the states."""
        return (self.hidden,) * self.states

    def _shape(self, *shapes):
        rows = self.gates * self.units
        if len(self.weight_hh) != rows or len(self.weight_ih) != rows:
            both = f"weight_ih {self.weight_ih.shape} and weight_hh {self.weight_hh.shape}"
            raise ValidationError(f"{both} must have {self.gates} times as many rows as the {self.units} hidden units")
        for name in self.arrays:
            if name.startswith("bias") and getattr(self, name).shape != (rows,):
                raise ValidationError(f"{name} must have shape ({rows},), not {getattr(self, name).shape}")
        if len(shapes[0]) != 2 or shapes[0][1] != self.weight_ih.shape[1]:
            raise ValidationError(f"needs an input of shape (time, {self.weight_ih.shape[1]}), got {shapes[0]}")
        given, wanted = list(shapes[1:]), [(size,) for size in self.state_sizes]
        if given and given != wanted:
            raise ValidationError(f"needs as states to start from {wanted}, or none, got {given}")
        return (shapes[0][0], self.state_sizes[self.told])

    def _macs(self, *shapes: Shape) -> int:
        return shapes[0][0] * (self.weight_ih.size + self.weight_hh.size)

    def _value(self, *values):
        x, *states = values
        states = tuple(states) or tuple(np.zeros((len(x), size)) for size in self.state_sizes)
        y = np.empty((len(x), x.shape[1], self.state_sizes[self.told]))
        for t in range(x.shape[1]):
            states = self._step(x[:, t], *states)
            y[:, t] = states[self.told]
        return y

    @property
    def told(self) -> int:
        """Which of the states is the output."""
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
    def told(self):
        """Which of the states is the output: c where `cell`, else h."""
        return int(self.cell)

    def _step(self, x, *states):
        h, c = states
        i, f, g, o = np.split(x @ self.weight_ih.T + h @ self.weight_hh.T + self.bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c


@dataclass(frozen=True, eq=False)
class ProjectedLSTM(LSTM):
    """Long short-term memory with a smaller hidden state (Sak et al., 2014): an `LSTM` whose output is projected.

    h[t] = W_hr (sigmoid(o) tanh(c[t]))

    W_hr is `weight_hr`, (hidden, cells).
    """

    weight_hr: np.ndarray = field(kw_only=True)
    arrays: ClassVar = {**LSTM.arrays, "weight_hr": 2}

    @property
    def units(self):
        """Number of cells."""
        return self.weight_hr.shape[1]

    @property
    def state_sizes(self):
        """Hidden units, and cells."""
        return self.hidden, self.units

    def _shape(self, *shapes):
        if len(self.weight_hr) != self.hidden:
            raise ValidationError(f"weight_hr {self.weight_hr.shape} must have {self.hidden} rows, one a hidden unit")
        return super()._shape(*shapes)

    def _macs(self, *shapes):
        return super()._macs(*shapes) + shapes[0][0] * self.weight_hr.size

    def _step(self, x, *states):
        h, c = super()._step(x, *states)
        return h @ self.weight_hr.T, c


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
