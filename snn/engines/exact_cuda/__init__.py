"""The exact engine on graphics cards."""

from snn.engines.exact_cuda.engine import ExactCuda
from snn.engines.exact_cuda.proof import prove

__all__ = ["ExactCuda", "prove"]
