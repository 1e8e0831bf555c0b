"""What all models have."""

from __future__ import annotations

import math

import torch
from torch import nn

from ann.evaluation import evaluating

CONTAINERS = (nn.Sequential, nn.ModuleList)


class Model(nn.Module):
    """A module that can say what it is made of.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of what `forward` takes, without the batch.
    vocabulary : int
        Number of tokens, where it takes token numbers; else 0.
    """

    input_shape: tuple[int, ...] = ()
    vocabulary: int = 0

    def summary(self) -> str:
        """Return a table of the layers: name, kind, shape of the output without the batch, number of parameters."""
        rows: dict[nn.Module, tuple[str, str, str, int]] = {}
        hooks = []
        for name, module in self.named_modules():
            if name and (type(module).__module__.startswith("torch.nn") or not list(module.children())):
                if isinstance(module, CONTAINERS):
                    continue

                def note(module: nn.Module, inputs: object, outputs: object, name: str = name) -> None:
                    first = outputs[0] if isinstance(outputs, tuple) else outputs
                    shape = " x ".join(str(size) for size in first.shape[1:]) if isinstance(first, torch.Tensor) else ""
                    rows.setdefault(module, (name, type(module).__name__, shape, count_parameters(module)))

                hooks.append(module.register_forward_hook(note))
        size = (2, *self.input_shape)
        try:
            with evaluating(self), torch.no_grad():
                self(torch.zeros(size, dtype=torch.int64) if self.vocabulary else torch.zeros(size))
        finally:
            for hook in hooks:
                hook.remove()
        table = [("layer", "kind", "output", "parameters"), *((*row[:3], f"{row[3]:,}") for row in rows.values())]
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        shape = " x ".join(str(size) for size in self.input_shape)
        return "\n".join([f"input {shape}", *lines, f"{count_parameters(self):,} parameters in all"])


class Stack(Model, nn.Sequential):
    """Layers one after the other."""


def count_parameters(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters())
