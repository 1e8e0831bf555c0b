"""What tensors tell of themselves, and constants made after them. None of it depends on the samples' values."""

from __future__ import annotations

from typing import Any

import torch

from bridge.operations.tracing import Traced
from bridge.operations.values import RefusedError, Samples

_PLAIN = ("dtype", "device", "layout", "requires_grad", "is_cuda", "is_nested", "is_sparse", "is_quantized", "is_meta")
_ASKED = ("is_floating_point", "is_complex", "is_contiguous", "get_device", "element_size", "stride")


def shape(input: Traced) -> torch.Size:
    """Tell the sizes, of which that of the samples may shape other tensors and nothing else."""
    value = _value(input)
    sizes: list[int] = list(input.plain.shape)
    sizes[value.batch] = Samples(sizes[value.batch])
    return torch.Size(sizes)


def size(input: Traced, dim: int | None = None) -> Any:
    """Tell the sizes, or one of them."""
    return shape(input) if dim is None else shape(input)[dim]


def numel(input: Traced) -> Samples:
    """Tell the number of values in all samples."""
    return Samples(input.plain.numel())


def whole(input: Traced) -> Traced:
    """Take numbers to look up in an embedding: the samples themselves, which are whole then."""
    if _value(input).name not in (name for name, node in input.tracing.nodes.items() if not node.inputs):
        raise RefusedError("rounds values to whole numbers", "Only the samples themselves may be whole numbers")
    if (input.plain != input.plain.round()).any():
        raise RefusedError("rounds the samples to whole numbers", "Give samples that are whole numbers")
    return input


def same(input: Traced, *args, **kwargs) -> Traced:
    """Keep the tensor: the graph has one type of number and one place."""
    return input


def _made(make: Any) -> Any:
    def rule(input: Traced, *args, **kwargs) -> torch.Tensor:
        with torch._C.DisableTorchFunctionSubclass():
            return make(input.plain, *args, **kwargs)

    return rule


def _value(input: Traced):
    if input.value is None:
        raise RefusedError("reads what has no counterpart, such as positions of maxima", "Use the values alone")
    return input.value


COMPOSITES = {
    "shape": shape,
    "size": size,
    "numel": numel,
    "nelement": numel,
    "dim": lambda input: input.plain.dim(),
    "ndim": lambda input: input.plain.dim(),
    "ndimension": lambda input: input.plain.dim(),
    **{name: (lambda input, name=name: getattr(input.plain, name)) for name in _PLAIN},
    **{name: (lambda input, *args, name=name: getattr(input.plain, name)(*args)) for name in _ASKED},
    **dict.fromkeys(("long", "int"), whole),
    **dict.fromkeys(("float", "double", "to", "type_as", "cpu", "requires_grad_"), same),
    **{name: _made(getattr(torch, name)) for name in ("zeros_like", "ones_like", "full_like", "empty_like")},
    **{name: _made(getattr(torch.Tensor, name)) for name in ("new_zeros", "new_ones", "new_full", "new_tensor")},
}
