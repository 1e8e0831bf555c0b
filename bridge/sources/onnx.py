"""Modules from ONNX files: every operation as the PyTorch one it stands for, so that tracing takes it from there.

ONNX is the exchange format of https://onnx.ai; the operations are those of its default domain, at inference. Reading a
file runs no code.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.errors import ConversionError, ValidationError
from bridge.sources.onnx_operations import OPERATIONS, Call

if TYPE_CHECKING:
    from torch import nn


def from_onnx(path: str | PathLike[str]) -> nn.Module:
    """Read a network from an ONNX file.

    Parameters
    ----------
    path : path
        A network with one input, (batch, ...), and one output. Where the file fixes the size of the batch, any other
        will do, too.

    Returns
    -------
    torch.nn.Module
        It computes what the file says, in float32, and is to be given to `bridge.convert`.

    Raises
    ------
    ValidationError
        If the onnx package or the file is missing, the file is damaged, or has more than one input or output.
    ConversionError
        If an operation, or an option of it, is not known; it is named.
    """
    onnx = _onnx()
    path = Path(path)
    if not path.is_file():
        raise ValidationError(f"there is no file {path}")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # whatever the parser meets in a damaged file
        raise ValidationError(f"{path} cannot be read as ONNX ({error})") from error
    return _module(model.graph)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ValidationError("reading ONNX files needs the onnx package: pip install 'allornone[onnx]'") from error
    return onnx


def _module(graph: Any) -> nn.Module:
    import torch
    from torch import nn

    onnx = _onnx()
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        names = [value.name for value in inputs], [value.name for value in graph.output]
        raise ValidationError(f"the file must have one input and one output, not {names[0]} and {names[1]}")
    steps = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        label = f"{node.name or node.output[0]} ({node.op_type})"
        if node.op_type == "Constant" and "value" in attributes:
            constants[node.output[0]] = onnx.numpy_helper.to_array(attributes["value"])
        elif node.domain not in ("", "ai.onnx") or node.op_type not in OPERATIONS:
            raise ConversionError(label, "has no counterpart", "Use operations among " + ", ".join(sorted(OPERATIONS)))
        else:
            steps.append((label, OPERATIONS[node.op_type], attributes, list(node.input), node.output[0]))
    sizes = [dimension.dim_value for dimension in inputs[0].type.tensor_type.shape.dim]

    class OnnxNetwork(nn.Module):
        """The operations of a file, one after the other."""

        def __init__(self):
            super().__init__()
            self.names = {name: f"constant_{i}" for i, name in enumerate(constants)}
            for name, value in constants.items():
                self.register_buffer(self.names[name], torch.tensor(value))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            values = {"": None, inputs[0].name: x}
            values |= {name: getattr(self, buffer) for name, buffer in self.names.items()}
            for label, operation, attributes, sources, target in steps:
                call = Call(label, attributes, x, sizes[0] if sizes else 0)
                values[target] = operation(call, *(values[source] for source in sources))
            return values[graph.output[0].name]

    return OnnxNetwork()
