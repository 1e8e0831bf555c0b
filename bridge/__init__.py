"""Converts trained artificial networks into spiking ones, and compares the two."""

from bridge.convert import Converted, Inference, convert, quantised_twin, take_over
from bridge.errors import BridgeError, ConversionError, ValidationError
from bridge.graph import Graph
from bridge.trace import trace

__all__ = [
    "BridgeError",
    "ConversionError",
    "Converted",
    "Graph",
    "Inference",
    "ValidationError",
    "convert",
    "quantised_twin",
    "take_over",
    "trace",
]
