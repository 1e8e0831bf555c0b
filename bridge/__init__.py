"""Converts trained artificial networks into spiking ones, and compares the two."""

from bridge.certificate import Certificate, certify
from bridge.conversion_report import ConversionReport
from bridge.convert import convert, take_over
from bridge.errors import BridgeError, ConversionError, ValidationError
from bridge.event import EventConverted
from bridge.graph import Graph
from bridge.inference import Inference
from bridge.nir import from_nir, to_nir
from bridge.plan import Verdict
from bridge.rate import Converted, RateOptions, TakenOver, quantised_twin
from bridge.sources import from_onnx, from_state_dict
from bridge.trace import trace

__all__ = [
    "BridgeError",
    "Certificate",
    "ConversionError",
    "ConversionReport",
    "Converted",
    "EventConverted",
    "Graph",
    "Inference",
    "RateOptions",
    "TakenOver",
    "ValidationError",
    "Verdict",
    "certify",
    "convert",
    "from_nir",
    "from_onnx",
    "from_state_dict",
    "quantised_twin",
    "take_over",
    "to_nir",
    "trace",
]
