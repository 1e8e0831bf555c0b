"""PyTorch modules to graphs, by torch.fx: every operation through a table, and nothing passed over in silence.

To teach the bridge an operation, write its rule (the arguments are those of the PyTorch function, tensors of the
network arrive as `_Value`) and enter it in `_functions` or `_methods`, and its module in `_modules`.

PyTorch is imported on first use, so that importing `bridge` stays quick.
"""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.errors import ConversionError, ValidationError
from bridge.graph import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    Leaky,
    MaxPool2d,
    Node,
    Pair,
    ReLU,
    Shape,
)

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
        step, its neurons `snntorch.Leaky(init_hidden=True)`.
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


class _RefusedError(Exception):
    """What a rule cannot express: (reason, remedy); the translation adds the node."""


@dataclass(frozen=True)
class _Value:
    """A tensor of the network: the graph node that computes it, and its shape without batch axis."""

    name: str
    shape: Shape


class _Batch:
    """The number of samples, known to be what it is but not how many."""


_BATCH = _Batch()

# What is computed at once on sizes and weights; on tensors of the network it is unknown.
_ARITHMETIC = {operator.getitem, operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv}

# Rules ---------------------------------------------------------------------------------------------------------------


def _dense(input, weight, bias=None):
    weight = _array(weight)
    if len(input.shape) != 1:
        raise _RefusedError(f"is a linear layer on inputs of shape {input.shape}", "Flatten them first")
    return Dense((input.name,), weight, _array(bias, np.zeros(len(weight))))


