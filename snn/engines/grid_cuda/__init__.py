"""The fixed-step engine on graphics cards."""

from snn.engines.grid_cuda.engine import GridCuda, builder

__all__ = ["GridCuda", "builder"]
