"""Recurrent layers and cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bridge.nodes import GRU, LSTM, RNN, Concat, Dense, Flip, ProjectedLSTM, Reshape, Slice
from bridge.operations.tracing import Traced
from bridge.operations.values import RefusedError, Value, array, emit


def layers(m: nn.RNNBase, input: Traced, hx: Any = None):
    """Unfold all layers and directions of a recurrent module: its output, and the states it ends with."""
    if m.training and m.dropout:
        raise RefusedError("drops at inference too", "Use it in evaluation mode")
    if input.value is None or len(input.value.shape) != 2 or input.value.batch == m.batch_first:
        wanted = "(batch, time, features)" if m.batch_first else "(time, batch, features)"
        raise RefusedError(f"needs an input of shape {wanted}", "Set batch_first as the samples stand in its input")
    states = () if hx is None else tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
    if all(isinstance(state, torch.Tensor) and not isinstance(state, Traced) for state in states) and not any(
        state.any() for state in states
    ):
        states = ()

    def function(input, *states):
        start = None if not states else states if isinstance(m, nn.LSTM) else states[0]
        output, final = type(m).forward(m, input, start)  # pyright: ignore
        return (output, *(final if isinstance(final, tuple) else (final,)))

    def rule(input: Value, *states: Any):
        return _layers(m, input, states)

    output, *final = input.tracing.apply(type(m).__name__, rule, function, (input, *states), {})
    return output, tuple(final) if isinstance(m, nn.LSTM) else final[0]


def _layers(m: nn.RNNBase, input: Value, states: tuple[Any, ...]) -> tuple[Value, ...]:
    x = input
    ways = ("", "_reverse") if m.bidirectional else ("",)
    ends: list[list[Value]] = [[], []] if isinstance(m, nn.LSTM) else [[]]
    for layer in range(m.num_layers):
        outputs = []
        for way, suffix in enumerate(ways):
            source = emit(Flip, x, axis=0) if way else x
            starts = [_start(state, layer * len(ways) + way, input) for state in states]
            told = _told(m, f"l{layer}{suffix}", source, starts)
            for end, sequence in zip(ends, told, strict=True):
                time = sequence.shape[0]
                end.append(emit(Slice, sequence, axis=0, start=time - 1, stop=time, batch=1))
            outputs.append(emit(Flip, told[0], axis=0) if way else told[0])
        x = emit(Concat, *outputs, axis=1) if len(outputs) > 1 else outputs[0]
    finals = (emit(Concat, *end, axis=0) if len(end) > 1 else end[0] for end in ends)
    return (x, *finals)


def _start(state: Any, index: int, input: Value) -> Value:
    """Give the state that a layer starts from in one direction: of the network, or constant."""
    if isinstance(state, Value):
        return _row(state, index)
    rows = array(state)[index]
    if (rows != rows[:1]).any():
        raise RefusedError("starts from states that differ from sample to sample", "Start all from the same")
    first = _row(input, 0)
    return emit(Dense, first, weight=np.zeros((rows.shape[1], first.shape[0])), bias=rows[0])


def _row(value: Value, index: int) -> Value:
    part = emit(Slice, value, axis=0, start=index, stop=index + 1)
    return emit(Reshape, part, shape=part.shape[1:], batch=0)


def _told(m: nn.RNNBase, name: str, x: Value, starts: list[Value]) -> list[Value]:
    """Give the hidden states of one layer in one direction and, of an LSTM, its cells."""
    weights: dict[str, Any] = {
        "weight_ih": array(getattr(m, f"weight_ih_{name}")),
        "weight_hh": array(getattr(m, f"weight_hh_{name}")),
    }
    zeros = torch.zeros(len(weights["weight_ih"]))
    ih, hh = (array(getattr(m, f"bias_{which}_{name}", zeros)) for which in ("ih", "hh"))
    if isinstance(m, nn.GRU):
        return [emit(GRU, x, *starts, **weights, bias_ih=ih, bias_hh=hh)]
    if isinstance(m, nn.LSTM):
        if m.proj_size:
            weights["weight_hr"] = array(getattr(m, f"weight_hr_{name}"))
        kind = ProjectedLSTM if m.proj_size else LSTM
        return [emit(kind, x, *starts, **weights, bias=ih + hh, cell=cell) for cell in (False, True)]
    return [emit(RNN, x, *starts, **weights, bias=ih + hh, relu=m.nonlinearity == "relu")]


def _both(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    return F.linear(input, w_ih, b_ih), F.linear(hx, w_hh, b_hh)


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Make one step of an LSTM, of its parts."""
    h, c = hx
    own, past = _both(input, h, w_ih, w_hh, b_ih, b_hh)
    i, f, g, o = (own + past).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Make one step of a GRU, of its parts."""
    own, past = _both(input, hx, w_ih, w_hh, b_ih, b_hh)
    (r, z, n), (past_r, past_z, past_n) = own.chunk(3, 1), past.chunk(3, 1)
    r, z = (r + past_r).sigmoid(), (z + past_z).sigmoid()
    return (1.0 - z) * (n + r * past_n).tanh() + z * hx


COMPOSITES = {
    "lstm_cell": lstm_cell,
    "gru_cell": gru_cell,
    "rnn_tanh_cell": lambda *args: torch.add(*_both(*args)).tanh(),
    "rnn_relu_cell": lambda *args: torch.add(*_both(*args)).relu(),
}
MODULES = {nn.RNN: layers, nn.LSTM: layers, nn.GRU: layers}
