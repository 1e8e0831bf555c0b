"""Rules of dense layers, convolutions and batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from bridge.nodes import BatchNorm, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Pad
from bridge.operations.values import RefusedError, Value, array, dense, emit, standing, tuple_of


def linear(input, weight, bias=None):
    """Y = W x + b on the last axis."""
    weight = array(weight)
    return dense(input, weight, array(bias, np.zeros(len(weight))))


def _convolution(count: int, kind: type) -> Any:
    def rule(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        input = standing(input, count + 1)
        weight = array(weight)
        dilation = tuple_of(dilation, count)
        if padding == "valid":
            padding = 0
        elif padding == "same":
            total = tuple(d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
            padding = tuple(n // 2 for n in total)
            if any(n % 2 for n in total):
                # The odd one is at the end, as in PyTorch.
                widths = ((0, 0), *((n // 2, n - n // 2) for n in total))
                input, padding = emit(Pad, input, widths=widths), 0
        return emit(
            kind,
            input,
            weight=weight,
            bias=array(bias, np.zeros(len(weight))),
            stride=tuple_of(stride, count),
            padding=tuple_of(padding, count),
            dilation=dilation,
            groups=groups,
        )

    return rule


def _transposed(count: int, kind: type) -> Any:
    def rule(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        weight = array(weight)
        return emit(
            kind,
            standing(input, count + 1),
            weight=weight,
            bias=array(bias, np.zeros(weight.shape[1] * groups)),
            stride=tuple_of(stride, count),
            padding=tuple_of(padding, count),
            output_padding=tuple_of(output_padding, count),
            dilation=tuple_of(dilation, count),
            groups=groups,
        )

    return rule


def batch_norm(input: Value, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Compute y[c] = (x[c] - mean[c]) / sqrt(variance[c] + eps) weight[c] + bias[c]."""
    if training or running_mean is None or running_var is None:
        raise RefusedError(
            "normalises by the statistics of each batch, so no sample has a value of its own",
            "Train it with track_running_stats=True and use it in evaluation mode",
        )
    mean = array(running_mean)
    scale = array(weight, np.ones_like(mean)) / np.sqrt(array(running_var) + eps)
    return emit(BatchNorm, standing(input), scale=scale, shift=array(bias, np.zeros_like(mean)) - mean * scale)


FUNCTIONS = {
    "linear": linear,
    "conv1d": _convolution(1, Conv1d),
    "conv2d": _convolution(2, Conv2d),
    "conv3d": _convolution(3, Conv3d),
    "conv_transpose1d": _transposed(1, ConvTranspose1d),
    "conv_transpose2d": _transposed(2, ConvTranspose2d),
    "conv_transpose3d": _transposed(3, ConvTranspose3d),
    "batch_norm": batch_norm,
}
