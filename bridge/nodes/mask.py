"""What leaves values out of a sum of exponentials or a maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.nodes.base import Node
from bridge.nodes.linear import require_broadcast


@dataclass(frozen=True, eq=False)
class Mask(Node):
    """Values in fixed places left out: y = x where `kept` is 1, minus infinity where it is 0.

    `kept` is broadcast to the shape of x, aligned at the last axis.
    """

    kept: np.ndarray
    arrays: ClassVar = {"kept": None}

    def _shape(self, *shapes):
        require_broadcast("kept", self.kept, shapes[0])
        return shapes[0]

    def _value(self, *values):
        return np.where(self.kept > 0.0, values[0], -np.inf)
