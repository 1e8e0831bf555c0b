"""The exact engine on the CPU: event by event, without a grid."""

from snn.engines.exact_cpu.engine import ExactCpu

__all__ = ["ExactCpu"]
