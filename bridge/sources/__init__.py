"""Modules from elsewhere: from weights and a function that makes the module, and from ONNX files."""

from bridge.sources.onnx import from_onnx
from bridge.sources.state_dict import from_state_dict

__all__ = ["from_onnx", "from_state_dict"]
