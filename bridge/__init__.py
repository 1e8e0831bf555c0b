"""Converts trained artificial networks into spiking ones, and compares the two."""

from bridge.conversion_report import ConversionReport
from bridge.convert import convert, take_over
from bridge.errors import BridgeError, ConversionError, ValidationError
from bridge.graph import Graph
from bridge.inference import Inference
from bridge.rate import Converted, RateOptions, quantised_twin
from bridge.trace import trace

__all__ = [
    "BridgeError",
    "ConversionError",
    "ConversionReport",
    "Converted",
    "Graph",
    "Inference",
    "RateOptions",
    "ValidationError",
    "convert",
    "quantised_twin",
    "take_over",
    "trace",
]
