"""PyTorch modules to graphs, by torch.fx: every operation through a table, and nothing passed over in silence.

What is known of each operation stands in `bridge.operations`. PyTorch is imported on first use, so that importing
`bridge` stays quick.
"""

from __future__ import annotations

import copy
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.errors import ConversionError, ValidationError
from bridge.graph import Graph
from bridge.nodes import Input, Leaky, Node, ReLU, Shape
from bridge.operations import ARITHMETIC, RefusedError, Value, applied, functions, methods, modules

if TYPE_CHECKING:
    import torch
    from torch import fx, nn

_TOLERANCE = 1e-5  # of the largest absolute value of the tensor
_CHECKED = 64  # samples of the comparison


def trace(module: nn.Module, sample: torch.Tensor | np.ndarray) -> Graph:
    """Describe what a module computes at inference as a `Graph`, and check that it is the same.

    max |graph(x) - module(x)| <= 1e-5 max |module(x)|, in float64, on up to 64 of the samples

    Spiking neurons have no value without time: in the comparison ReLU stands in their place on both sides.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is: a copy in float64, on the CPU and in evaluation mode is traced. A spiking module is one time
        step, its neurons `snntorch.Leaky(init_hidden=True)` or `ann.models.SoftResetLeaky`.
    sample : tensor or array, shape (batch, ...)
        Real, finite inputs, at least one.

    Returns
    -------
    Graph
        Nodes of modules have their path in the module as name ("features.0"), those of functions what torch.fx calls
        them ("relu_1").

    Raises
    ------
    ConversionError
        Naming the node: an operation or option without an exact counterpart, control flow that depends on data,
        a hook, an in-place change seen by others, or a result that differs.
    ValidationError
        Where the sample is empty, not finite, or does not fit the module; where weights are not finite.
    """
    x = _checked_sample(sample)
    reference = _reference(module)
    translation = _Translation(reference, tuple(x.shape[1:]))
    graph = translation.graph()
    _compare(graph, translation, x[:_CHECKED])
    return graph


class _Translation:
    """The operations that a module's output depends on, translated in their order."""

    def __init__(self, module: nn.Module, shape: Shape):
        self.module = module
        self.operations = _symbolic(module)
        self.shape = shape
        self.nodes: dict[str, Node] = {}
        self.values: dict[fx.Node, Any] = {}  # of every operation: a Value, or what is known now (sizes, weights)

    def graph(self) -> Graph:
        *operations, output = self.operations.nodes
        needed = {operations[0], *output.all_input_nodes}
        for operation in reversed(operations):
            if operation in needed:
                needed.update(operation.all_input_nodes)
        for operation in operations:
            if operation in needed:
                self.values[operation] = self._translated(operation)
        returned = self._known(output.args[0])
        if not isinstance(returned, Value):
            raise ConversionError("output", f"is {output.args[0]}, not one computed tensor", "Return one tensor")
        return Graph(self.nodes, returned.name)

    def _known(self, argument: Any) -> Any:
        """Replace the operations in an argument, however nested, by their values."""
        from torch.fx.node import map_arg

        return map_arg(argument, self.values.__getitem__)

    def _translated(self, operation: fx.Node) -> Any:
        name = str(operation.target) if operation.op in ("placeholder", "call_module") else operation.name
        name = operation.name if name in self.nodes else name
        label = f"{name} ({_kind(operation, self.module)})"
        try:
            result = self._result(operation, self._known(operation.args), self._known(operation.kwargs))
            if not isinstance(result, Node):
                return result
            sources = {value.name: value.shape for value in self.values.values() if isinstance(value, Value)}
            shape = result.output_shape(*(sources[source] for source in result.inputs))
        except RefusedError as refused:
            raise ConversionError(label, *refused.args) from None
        except ValidationError as error:
            raise ValidationError(f"{label}: {error}; one sample has shape {self.shape}") from None
        self.nodes[name] = result
        return Value(name, shape)

    def _result(self, operation: fx.Node, args: tuple, kwargs: dict) -> Any:
        target: Any = operation.target
        if operation.op == "placeholder":
            return self._argument(operation, args)
        if operation.op == "get_attr":
            return operator.attrgetter(target)(self.module)
        if operation.op == "call_module":
            module = self.module.get_submodule(target)
            if _is_neuron(module) and target in self.nodes:
                raise RefusedError("runs more than once", "Let forward be one time step, with a neuron for every use")
            # A parametrised module is of a class made for it; its weights are computed when they are read.
            kind = type(module).__mro__[1] if hasattr(module, "parametrizations") else type(module)
            return applied(modules().get(kind), (*args, module), kwargs)
        if target in ARITHMETIC and not any(isinstance(value, Value) for value in args):
            try:
                return target(*args)
            except TypeError:
                raise RefusedError("computes with the number of samples", "Let every sample stand alone") from None
        rules = methods() if operation.op == "call_method" else functions()
        return applied(rules.get(target), args, kwargs)

    def _argument(self, operation: fx.Node, default: tuple) -> Any:
        if not self.nodes:
            return Input((), self.shape)
        if default:
            return default[0]
        raise RefusedError("is a second input", "Give forward one tensor")


