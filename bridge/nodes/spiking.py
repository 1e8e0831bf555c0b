"""Spiking neurons, which have a state over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Node
from bridge.nodes.linear import require_broadcast


@dataclass(frozen=True, eq=False)
class Leaky(Node):
    """A clocked leaky integrate-and-fire neuron, as snnTorch's `Leaky` (Eshraghian et al., Proc. IEEE 2023).

    r = [v > threshold]
    u = beta v + x - r threshold ("subtract") or beta (1 - r) v + x ("zero")
    y = [u > threshold]
    v <- u with `reset_delay`, else u - (y - r) threshold ("subtract") or u - (y - r) u ("zero")

    So a neuron that "subtract" leaves above its threshold is tested against twice the threshold. The pure soft reset,
    "soft", which is never delayed, is without that rule: r = 0, and v <- u - y threshold.

    `beta` in [0, 1] and `threshold` >= 0 broadcast against the input's shape. The neuron has a state, v, so only a
    spiking engine evaluates it.
    """

    beta: np.ndarray
    threshold: np.ndarray
    reset: str
    reset_delay: bool
    arrays: ClassVar = {"beta": None, "threshold": None}

    def _shape(self, *shapes):
        if self.reset not in ("subtract", "zero", "soft"):
            raise ValidationError(f"reset must be 'subtract', 'zero' or 'soft', not {self.reset!r}")
        if self.reset == "soft" and self.reset_delay:
            raise ValidationError("reset_delay must be False with reset 'soft'")
        if not np.all((self.beta >= 0.0) & (self.beta <= 1.0)):
            raise ValidationError("beta must lie in [0, 1]")
        if np.any(self.threshold < 0.0):
            raise ValidationError("threshold must be at least 0")
        for name in self.arrays:
            require_broadcast(name, getattr(self, name), shapes[0])
        return shapes[0]
