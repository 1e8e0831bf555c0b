"""Converts trained artificial networks into spiking ones, and compares the two."""

from bridge.errors import BridgeError, ConversionError, ValidationError
from bridge.graph import Graph
from bridge.trace import trace

__all__ = ["BridgeError", "ConversionError", "Graph", "ValidationError", "trace"]