def _kind(operation: fx.Node, module: nn.Module) -> str:
    if operation.op == "call_module":
        return type(module.get_submodule(str(operation.target))).__name__
    return str(getattr(operation.target, "__name__", operation.target))


def _is_neuron(module: nn.Module) -> bool:
    import snntorch

    return isinstance(module, snntorch.SpikingNeuron)


def _symbolic(module: nn.Module) -> fx.Graph:
    from torch import fx

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return _is_neuron(m) or super().is_leaf_module(m, module_qualified_name)

    try:
        return Tracer().trace(module)
    except Exception as error:  # whatever a forward may raise on tensors without values
        reason = f"cannot be followed without data ({error})"
        remedy = "Remove what depends on values or on the number of samples: if, while, assert, len, float"
        raise ConversionError(type(module).__name__, reason, remedy) from error


def _checked_sample(sample: Any) -> torch.Tensor:
    import torch

    numbers = isinstance(sample, np.ndarray) and sample.dtype.kind in "biufc"
    if not (numbers or isinstance(sample, torch.Tensor)):
        raise ValidationError(f"sample must be a tensor or an array of numbers, not {type(sample).__name__}")
    x = torch.as_tensor(sample).detach().cpu()
    if x.ndim < 2 or not x.numel() or x.is_complex():
        raise ValidationError(
            f"sample must be real, of shape (batch, ...), not empty; it is {x.dtype} {tuple(x.shape)}"
        )
    x = x.double()
    if not x.isfinite().all():
        raise ValidationError("sample must be finite, it holds NaN or infinity")
    return x


def _reference(module: Any) -> nn.Module:
    """Copy a module to what is traced and compared: float64, CPU, evaluation mode."""
    from torch import Tensor, nn

    if not isinstance(module, nn.Module):
        raise ValidationError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    states = {}
    for name, part in module.named_modules():
        if part._forward_hooks or part._forward_pre_hooks:
            raise ConversionError(f"{name} ({type(part).__name__})", "has a forward hook", "Remove it before tracing")
        # Results of an earlier run, such as the potentials of a neuron, hang on their history and refuse to be copied.
        for state in (*vars(part).values(), *part._buffers.values()):
            if isinstance(state, Tensor) and not state.is_leaf:
                states[id(state)] = state.detach().clone()
    try:
        reference = copy.deepcopy(module, states).cpu().double().eval()
    except Exception as error:  # whatever a module's own parts may raise
        raise ConversionError(
            type(module).__name__, f"cannot be copied ({error})", "Keep only weights in it"
        ) from error
    return nn.Sequential(reference) if type(reference) in modules() else reference


def _compare(graph: Graph, translation: _Translation, x: torch.Tensor) -> None:
    """Refuse a graph that does not compute what the module does, naming the first node that differs."""
    import torch
    from torch import fx, nn

    module = translation.module
    for name, part in list(module.named_modules(remove_duplicate=False)):
        if _is_neuron(part):
            module.set_submodule(name, nn.ReLU())
    nodes = {name: ReLU(node.inputs) if isinstance(node, Leaky) else node for name, node in graph.nodes.items()}
    values = Graph(nodes, graph.output).evaluate(x.numpy())

    def differs(name: str, expected: Any) -> bool:
        if not isinstance(expected, torch.Tensor) or tuple(expected.shape) != values[name].shape:
            return True
        error = np.abs(values[name] - expected.numpy()).max()
        return not error <= _TOLERANCE * expected.abs().max().item()

    class Following(fx.Interpreter):
        first = graph.output  # where even the traced operations agree, it is the forward that does something more

        def run_node(self, n):
            result = super().run_node(n)
            value = translation.values.get(n)
            if self.first == graph.output and isinstance(value, Value) and differs(value.name, result):
                self.first = value.name
            return result

    try:
        with torch.no_grad():
            if not differs(graph.output, module(x.clone())):
                return
            following = Following(module, graph=translation.operations)
            following.run(x.clone())
    except Exception as error:  # whatever the module's own forward may raise
        reason = f"fails on the sample ({error})"
        raise ConversionError(type(module).__name__, reason, "See that it runs in float64") from error
    reason = f"differs from the module by more than {_TOLERANCE:g} of its largest value"
    raise ConversionError(following.first, reason, "Remove in-place changes and numbers that forward makes by itself")
