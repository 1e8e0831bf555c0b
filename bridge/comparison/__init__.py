"""The comparison of artificial and spiking networks on the same data, and what is told of it.

`compare` runs it; `energy`, `fronts`, `neurobench`, `robustness` and `statistics` are what it measures and tests,
`report` and `terminal` what people look at.
"""

from bridge.comparison.compare import Comparison, Subject, compare

__all__ = ["Comparison", "Subject", "compare"]