def _conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    weight = _array(weight)
    stride, dilation = _pair(stride), _pair(dilation)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        total = tuple(d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
        if any(n % 2 for n in total):
            raise _RefusedError("has padding 'same' with an even kernel: uneven padding", "Use an odd kernel size")
        padding = tuple(n // 2 for n in total)
    bias = _array(bias, np.zeros(len(weight)))
    return Conv2d((input.name,), weight, bias, stride, _pair(padding), dilation, groups)


def _conv2d_module(input, m):
    if m.padding_mode != "zeros":
        raise _RefusedError(f"has padding_mode {m.padding_mode!r}", "Use padding_mode='zeros'")
    return _conv2d(input, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def _batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training or running_mean is None or running_var is None:
        raise _RefusedError(
            "normalises by the statistics of each batch, so no sample has a value of its own",
            "Train it with track_running_stats=True and use it in evaluation mode",
        )
    mean = _array(running_mean)
    scale = _array(weight, np.ones_like(mean)) / np.sqrt(_array(running_var) + eps)
    return BatchNorm((input.name,), scale, _array(bias, np.zeros_like(mean)) - mean * scale)


def _batch_norm_module(input, m):
    # What the module itself tests in its forward, which a traced leaf does not run.
    axes = (3,) if type(m).__name__ == "BatchNorm2d" else (1, 2)
    if len(input.shape) not in axes:
        raise _RefusedError(f"does not take inputs of shape {input.shape}", "Use the BatchNorm of that dimension")
    return _batch_norm(input, m.running_mean, m.running_var, m.weight, m.bias, m.training, eps=m.eps)


def _relu(input, inplace=False):
    return ReLU((input.name,))


def _avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    size, padding = _pair(kernel_size), _pair(padding)
    _refuse_ceil_mode(ceil_mode)
    if any(padding) and not count_include_pad:
        raise _RefusedError("pads with count_include_pad=False", "Use count_include_pad=True, or no padding")
    if divisor_override not in (None, size[0] * size[1]):
        raise _RefusedError(f"has divisor_override {divisor_override}", "Remove it")
    return AveragePool2d((input.name,), size, _pair(stride or size), padding)


def _max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    size = _pair(kernel_size)
    _refuse_ceil_mode(ceil_mode)
    if _pair(dilation) != (1, 1):
        raise _RefusedError(f"is max-pooling with dilation {dilation}", "Use dilation=1")
    if return_indices:
        raise _RefusedError("returns the indices of the maxima", "Use return_indices=False")
    return MaxPool2d((input.name,), size, _pair(stride or size), _pair(padding))


def _adaptive_avg_pool2d(input, output_size):
    if len(input.shape) != 3:
        raise _RefusedError(f"does not take inputs of shape {input.shape}", "Give it (channels, height, width)")
    image = input.shape[1:]
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    wanted = tuple(n if w is None else w for n, w in zip(image, wanted, strict=True))
    if any(n % w for n, w in zip(image, wanted, strict=True)):
        raise _RefusedError(f"pools {image} to {wanted}: windows of unequal size", "Choose sizes that divide")
    size = (image[0] // wanted[0], image[1] // wanted[1])
    return AveragePool2d((input.name,), size, size)


def _flatten(input, start_dim=0, end_dim=-1):
    last = len(input.shape)
    if start_dim % (last + 1) != 1 or end_dim % (last + 1) != last:
        raise _RefusedError(f"flattens axes {start_dim} to {end_dim}", "Flatten all but the batch, with start_dim=1")
    return Flatten((input.name,))


def _reshape(input, *shape):
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    size = int(np.prod(input.shape))
    if tuple(shape) in ((_BATCH, -1), (_BATCH, size), (-1, size)):
        return Flatten((input.name,))
    given = tuple("batch" if n is _BATCH else n for n in shape)
    raise _RefusedError(f"reshapes {input.shape} to {given}", "Only flattening is known: use torch.flatten(x, 1)")


def _dropout(input, p=0.5, training=True, inplace=False):
    if training and p > 0:
        raise _RefusedError("drops at inference too", "Give it training=self.training, or use nn.Dropout")
    return input


def _dropout_module(input, m):
    return _dropout(input, m.p, m.training)


def _unchanged(input):
    return input


def _size(input, dim=None):
    shape = (_BATCH, *input.shape)
    return shape if dim is None else shape[dim]


def _getattr(input, name):
    if name != "shape":
        raise _RefusedError(f"reads the attribute {name!r} of a tensor", "Only the shape is known while tracing")
    return _size(input)


def _leaky(input, m):
    probe = m.threshold.double().new_tensor(np.linspace(-2.0, 2.0, 41))
    heaviside = (m.spike_grad(probe) == (probe > 0)).all().item()
    for wrong, option, remedy in (
        (not m.init_hidden, "init_hidden=False", "Use init_hidden=True: the neuron then keeps its own state"),
        (m.output, "output=True", "Use output=False: the spikes are the output, the potential can be recorded"),
        (m.inhibition, "inhibition=True", "Use inhibition=False"),
        (m.state_quant, "state_quant", "Use state_quant=False"),
        (_array(m.graded_spikes_factor).item() != 1.0, "graded_spikes_factor", "Use 1: a spike is all or none"),
        (m.reset_mechanism == "none", "reset_mechanism='none'", "Use 'subtract' or 'zero'"),
        (not heaviside, "a spike_grad that is not a step", "Use one whose forward is 1 above 0, else 0"),
    ):
        if wrong:
            raise _RefusedError(f"has {option}, which no spiking neuron here has", remedy)
    beta, threshold = _array(m.beta), _array(m.threshold)
    # A leading axis of one stands for the batch.
    beta, threshold = (a[0] if a.ndim > len(input.shape) and len(a) == 1 else a for a in (beta, threshold))
    return Leaky((input.name,), np.clip(beta, 0.0, 1.0), threshold, m.reset_mechanism, bool(m.reset_delay))


def _array(tensor: Any, default: np.ndarray | None = None) -> np.ndarray:
    if tensor is None and default is not None:
        return default
    detach = getattr(tensor, "detach", None)
    if detach is None:
        raise _RefusedError("has weights that are computed from the input, or none", "Give the module its own weights")
    return np.asarray(detach().numpy(), dtype=np.float64)


def _pair(value) -> Pair:
    values = (value,) if isinstance(value, int) else tuple(value)
    height, width = values * 2 if len(values) == 1 else values
    return height, width


def _refuse_ceil_mode(ceil_mode: bool) -> None:
    if ceil_mode:
        raise _RefusedError("has ceil_mode=True", "Use ceil_mode=False, padding the image where needed")


# Their tables --------------------------------------------------------------------------------------------------------


def _modules() -> dict[type, Callable]:
    """Modules by exact type: a subclass may do anything in its forward, so it is traced into."""
    import snntorch
    from torch import nn

    dropout = dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout), _dropout_module)
    return dropout | {
        nn.Linear: lambda x, m: _dense(x, m.weight, m.bias),
        nn.Conv2d: _conv2d_module,
        nn.BatchNorm1d: _batch_norm_module,
        nn.BatchNorm2d: _batch_norm_module,
        nn.ReLU: lambda x, m: _relu(x),
        nn.AvgPool2d: lambda x, m: _avg_pool2d(
            x, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
        ),
        nn.MaxPool2d: lambda x, m: _max_pool2d(
            x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
        ),
        nn.AdaptiveAvgPool2d: lambda x, m: _adaptive_avg_pool2d(x, m.output_size),
        nn.Flatten: lambda x, m: _flatten(x, m.start_dim, m.end_dim),
        nn.Identity: lambda x, m: x,
        snntorch.Leaky: _leaky,
    }


def _functions() -> dict[Any, Callable]:
    import torch
    from torch.nn import functional as F

    dropout = dict.fromkeys(
        (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, torch.dropout), _dropout
    )
    relu = dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), _relu)
    return (
        dropout
        | relu
        | {
            F.linear: _dense,
            F.conv2d: _conv2d,
            F.batch_norm: _batch_norm,
            F.avg_pool2d: _avg_pool2d,
            F.max_pool2d: _max_pool2d,
            torch.max_pool2d: _max_pool2d,
            F.adaptive_avg_pool2d: _adaptive_avg_pool2d,
            torch.flatten: _flatten,
            torch.reshape: _reshape,
            getattr: _getattr,
        }
    )


