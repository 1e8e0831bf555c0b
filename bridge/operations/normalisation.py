"""Rules of normalisations by the sample's own values, and of softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from bridge.nodes import GroupNorm, LayerNorm, LogSoftmax, RMSNorm, Softmax
from bridge.operations.linear import batch_norm
from bridge.operations.values import RefusedError, Value, array, emit, standing


def layer_norm(input: Value, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over the last axes."""
    shape = tuple(normalized_shape)
    input.axes(range(-len(shape), 0))
    scale, shift = array(weight, np.ones(shape)), array(bias, np.zeros(shape))
    return emit(LayerNorm, input, scale=scale, shift=shift, eps=eps)


def rms_norm(input: Value, normalized_shape, weight=None, eps=None):
    """Normalise over the last axes."""
    shape = tuple(normalized_shape)
    input.axes(range(-len(shape), 0))
    own = float(np.finfo(np.float64).eps) if eps is None else eps
    return emit(RMSNorm, input, scale=array(weight, np.ones(shape)), eps=own)


def group_norm(input: Value, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalise over groups of channels."""
    input = standing(input)
    channels = input.shape[0]
    scale, shift = array(weight, np.ones(channels)), array(bias, np.zeros(channels))
    return emit(GroupNorm, input, groups=num_groups, scale=scale, shift=shift, eps=eps)


def instance_norm(
    input: Value,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Normalise each channel by itself, or by the statistics of training."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return group_norm(input, input.shape[0], weight, bias, eps)


def _softmax(kind: type) -> Any:
    def rule(input: Value, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            raise RefusedError("does not say along which axis", "Give it dim")
        return emit(kind, input, axis=input.axis(dim))

    return rule


FUNCTIONS = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "softmax": _softmax(Softmax),
    "log_softmax": _softmax(LogSoftmax),
}
