"""A module in float64 throughout, also where its forward asks for other types of floats."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_CASTS = ("float", "half", "bfloat16")


class InFloat64(TorchFunctionMode):
    """Lets what a forward makes of another type of floats be float64, as the weights are: `x.float()`, `x.to(dtype)`.

    Whole numbers and truth values stay what they are unless they are turned into floats.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function of PyTorch, float64 in the place of every other type of floats."""
        name = getattr(func, "__name__", "")
        if name in _CASTS and isinstance(args[0], torch.Tensor):
            func = torch.Tensor.double
        elif name == "type" and len(args) > 1:  # x.type(torch.FloatTensor)
            func = torch.Tensor.to
        return func(*map(_finest, args), **{name: _finest(value) for name, value in (kwargs or {}).items()})


def _finest(argument: Any) -> Any:
    """Give float64 for a type of floats, which may be a kind of tensors, and all else as it is."""
    if isinstance(argument, type(torch.FloatTensor)):
        argument = argument.dtype
    return torch.float64 if isinstance(argument, torch.dtype) and argument.is_floating_point else argument
