"""Spiking neurons, which have a state over time."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    With a `jump` (only "soft") the threshold adapts (Bellec et al., NeurIPS 2018): y = [u - a > threshold], then
    a <- rho a + jump y. With `recurrent` (size, size) the neurons, of one axis, hear themselves: x is what arrives plus
    `recurrent` times y of the step before.

    `beta` and `rho` in [0, 1], `threshold` and `jump` >= 0 broadcast against the input's shape. The neuron has a state,
    so only a spiking engine evaluates it.
    """

    beta: np.ndarray
    threshold: np.ndarray
    reset: str
    reset_delay: bool
    rho: np.ndarray = field(default_factory=lambda: np.zeros(()))
    jump: np.ndarray = field(default_factory=lambda: np.zeros(()))
    recurrent: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    arrays: ClassVar = {"beta": None, "threshold": None, "rho": None, "jump": None, "recurrent": 2}

    def _shape(self, *shapes):
        if self.reset not in ("subtract", "zero", "soft"):
            raise ValidationError(f"reset must be 'subtract', 'zero' or 'soft', not {self.reset!r}")
        if self.reset == "soft" and self.reset_delay:
            raise ValidationError("reset_delay must be False with reset 'soft'")
        for name in ("beta", "rho"):
            if not np.all((getattr(self, name) >= 0.0) & (getattr(self, name) <= 1.0)):
                raise ValidationError(f"{name} must lie in [0, 1]")
        for name in ("threshold", "jump"):
            if np.any(getattr(self, name) < 0.0):
                raise ValidationError(f"{name} must be at least 0")
        if self.jump.any() and self.reset != "soft":
            raise ValidationError("jump must be 0 unless reset is 'soft'")
        if self.recurrent.size and self.recurrent.shape != shapes[0] * 2:
            raise ValidationError(f"recurrent must be of shape {shapes[0] * 2}, not {self.recurrent.shape}")
        for name in ("beta", "threshold", "rho", "jump"):
            require_broadcast(name, getattr(self, name), shapes[0])
        return shapes[0]

    def _macs(self, *shapes):
        return self.recurrent.size
