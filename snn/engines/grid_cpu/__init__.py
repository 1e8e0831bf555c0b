"""The fixed-step engine on the CPU."""

from snn.engines.grid_cpu.engine import GridCpu

__all__ = ["GridCpu"]
