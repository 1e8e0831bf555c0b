"""Rewritings of a graph: each a pure function Graph -> Graph that leaves the output as it was.

A node that keeps its name through a pass keeps its value.
"""

from bridge.passes.absorb_masks import absorb_masks
from bridge.passes.activate_first import activate_first
from bridge.passes.decompose import decompose
from bridge.passes.fold_batchnorm import fold_batchnorm
from bridge.passes.merge_pooling import merge_pooling
from bridge.passes.unroll import unroll

__all__ = ["absorb_masks", "activate_first", "decompose", "fold_batchnorm", "merge_pooling", "unroll"]
