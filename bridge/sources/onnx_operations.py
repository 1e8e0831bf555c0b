"""The operations of ONNX at inference, each as the PyTorch one that it stands for.

A function here is called with its `Call` and its tensors, in the order of https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import ConversionError


class Call:
    """What an operation is called with, besides tensors.

    Parameters
    ----------
    label : str
        For messages.
    attributes : mapping
        As in the file.
    x : Tensor
        The network's input.
    batch : int
        The size of the batch that the file fixes, 0 if it does not.
    """

    def __init__(self, label: str, attributes: Mapping[str, Any], x: Any, batch: int):
        self.label, self.attributes, self.x, self.batch = label, attributes, x, batch

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def only(self, **allowed: Any) -> None:
        """Refuse an attribute that is given and is not the one value that is known."""
        for name, value in allowed.items():
            if (given := self.get(name, value)) != value:
                raise ConversionError(self.label, f"has {name} {given!r}", f"Use {name}={value!r}")

    def padding(self, axes: int) -> tuple[int, ...]:
        """Return as much padding as there is on both sides of every axis."""
        self.only(auto_pad="NOTSET")
        pads = list(self.get("pads", [0] * (2 * axes)))
        if pads[:axes] != pads[axes:]:
            raise ConversionError(self.label, f"pads {pads}: unevenly", "Use a Pad operation before it")
        return tuple(pads[:axes])


def _conv(call, x, weight, bias=None):
    import torch.nn.functional as F

    axes = weight.ndim - 2
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}.get(axes)
    if function is None:
        raise ConversionError(call.label, f"convolves {axes} axes", "Use one to three")
    stride, dilation = (tuple(call.get(name, [1] * axes)) for name in ("strides", "dilations"))
    return function(x, weight, bias, stride, call.padding(axes), dilation, call.get("group", 1))


def _conv_transpose(call, x, weight, bias=None):
    import torch.nn.functional as F

    axes = weight.ndim - 2
    function = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}.get(axes)
    if function is None or "output_shape" in call.attributes:
        raise ConversionError(call.label, "has more axes than three, or an output_shape", "Use one to three, and pads")
    stride, dilation = (tuple(call.get(name, [1] * axes)) for name in ("strides", "dilations"))
    more = tuple(call.get("output_padding", [0] * axes))
    return function(x, weight, bias, stride, call.padding(axes), more, call.get("group", 1), dilation)


def _gemm(call, a, b, c=None):
    import torch.nn.functional as F

    call.only(alpha=1.0, beta=1.0, transA=0)
    return F.linear(a, b if call.get("transB", 0) else b.T, c)


def _matmul(call, a, b):
    return a @ b


def _batch_norm(call, x, scale, bias, mean, variance):
    import torch.nn.functional as F

    call.only(training_mode=0)
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, call.get("epsilon", 1e-5))


def _layer_norm(call, x, scale, bias=None):
    import torch.nn.functional as F

    if call.get("axis", -1) % x.ndim != x.ndim - scale.ndim:
        raise ConversionError(call.label, f"normalises from axis {call.get('axis')}", "Scale all normalised axes")
    return F.layer_norm(x, scale.shape, scale, bias, call.get("epsilon", 1e-5))


def _pool(kind):
    def pool(call, x):
        import torch.nn.functional as F

        size = tuple(call.get("kernel_shape"))
        call.only(ceil_mode=0)
        options: dict[str, Any] = {"dilation": tuple(call.get("dilations", [1] * len(size)))}
        if kind == "avg":
            call.only(dilations=[1] * len(size))
            options = {"count_include_pad": bool(call.get("count_include_pad", 0))}
        function = getattr(F, f"{kind}_pool{len(size)}d")
        return function(x, size, tuple(call.get("strides", [1] * len(size))), call.padding(len(size)), **options)

    return pool


def _over_positions(name):
    def pool(call, x):
        return getattr(x, name)(dim=tuple(range(2, x.ndim)), keepdim=True)

    return pool


def _reduce_mean(call, x, axes=None):
    axes = call.get("axes") if axes is None else axes.tolist()
    if axes is None:
        raise ConversionError(call.label, "has no axes", "Name the axes, without that of the batch")
    return x.mean(dim=tuple(axes), keepdim=bool(call.get("keepdims", 1)))


def _reshape(call, x, shape):
    call.only(allowzero=0)
    sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(shape.tolist())]
    if call.batch and sizes[0] == call.batch:  # the size of the batch that the file was written with
        sizes[0] = call.x.shape[0]
    return x.reshape(sizes)


def _flatten(call, x):
    call.only(axis=1)
    return x.flatten(1)


def _squeeze(call, x, axes=None):
    axes = call.get("axes") if axes is None else axes.tolist()
    if axes is None:
        raise ConversionError(call.label, "has no axes", "Name the axes, without that of the batch")
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(call, x, axes=None):
    axes = call.get("axes") if axes is None else axes.tolist()
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _concat(call, *parts):
    import torch

    return torch.cat(parts, dim=call.get("axis"))


def _pad(call, x, pads=None, value=None, axes=None):
    import torch.nn.functional as F

    call.only(mode="constant")
    if axes is not None or (value is not None and value.item() != 0.0):
        raise ConversionError(call.label, "pads with a number that is not 0, or axes by name", "Pad all axes with 0")
    pads = call.get("pads") if pads is None else pads.tolist()
    both = zip(pads[: x.ndim], pads[x.ndim :], strict=True)
    return F.pad(x, [size for pair in reversed(list(both)) for size in pair])


def _clip(call, x, low=None, high=None):
    low, high = (call.get(name) if one is None else one.item() for name, one in (("min", low), ("max", high)))
    return x.clamp(low, high)


def _dropout(call, x, *rest):
    return x  # at inference


def _activation(name, **parameters):
    """Make an operation of a function of torch.nn.functional; parameters are attributes and their defaults."""

    def activation(call, x):
        import torch.nn.functional as F

        return getattr(F, name)(x, *(call.get(own, default) for own, default in parameters.items()))

    return activation


def _softmax(name):
    def softmax(call, x):
        import torch.nn.functional as F

        return getattr(F, name)(x, dim=call.get("axis", -1))

    return softmax


def _hard_sigmoid(call, x):
    return (call.get("alpha", 0.2) * x + call.get("beta", 0.5)).clamp(0.0, 1.0)


def _prelu(call, x, slope):
    import torch.nn.functional as F

    return F.prelu(x, slope.flatten())


def _gelu(call, x):
    import torch.nn.functional as F

    return F.gelu(x, approximate=call.get("approximate", "none"))


def _where(call, condition, a, b):
    import torch

    return torch.where(condition, a, b)


def _einsum(call, *tensors):
    import torch

    return torch.einsum(call.get("equation"), *tensors)


def _lrn(call, x):
    import torch.nn.functional as F

    defaults = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}
    return F.local_response_norm(x, call.get("size"), *(call.get(name, own) for name, own in defaults.items()))


def _of_one(name):
    """Make an operation of a tensor's method without parameters."""
    return lambda call, x: getattr(x, name)()


