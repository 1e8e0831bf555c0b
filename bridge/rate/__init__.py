"""Rate coding: clocked networks of all-or-none neurons whose spike counts in T steps stand for activations."""

from bridge.rate.conversion import convert_by_rate, take_over_graph
from bridge.rate.converted import Converted, quantised_twin
from bridge.rate.emit import emit
from bridge.rate.options import RateOptions
from bridge.rate.support import require
from bridge.rate.taken import TakenOver
from bridge.rate.thresholds import least_squares, local_balancing, maximum, percentile, quantise

__all__ = [
    "Converted",
    "RateOptions",
    "TakenOver",
    "convert_by_rate",
    "emit",
    "least_squares",
    "local_balancing",
    "maximum",
    "percentile",
    "quantise",
    "quantised_twin",
    "require",
    "take_over_graph",
]