def _methods() -> dict[str, Callable]:
    return {
        "relu": _relu,
        "relu_": _relu,
        "flatten": _flatten,
        "view": _reshape,
        "reshape": _reshape,
        "size": _size,
        "contiguous": _unchanged,
    }


# The walk ------------------------------------------------------------------------------------------------------------


class _Translation:
    """The operations that a module's output depends on, translated in their order."""

    def __init__(self, module: nn.Module, shape: Shape):
        self.module = module
        self.operations = _symbolic(module)
        self.shape = shape
        self.nodes: dict[str, Node] = {}
        self.values: dict[fx.Node, Any] = {}  # of every operation: a _Value, or what is known now (sizes, weights)

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
        if not isinstance(returned, _Value):
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
            sources = {value.name: value.shape for value in self.values.values() if isinstance(value, _Value)}
            shape = result.output_shape(*(sources[source] for source in result.inputs))
        except _RefusedError as refused:
            raise ConversionError(label, *refused.args) from None
        except ValidationError as error:
            raise ValidationError(f"{label}: {error}; one sample has shape {self.shape}") from None
        self.nodes[name] = result
        return _Value(name, shape)

    def _result(self, operation: fx.Node, args: tuple, kwargs: dict) -> Any:
        target: Any = operation.target
        if operation.op == "placeholder":
            return self._argument(operation, args)
        if operation.op == "get_attr":
            return operator.attrgetter(target)(self.module)
        if operation.op == "call_module":
            module = self.module.get_submodule(target)
            if _is_neuron(module) and target in self.nodes:
                raise _RefusedError("runs more than once", "Let forward be one time step, with a neuron for every use")
            # A parametrised module is of a class made for it; its weights are computed when they are read.
            kind = type(module).__mro__[1] if hasattr(module, "parametrizations") else type(module)
            return _applied(_modules().get(kind), (*args, module), kwargs)
        if target in _ARITHMETIC and not any(isinstance(value, _Value) for value in args):
            try:
                return target(*args)
            except TypeError:
                raise _RefusedError("computes with the number of samples", "Let every sample stand alone") from None
        rules = _methods() if operation.op == "call_method" else _functions()
        return _applied(rules.get(target), args, kwargs)

    def _argument(self, operation: fx.Node, default: tuple) -> Any:
        if not self.nodes:
            return Input((), self.shape)
        if default:
            return default[0]
        raise _RefusedError("is a second input", "Give forward one tensor")


def _applied(rule: Callable | None, args: tuple, kwargs: dict) -> Any:
    """Apply the rule of an operation, refusing where there is none or its arguments are not what it knows."""
    first = args[0] if args else kwargs.get("input")
    if rule is None or not isinstance(first, _Value):
        raise _RefusedError("has no counterpart in the graph", f"Use what has: {_supported()}")
    try:
        inspect.signature(rule).bind(*args, **kwargs)
    except TypeError as error:
        raise _RefusedError(f"is called with arguments that are not known here ({error})", "Leave them out") from None
    return rule(*args, **kwargs)


def _supported() -> str:
    modules = {kind.__name__ for kind in _modules()}
    functions = {function.__name__ for function in _functions() if function.__name__ not in ("fn", "getattr")}
    return ", ".join(sorted(modules)) + "; functions " + ", ".join(sorted(functions | {"max_pool2d"}))


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

    if not isinstance(sample, (torch.Tensor, np.ndarray)):
        raise ValidationError(f"sample must be a tensor or an array, not {type(sample).__name__}")
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
    return nn.Sequential(reference) if type(reference) in _modules() else reference


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
            if self.first == graph.output and isinstance(value, _Value) and differs(value.name, result):
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
