"""Networks of staircase neurons on graphics cards."""

from snn.engines.staircase_cuda.engine import StaircaseCuda

__all__ = ["StaircaseCuda"]
