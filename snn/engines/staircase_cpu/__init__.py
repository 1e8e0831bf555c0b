"""The engine for staircase neurons on the CPU: asynchronous, until all is at rest."""

from snn.engines.staircase_cpu.engine import Outcome, Plan, StaircaseCpu, parts_of

__all__ = ["Outcome", "Plan", "StaircaseCpu", "parts_of"]
