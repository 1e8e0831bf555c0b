"""PyTorch modules to graphs: every operation through a table, and nothing passed over in silence.

What is known of each operation stands in `bridge.operations`. PyTorch is imported on first use, so that importing
`bridge` stays quick.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.errors import ConversionError, ValidationError
from bridge.graph import Graph
from bridge.nodes import Leaky, Node, ReLU

if TYPE_CHECKING:
    import torch
    from torch import nn

_CHECKED = 16  # samples that are traced


def trace(module: nn.Module, sample: torch.Tensor | np.ndarray) -> Graph:
    """Describe what a module computes at inference as a `Graph`, and check that it is the same.

    max |graph(x) - module(x)| <= 1e-5 max |module(x)|, in float64

    The module runs on up to 16 of the samples, and every operation becomes nodes as it is met, in whatever way it is
    called; each result is compared with PyTorch's, so that a difference is known where it arises. In the end the
    module runs by itself on the same samples, and on one that is made of the first by turning its values round, alone.
    Branches that depend on shapes are followed; what depends on values or on the number of samples is refused.

    Spiking neurons have no value without time: in the comparison ReLU stands in their place on both sides.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is: a copy in float64, on the CPU and in evaluation mode is traced. A spiking module is one time
        step, its neurons `snntorch.Leaky(init_hidden=True)` or `ann.models.SoftResetLeaky`.
    sample : tensor or array, shape (batch, ...)
        Real, finite inputs, at least one; whole numbers where an embedding reads them.

    Returns
    -------
    Graph
        Nodes of PyTorch's modules have their path in the module as name ("features.0"), those of functions the path
        of the module that calls them and their own ("features.relu", in the network's own forward "relu").

    Raises
    ------
    ConversionError
        Naming the node: an operation or option without an exact counterpart, control flow that depends on data,
        a hook, an in-place change seen by others, or a result that differs.
    ValidationError
        Where the sample is empty, not finite, or does not fit the module; where weights are not finite.
    """
    from bridge.operations import RULES, Tracing

    x = _checked_sample(sample)
    reference = _reference(module)
    tracing = Tracing(reference, RULES)
    with _in_float64():
        returned = tracing.run(reference, x, _argument(reference))
    value = getattr(returned, "value", None)
    if value is None:
        raise ConversionError("output", f"is {_told(returned)}, not one computed tensor", "Return one tensor")
    if value.batch or value.merged:
        raise ConversionError(
            "output",
            f"of shape {value.full} has not its number of samples, {value.samples}, in front",
            "Return (batch, ...)",
        )
    graph = Graph(_needed(tracing.nodes, value.name), value.name)
    _compare(graph, reference, x, value.array, tracing)
    return graph


@contextmanager
def _in_float64() -> Iterator[None]:
    """Let the tensors that a forward makes or converts by itself be of the type of its weights."""
    import torch

    from bridge.operations import InFloat64

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with InFloat64():
            yield
    finally:
        torch.set_default_dtype(before)


def _needed(nodes: dict[str, Node], output: str) -> dict[str, Node]:
    """Leave out what the output does not depend on."""
    needed = {next(iter(nodes)), output}
    for name in reversed(nodes):
        if name in needed:
            needed.update(nodes[name].inputs)
    return {name: node for name, node in nodes.items() if name in needed}


def _argument(module: nn.Module) -> str:
    """Name the input as the module's forward does; refused where it needs another."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    for other in parameters[1:]:
        if other.default is other.empty and other.kind in (other.POSITIONAL_ONLY, other.POSITIONAL_OR_KEYWORD):
            raise ConversionError(other.name, "is a second input", "Give forward one tensor")
    return parameters[0].name if parameters else "input"


def _told(returned: Any) -> str:
    import torch

    if not isinstance(returned, torch.Tensor):
        return f"a {type(returned).__name__}"
    return "positions of maxima" if hasattr(returned, "value") else "a tensor that does not depend on the input"


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
    x = x[:_CHECKED].double()
    if not x.isfinite().all():
        raise ValidationError("sample must be finite, it holds NaN or infinity")
    # One sample alone would not tell its axis from others of size 1.
    return torch.cat([x, _turned(x)]) if len(x) == 1 else x


def _turned(x: torch.Tensor) -> torch.Tensor:
    """Make another sample of the first, of the same values in other places."""
    return x[:1].flatten(1).roll(1, dims=1).reshape(x[:1].shape)


def _reference(module: Any) -> nn.Module:
    """Copy a module to what is traced and compared: float64, CPU, evaluation mode."""
    from torch import Tensor, nn

    from bridge.operations import RULES

    if not isinstance(module, nn.Module):
        raise ValidationError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    states = {}
    for name, part in module.named_modules():
        _check_part(f"{name} ({type(part).__name__})" if name else type(part).__name__, part)
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
    reference = _bare(reference)
    for part in reference.modules():
        for name, own in vars(part).items():
            if isinstance(own, Tensor) and own.is_floating_point():  # neither parameter nor buffer
                vars(part)[name] = own.double()
    kind = type(reference)
    alone = kind.__module__.startswith("torch.nn") and not list(reference.children())
    return nn.Sequential(reference) if alone or kind in RULES.modules else reference


def _check_part(label: str, part: nn.Module) -> None:
    """Refuse a part of a module that cannot be copied, or would not do in the copy what it does here."""
    import torch
    from torch.nn.parameter import is_lazy

    if isinstance(part, torch.jit.ScriptModule):
        raise ConversionError(label, "is TorchScript, which cannot be followed", "Give the module it was made of")
    own = (*part.parameters(recurse=False), *part.buffers(recurse=False))
    if any(is_lazy(tensor) for tensor in own):
        raise ConversionError(label, "has no weights yet", "Run the module on a sample before, and train it")
    if part._forward_hooks or any(not _makes_weights(hook) for hook in part._forward_pre_hooks.values()):
        raise ConversionError(label, "has a forward hook", "Remove it before tracing")


def _makes_weights(hook: Any) -> bool:
    """Whether a hook is PyTorch's own, of a weight that is computed before use: weight_norm, spectral_norm, prune."""
    return type(hook).__module__.startswith("torch.nn.utils.") and hasattr(hook, "remove")


def _bare(module: nn.Module) -> nn.Module:
    """Take off what PyTorch puts around modules and weights, leaving what is computed as it is.

    That is torch.compile, and hooks that make a weight out of others, in whose place comes what they make.
    """
    for name, part in reversed(list(module.named_modules(remove_duplicate=False))):  # what is inside, first
        if type(part).__name__ == "OptimizedModule":  # its class would import the compiler
            compiled: Any = part._orig_mod
            if not name:
                return compiled
            module.set_submodule(name, compiled)
        hooks: list[tuple[int, Any]] = list(part._forward_pre_hooks.items())
        for key, hook in hooks:
            hook.remove(part)
            del part._forward_pre_hooks[key]
    return module


def _compare(graph: Graph, module: nn.Module, x: torch.Tensor, computed: np.ndarray, tracing: Any) -> None:
    """Refuse a graph that does not compute what the module does by itself."""
    import torch
    from torch import nn

    from bridge.operations import RUNS, differing, differs

    for name, part in list(module.named_modules(remove_duplicate=False)):
        if any(part is neuron for neuron in tracing.spiking):
            module.set_submodule(name, nn.ReLU())
    nodes = {name: ReLU(node.inputs) if isinstance(node, Leaky) else node for name, node in graph.nodes.items()}
    other = _turned(x)
    alone = Graph(nodes, graph.output).run(other.numpy())
    try:
        with torch.no_grad(), _in_float64():
            expected = [module(y.long() if tracing.tokens else y.clone()) for y in (x, other)]
    except Exception as error:  # whatever the module's own forward may raise
        reason = f"fails on the sample ({error})"
        raise ConversionError(type(module).__name__, reason, RUNS) from error
    for got, result in zip((computed, alone), expected, strict=True):
        if not isinstance(result, torch.Tensor) or differs(got, result.numpy()):
            raise differing(graph.output)
