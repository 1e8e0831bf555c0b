"""Rules of activations, and of dropout, which does nothing at inference."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bridge import nodes
from bridge.nodes.activations import FUNCTIONS as NAMED
from bridge.operations.arithmetic import larger, smaller
from bridge.operations.values import RefusedError, Value, array, emit, number

_FAR = 40.0  # where log(1 + exp(x)) is x to the last bit


def _plain(kind: type) -> Any:
    return lambda input, inplace=False: emit(kind, input)


def _named(name: str) -> Any:
    return lambda input: emit(nodes.Function, input, name=name)


def hardtanh(input: Value, min_val=-1.0, max_val=1.0, inplace=False):
    """Clip; at 0 and 6 it is ReLU6."""
    low, high = number(min_val), number(max_val)
    if (low, high) == (0.0, 6.0):
        return emit(nodes.ReLU6, input)
    return emit(nodes.Hardtanh, input, low=low, high=high)


def clamp(input: Value, min=None, max=None):
    """Clip with either bound, or both; of numbers, or tensors."""
    if any(isinstance(bound, Value) or (isinstance(bound, torch.Tensor) and bound.numel() > 1) for bound in (min, max)):
        input = input if min is None else larger(input, min)
        return replace(input) if max is None else smaller(input, max)
    low, high = (-np.inf if min is None else number(min)), (np.inf if max is None else number(max))
    return emit(nodes.ReLU, input) if (low, high) == (0.0, np.inf) else hardtanh(input, low, high)


def prelu(input: Value, weight):
    """Give every channel its slope, or all the same."""
    slope = array(weight).reshape(-1)
    if len(slope) > 1 and (input.batch or input.merged):
        raise RefusedError(
            "has slopes for channels that are not behind the samples", "Apply it to (batch, channels, ...)"
        )
    return emit(nodes.PReLU, input, slope=slope)


def rrelu(input: Value, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Take the mean of random slopes, as at inference."""
    if training:
        raise RefusedError("draws its slopes at inference too", "Give it training=self.training, or use nn.RReLU")
    return emit(nodes.LeakyReLU, input, slope=(lower + upper) / 2)


def threshold(input: Value, threshold, value, inplace=False):
    """Replace what is not above an edge; at 0 it is a rectifier."""
    edge, other = number(threshold), number(value)
    return emit(nodes.ReLU, input) if edge == other == 0.0 else emit(nodes.Threshold, input, edge=edge, other=other)


def dropout(input: Value, p=0.5, training=True, inplace=False):
    """Do nothing, at inference."""
    # torch.dropout names it train, in the same place.
    if training and p > 0:
        raise RefusedError("drops at inference too", "Give it training=self.training, or use nn.Dropout")
    return replace(input)


def power(input: Value, exponent):
    """Raise to a constant power."""
    return emit(nodes.Power, input, exponent=number(exponent))


FUNCTIONS = {
    "relu": _plain(nodes.ReLU),
    "relu6": _plain(nodes.ReLU6),
    "hardtanh": hardtanh,
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": lambda input, min: clamp(input, min),
    "clamp_max": lambda input, max: clamp(input, None, max),
    "leaky_relu": lambda input, negative_slope=0.01, inplace=False: emit(
        nodes.LeakyReLU, input, slope=number(negative_slope)
    ),
    "prelu": prelu,
    "rrelu": rrelu,
    "_threshold": threshold,
    "elu": lambda input, alpha=1.0, inplace=False: emit(nodes.ELU, input, alpha=number(alpha)),
    "celu": lambda input, alpha=1.0, inplace=False: emit(nodes.ELU, input, alpha=number(alpha), width=number(alpha)),
    "selu": _plain(nodes.SELU),
    "gelu": lambda input, approximate="none": emit(nodes.GELU, input, tanh=approximate == "tanh"),
    "silu": _plain(nodes.SiLU),
    "mish": _plain(nodes.Mish),
    "hardswish": _plain(nodes.Hardswish),
    "hardsigmoid": _plain(nodes.Hardsigmoid),
    "sigmoid": _plain(nodes.Sigmoid),
    **dict.fromkeys(("logsigmoid", "log_sigmoid"), _plain(nodes.LogSigmoid)),
    "tanh": _plain(nodes.Tanh),
    "softplus": lambda input, beta=1.0, threshold=20.0: emit(
        nodes.Softplus, input, beta=number(beta), threshold=number(threshold)
    ),
    "softsign": _plain(nodes.Softsign),
    "hardshrink": lambda input, lambd=0.5: emit(nodes.Hardshrink, input, edge=number(lambd)),
    "softshrink": lambda input, lambd=0.5: emit(nodes.Softshrink, input, edge=number(lambd)),
    **{name: _named(name) for name in NAMED},
    "abs": _plain(nodes.Absolute),
    "exp": _plain(nodes.Exponential),
    "log": _plain(nodes.Logarithm),
    "pow": power,
    "square": lambda input: power(input, 2),
    "sqrt": lambda input: power(input, 0.5),
    "rsqrt": lambda input: power(input, -0.5),
    "reciprocal": lambda input: power(input, -1),
    **dict.fromkeys(
        ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"),
        dropout,
    ),
}
COMPOSITES = {
    "exp2": lambda input: (input * log(2.0)).exp(),
    "log2": lambda input: input.log() * (1.0 / log(2.0)),
    "log10": lambda input: input.log() * (1.0 / log(10.0)),
    "logaddexp": lambda input, other: other + F.softplus(input - other, threshold=_FAR),
    "tanhshrink": lambda input: input - input.tanh(),
    "softmin": lambda input, dim=None, _stacklevel=3, dtype=None: (-input).softmax(dim),
    "glu": lambda input, dim=-1: _gated(*input.chunk(2, dim)),
}


def _gated(a, b):
    return a * b.sigmoid()