_METHODS = (
    "Abs",
    "Atan",
    "Ceil",
    "Cos",
    "Erf",
    "Exp",
    "Floor",
    "Log",
    "Neg",
    "Reciprocal",
    "Round",
    "Sign",
    "Sin",
    "Sqrt",
)

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _of_one(name.lower()) for name in _METHODS},
    "Add": lambda call, a, b: a + b,
    "AveragePool": _pool("avg"),
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Div": lambda call, a, b: a / b,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "Elu": _activation("elu", alpha=1.0),
    "Flatten": _flatten,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _over_positions("mean"),
    "GlobalMaxPool": _over_positions("amax"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _activation("hardswish"),
    "Identity": lambda call, x: x,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _activation("leaky_relu", alpha=0.01),
    "LogSoftmax": _softmax("log_softmax"),
    "MatMul": _matmul,
    "MaxPool": _pool("max"),
    "Mish": _activation("mish"),
    "Mul": lambda call, a, b: a * b,
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": lambda call, x, exponent: x ** exponent.item(),
    "ReduceMean": _reduce_mean,
    "Relu": _activation("relu"),
    "Reshape": _reshape,
    "Selu": _activation("selu"),
    "Sigmoid": lambda call, x: x.sigmoid(),
    "Softmax": _softmax("softmax"),
    "Softplus": _activation("softplus"),
    "Softsign": _activation("softsign"),
    "Squeeze": _squeeze,
    "Sub": lambda call, a, b: a - b,
    "Tanh": lambda call, x: x.tanh(),
    "Transpose": lambda call, x: x.permute(*call.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
