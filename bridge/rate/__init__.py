"""Rate coding: clocked networks of all-or-none neurons whose spike counts in T steps stand for activations."""

from bridge.rate.converted import Converted, quantised_twin
from bridge.rate.emit import emit
from bridge.rate.thresholds import least_squares, quantise

__all__ = ["Converted", "emit", "least_squares", "quantise", "quantised_twin"]
