"""Tables of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Node


@dataclass(frozen=True, eq=False)
class Embedding(Node):
    """Look-up: y[..., :] = table[x[...]], with x whole numbers from 0 and `table` (number, dimension)."""

    table: np.ndarray
    arrays: ClassVar = {"table": 2}

    def _shape(self, *shapes):
        return (*shapes[0], self.table.shape[1])

    def _value(self, *values):
        tokens = values[0].astype(np.int64)
        if (tokens != values[0]).any() or tokens.min() < 0 or tokens.max() >= len(self.table):
            raise ValidationError(f"an embedding of {len(self.table)} reads whole numbers from 0 to one less")
        return self.table[tokens]
