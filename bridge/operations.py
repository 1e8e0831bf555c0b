"""The operations of PyTorch that the bridge knows: for each a rule that makes a graph's node of it.

To teach the bridge an operation, write its rule (the arguments are those of the PyTorch function, tensors of the
network arrive as `Value`) and enter it in `functions` or `methods`, and its module in `modules`.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bridge.nodes import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Leaky,
    MaxPool2d,
    Pair,
    ReLU,
    Shape,
)


class RefusedError(Exception):
    """What a rule cannot express: (reason, remedy); the translation adds the node."""


@dataclass(frozen=True)
class Value:
    """A tensor of the network: the graph node that computes it, and its shape without batch axis."""

    name: str
    shape: Shape


class _Batch:
    """The number of samples, known to be what it is but not how many."""


_BATCH = _Batch()

# What is computed at once on sizes and weights; on tensors of the network it is unknown.
ARITHMETIC = {operator.getitem, operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv}

# Rules ---------------------------------------------------------------------------------------------------------------


def _dense(input, weight, bias=None):
    weight = _array(weight)
    if len(input.shape) != 1:
        raise RefusedError(f"is a linear layer on inputs of shape {input.shape}", "Flatten them first")
    return Dense((input.name,), weight, _array(bias, np.zeros(len(weight))))


def _conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    weight = _array(weight)
    stride, dilation = _pair(stride), _pair(dilation)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        total = tuple(d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
        if any(n % 2 for n in total):
            raise RefusedError("has padding 'same' with an even kernel: uneven padding", "Use an odd kernel size")
        padding = tuple(n // 2 for n in total)
    bias = _array(bias, np.zeros(len(weight)))
    return Conv2d((input.name,), weight, bias, stride, _pair(padding), dilation, groups)


def _conv2d_module(input, m):
    if m.padding_mode != "zeros":
        raise RefusedError(f"has padding_mode {m.padding_mode!r}", "Use padding_mode='zeros'")
    return _conv2d(input, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def _batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training or running_mean is None or running_var is None:
        raise RefusedError(
            "normalises by the statistics of each batch, so no sample has a value of its own",
            "Train it with track_running_stats=True and use it in evaluation mode",
        )
    mean = _array(running_mean)
    scale = _array(weight, np.ones_like(mean)) / np.sqrt(_array(running_var) + eps)
    return BatchNorm((input.name,), scale, _array(bias, np.zeros_like(mean)) - mean * scale)


def _batch_norm_module(input, m):
    # What the module itself tests in its forward, which a traced leaf does not run.
    axes = (3,) if type(m).__name__ == "BatchNorm2d" else (1, 2)
    if len(input.shape) not in axes:
        raise RefusedError(f"does not take inputs of shape {input.shape}", "Use the BatchNorm of that dimension")
    return _batch_norm(input, m.running_mean, m.running_var, m.weight, m.bias, m.training, eps=m.eps)


def _relu(input, inplace=False):
    return ReLU((input.name,))


def _avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    size, padding = _pair(kernel_size), _pair(padding)
    _refuse_ceil_mode(ceil_mode)
    if any(padding) and not count_include_pad:
        raise RefusedError("pads with count_include_pad=False", "Use count_include_pad=True, or no padding")
    if divisor_override not in (None, size[0] * size[1]):
        raise RefusedError(f"has divisor_override {divisor_override}", "Remove it")
    return AveragePool2d((input.name,), size, _pair(stride or size), padding)


def _max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    size = _pair(kernel_size)
    _refuse_ceil_mode(ceil_mode)
    if _pair(dilation) != (1, 1):
        raise RefusedError(f"is max-pooling with dilation {dilation}", "Use dilation=1")
    if return_indices:
        raise RefusedError("returns the indices of the maxima", "Use return_indices=False")
    return MaxPool2d((input.name,), size, _pair(stride or size), _pair(padding))


def _adaptive_avg_pool2d(input, output_size):
    if len(input.shape) != 3:
        raise RefusedError(f"does not take inputs of shape {input.shape}", "Give it (channels, height, width)")
    image = input.shape[1:]
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    wanted = tuple(n if w is None else w for n, w in zip(image, wanted, strict=True))
    if any(n % w for n, w in zip(image, wanted, strict=True)):
        raise RefusedError(f"pools {image} to {wanted}: windows of unequal size", "Choose sizes that divide")
    size = (image[0] // wanted[0], image[1] // wanted[1])
    return AveragePool2d((input.name,), size, size)


def _flatten(input, start_dim=0, end_dim=-1):
    last = len(input.shape)
    if start_dim % (last + 1) != 1 or end_dim % (last + 1) != last:
        raise RefusedError(f"flattens axes {start_dim} to {end_dim}", "Flatten all but the batch, with start_dim=1")
    return Flatten((input.name,))


def _reshape(input, *shape):
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    size = int(np.prod(input.shape))
    if tuple(shape) in ((_BATCH, -1), (_BATCH, size), (-1, size)):
        return Flatten((input.name,))
    given = tuple("batch" if n is _BATCH else n for n in shape)
    raise RefusedError(f"reshapes {input.shape} to {given}", "Only flattening is known: use torch.flatten(x, 1)")


def _dropout(input, p=0.5, training=True, inplace=False):
    if training and p > 0:
        raise RefusedError("drops at inference too", "Give it training=self.training, or use nn.Dropout")
    return input


def _dropout_module(input, m):
    return _dropout(input, m.p, m.training)


def _unchanged(input):
    return input


def _size(input, dim=None):
    shape = (_BATCH, *input.shape)
    return shape if dim is None else shape[dim]


def _getattr(input, name):
    if name != "shape":
        raise RefusedError(f"reads the attribute {name!r} of a tensor", "Only the shape is known while tracing")
    return _size(input)


def _leaky(input, m):
    probe = m.threshold.double().new_tensor(np.linspace(-2.0, 2.0, 41))
    heaviside = (m.spike_grad(probe) == (probe > 0)).all().item()
    for wrong, option, remedy in (
        (not m.init_hidden, "init_hidden=False", "Use init_hidden=True: the neuron then keeps its own state"),
        (m.output, "output=True", "Use output=False: the spikes are the output, the potential can be recorded"),
        (m.inhibition, "inhibition=True", "Use inhibition=False"),
        (m.state_quant, "state_quant", "Use state_quant=False"),
        (_array(m.graded_spikes_factor).item() != 1.0, "graded_spikes_factor", "Use 1: a spike is all or none"),
        (m.reset_mechanism == "none", "reset_mechanism='none'", "Use 'subtract' or 'zero'"),
        (not heaviside, "a spike_grad that is not a step", "Use one whose forward is 1 above 0, else 0"),
    ):
        if wrong:
            raise RefusedError(f"has {option}, which no spiking neuron here has", remedy)
    beta, threshold = _array(m.beta), _array(m.threshold)
    # A leading axis of one stands for the batch.
    beta, threshold = (a[0] if a.ndim > len(input.shape) and len(a) == 1 else a for a in (beta, threshold))
    return Leaky((input.name,), np.clip(beta, 0.0, 1.0), threshold, m.reset_mechanism, bool(m.reset_delay))


def _soft_reset_leaky(input, m):
    return replace(_leaky(input, m), reset="soft")


def _array(tensor: Any, default: np.ndarray | None = None) -> np.ndarray:
    if tensor is None and default is not None:
        return default
    detach = getattr(tensor, "detach", None)
    if detach is None:
        raise RefusedError("has weights that are computed from the input, or none", "Give the module its own weights")
    return np.asarray(detach().numpy(), dtype=np.float64)


def _pair(value) -> Pair:
    values = (value,) if isinstance(value, int) else tuple(value)
    height, width = values * 2 if len(values) == 1 else values
    return height, width


def _refuse_ceil_mode(ceil_mode: bool) -> None:
    if ceil_mode:
        raise RefusedError("has ceil_mode=True", "Use ceil_mode=False, padding the image where needed")


# Their tables --------------------------------------------------------------------------------------------------------


def modules() -> dict[type, Callable]:
    """Modules by exact type: a subclass may do anything in its forward, so it is traced into or, a neuron, refused."""
    import snntorch
    from torch import nn

    from ann.models import SoftResetLeaky

    dropout = dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout), _dropout_module)
    return dropout | {
        nn.Linear: lambda x, m: _dense(x, m.weight, m.bias),
        nn.Conv2d: _conv2d_module,
        nn.BatchNorm1d: _batch_norm_module,
        nn.BatchNorm2d: _batch_norm_module,
        nn.ReLU: lambda x, m: _relu(x),
        nn.AvgPool2d: lambda x, m: _avg_pool2d(
            x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
        ),
        nn.MaxPool2d: lambda x, m: _max_pool2d(
            x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
        ),
        nn.AdaptiveAvgPool2d: lambda x, m: _adaptive_avg_pool2d(x, m.output_size),
        nn.Flatten: lambda x, m: _flatten(x, m.start_dim, m.end_dim),
        nn.Identity: lambda x, m: x,
        snntorch.Leaky: _leaky,
        SoftResetLeaky: _soft_reset_leaky,
    }


def functions() -> dict[Any, Callable]:
    """Functions, and what Python's own operators call."""
    import torch
    from torch.nn import functional as F

    dropout = dict.fromkeys(
        (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, torch.dropout), _dropout
    )
    relu = dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), _relu)
    return (
        dropout
        | relu
        | {
            F.linear: _dense,
            F.conv2d: _conv2d,
            F.batch_norm: _batch_norm,
            F.avg_pool2d: _avg_pool2d,
            F.max_pool2d: _max_pool2d,
            torch.max_pool2d: _max_pool2d,
            F.adaptive_avg_pool2d: _adaptive_avg_pool2d,
            torch.flatten: _flatten,
            torch.reshape: _reshape,
            getattr: _getattr,
        }
    )


def methods() -> dict[str, Callable]:
    """Methods of tensors, by name."""
    return {
        "relu": _relu,
        "relu_": _relu,
        "flatten": _flatten,
        "view": _reshape,
        "reshape": _reshape,
        "size": _size,
        "contiguous": _unchanged,
    }


def applied(rule: Callable | None, args: tuple, kwargs: dict) -> Any:
    """Apply the rule of an operation, refusing where there is none or its arguments are not what it knows."""
    first = args[0] if args else kwargs.get("input")
    if rule is None or not isinstance(first, Value):
        raise RefusedError("has no counterpart in the graph", f"Use what has: {_supported()}")
    try:
        inspect.signature(rule).bind(*args, **kwargs)
    except TypeError as error:
        raise RefusedError(f"is called with arguments that are not known here ({error})", "Leave them out") from None
    return rule(*args, **kwargs)


def _supported() -> str:
    kinds = {kind.__name__ for kind in modules()}
    names = {function.__name__ for function in functions() if function.__name__ not in ("fn", "getattr")}
    return ", ".join(sorted(kinds)) + "; functions " + ", ".join(sorted(names | {"max_pool2d"}))
