"""How populations are connected: lists of synapses, and patterns that need no list."""

from snn.connectivity.layers import Conv2d, Dense, MaxPool2d, SumPool2d
from snn.connectivity.rules import Edges, FixedInDegree, OneToOne, Sparse

Layer = Dense | Conv2d | SumPool2d | MaxPool2d
Rule = OneToOne | Edges | Sparse | FixedInDegree

__all__ = ["Conv2d", "Dense", "Edges", "FixedInDegree", "Layer", "MaxPool2d", "OneToOne", "Rule", "Sparse", "SumPool2d"]
