"""The engine for staircase neurons on the CPU: asynchronous, until all is at rest."""

from snn.engines.staircase_cpu.engine import Plan, StaircaseCpu

__all__ = ["Plan", "StaircaseCpu"]
