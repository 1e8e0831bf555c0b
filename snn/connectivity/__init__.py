"""How populations are connected: lists of synapses, and patterns that need no list."""

from snn.connectivity.drawn import FixedInDegree, FixedOutDegree, FixedTotalNumber, PairwiseBernoulli
from snn.connectivity.kernels import DiscKernel, ExponentialKernel, GaussianKernel
from snn.connectivity.layers import Conv2d, Dense, MaxPool2d, SumPool2d
from snn.connectivity.rules import AllToAll, Edges, OneToOne, Sparse
from snn.connectivity.sheets import grid_positions, random_positions
from snn.connectivity.spatial import DistanceDependent

Layer = Dense | Conv2d | SumPool2d | MaxPool2d
Listed = (
    AllToAll
    | Edges
    | Sparse
    | FixedInDegree
    | FixedOutDegree
    | FixedTotalNumber
    | PairwiseBernoulli
    | DistanceDependent
)
Rule = OneToOne | Listed

__all__ = [
    "AllToAll",
    "Conv2d",
    "Dense",
    "DiscKernel",
    "DistanceDependent",
    "Edges",
    "ExponentialKernel",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedTotalNumber",
    "GaussianKernel",
    "Layer",
    "Listed",
    "MaxPool2d",
    "OneToOne",
    "PairwiseBernoulli",
    "Rule",
    "Sparse",
    "SumPool2d",
    "grid_positions",
    "random_positions",
]
