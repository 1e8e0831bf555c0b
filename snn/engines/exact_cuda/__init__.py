"""The exact engine on graphics cards."""

from snn.engines.exact_cuda.engine import ExactCuda

__all__ = ["ExactCuda"]
