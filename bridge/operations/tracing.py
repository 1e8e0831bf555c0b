"""Running a module on samples while every operation on them becomes nodes, by PyTorch's own protocol for functions.

The samples enter as `Traced`, a kind of tensor for which PyTorch hands every function, method, operator and attribute
to its rule. Each result is computed twice, by PyTorch and by the nodes, and refused where they differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

from bridge.errors import BridgeError, ConversionError, ValidationError, refuse
from bridge.nodes import Input, Leaky, Node, ReLU
from bridge.operations.values import RefusedError, Value

RUNS = "See that it runs in float64, on the CPU, with all its tensors as parameters or buffers"
TOLERANCE = 1e-5  # of the largest absolute value of the tensor


@dataclass(frozen=True)
class Rules:
    """What is known of PyTorch's operations, by the name of the function, method or attribute.

    Parameters
    ----------
    functions : dict of str to callable
        Given the arguments with every tensor of the network as `Value`; returns a `Value`, a tuple of them, None in
        the place of a tensor that has no counterpart, or what is known without the samples.
    composites : dict of str to callable
        Likewise, but written in PyTorch: what they do on tensors is traced in its turn.
    modules : dict of type to callable
        Modules, by exact type, that are not followed into: as composites, given the module first.
    opaque : tuple of type
        Modules that are not followed into even where they have no rule.
    """

    functions: dict[str, Callable]
    composites: dict[str, Callable]
    modules: dict[type, Callable]
    opaque: tuple[type, ...]


class Traced(torch.Tensor):
    """A tensor of the network: PyTorch's own in `plain`, the graph's in `value`, None where it has no counterpart."""

    plain: torch.Tensor
    value: Value | None
    tracing: Tracing

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Hand an operation to the tracing that its tensors belong to."""
        traced = next(leaf for leaf in _leaves((args, kwargs)) if isinstance(leaf, Traced))
        return traced.tracing.call(func, args, kwargs or {})


class Tracing:
    """The nodes of a network, growing as it runs."""

    def __init__(self, module: nn.Module, rules: Rules):
        self.nodes: dict[str, Node] = {}
        self.spiking: list[nn.Module] = []
        self.tokens = False  # whether an embedding has read the samples
        self.refused: list[ConversionError] = []
        self.rules = rules
        self._paths = {id(part): name for name, part in module.named_modules()}
        self._inside: list[nn.Module] = []
        self._outer: list[str] = []  # composites being followed
        self._base = ""
        self._made: list[str] = []

    def run(self, module: nn.Module, x: torch.Tensor, name: str) -> Any:
        """Run a module on samples, which enter under a name, and return what it returns.

        After a refusal the tracing goes on with what PyTorch computes, as long as that is a value of each sample, so
        that all that is refused is told at once.
        """
        try:
            with self._watching(), torch.no_grad():
                returned = module(self._entering(name, x.clone()))
        except ConversionError as error:
            refuse([*self.refused, error])
        except BridgeError:
            refuse(self.refused)  # what follows a refusal may be due to it
            raise
        refuse(self.refused)
        return returned

    def _entering(self, name: str, x: torch.Tensor) -> Traced:
        """Let a tensor, (samples, ...), enter the graph as it is."""
        self.nodes[name] = Input((), tuple(x.shape[1:]))
        return self._wrapped(x, Value(name, x.numpy().copy(), self))

    def add(self, node: Node, *values: Value) -> tuple[str, np.ndarray]:
        """Add a node and evaluate it; rules do so by `emit`."""
        node.output_shape(*(value.shape for value in values))
        base = f"{self._base}.{type(node).__name__.lower()}" if self._made else self._base
        name = self._free(base)
        self.nodes[name] = node
        self._made.append(name)
        # A spiking neuron has no value without time: a rectifier stands in its place.
        stand_in = ReLU(node.inputs) if isinstance(node, Leaky) else node
        return name, np.asarray(stand_in(*(value.array for value in values)))

    def call(self, function: Any, args: tuple, kwargs: dict) -> Any:
        """Apply the rule of a function of PyTorch."""
        try:
            return self._ruled(function, args, kwargs)
        except ConversionError as error:
            return self._instead(error, function, args, kwargs)

    def _instead(self, error: ConversionError, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Keep a refusal and return what PyTorch computes; raise it where that is not a value of each sample."""
        plain = _mapped((args, kwargs), lambda traced: traced.plain)
        samples = {len(leaf.value.array) for leaf in _leaves((args, kwargs)) if isinstance(leaf, Traced) and leaf.value}
        try:
            data = function(*plain[0], **plain[1])
        except Exception:  # whatever PyTorch may raise: it may be what was refused
            raise error from None
        value = isinstance(data, torch.Tensor) and data.is_floating_point() and data.ndim > 1 and {len(data)} == samples
        if not value or not data.isfinite().all():
            raise error
        self.refused.append(error)
        return self._entering(self._free(f"refused {len(self.refused)}"), data)

    def _ruled(self, function: Any, args: tuple, kwargs: dict) -> Any:
        kind = name_of(function)
        with self._blamed(kind):
            if kind in self.rules.composites:
                self._outer.append(kind)
                try:
                    return _bound(self.rules.composites[kind], args, kwargs)
                finally:
                    self._outer.pop()
            if kind not in self.rules.functions:
                raise self._unknown()
            return self.apply(kind, self.rules.functions[kind], function, args, kwargs)

    def apply(self, kind: str, rule: Callable, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Apply a rule, and the function of PyTorch that it is for, which must agree."""
        if any(isinstance(leaf, Traced) and leaf.value is None for leaf in _leaves((args, kwargs))):
            raise RefusedError("reads what has no counterpart, such as positions of maxima", "Use the values alone")
        self._base, self._made = self._place(kind), []
        values = _mapped((args, kwargs), lambda traced: traced.value)
        result = _bound(rule, *values)
        if not any(isinstance(leaf, Value) for leaf in _leaves(result)):
            return result
        result = self._named(result) if isinstance(result, Value) else result
        args, kwargs = _mapped((args, kwargs), lambda traced: traced.plain)
        return self._checked(result, function(*args, **kwargs))

    def _checked(self, result: Any, data: Any) -> Any:
        """Join what the nodes computed with what PyTorch did; refused where they differ."""
        if result is None:
            return self._wrapped(data, None)
        if not isinstance(result, Value):
            return tuple(self._checked(part, piece) for part, piece in zip(result, data, strict=True))
        if tuple(data.shape) != result.full or differs(result.array, result.on_host(data)):
            raise differing(result.name)
        return self._wrapped(data, result)

    def _named(self, value: Value) -> Value:
        """Give the last of several nodes the operation's own name, which the first was given."""
        if len(self._made) < 2 or value.name != self._made[-1]:
            return value
        own, last = self._made[0], self._made[-1]
        names = {own: self._free(f"{own}.{type(self.nodes[own]).__name__.lower()}"), last: own}
        for name in self._made:
            node = self.nodes.pop(name)
            node = replace(node, inputs=tuple(names.get(source, source) for source in node.inputs))
            self.nodes[names.get(name, name)] = node
        self._made = []
        return replace(value, name=own)

    def _free(self, base: str) -> str:
        name, count = base, 0
        while name in self.nodes:
            count += 1
            name = f"{base}_{count}"
        return name

    def _wrapped(self, data: torch.Tensor, value: Value | None) -> Traced:
        with torch._C.DisableTorchFunctionSubclass():
            traced = data.as_subclass(Traced)
        traced.plain, traced.value, traced.tracing = data, value, self
        return traced

    def _unknown(self) -> RefusedError:
        return RefusedError("has no counterpart in the graph", "Put it in terms of what docs/conversion.md lists")

    @contextmanager
    def _blamed(self, kind: str) -> Iterator[None]:
        """Name the operation in what is raised."""
        try:
            yield
        except RefusedError as refused:
            raise ConversionError(self._label(kind), *refused.args) from None
        except ValidationError as error:
            raise ValidationError(f"{self._label(kind)}: {error}") from None

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Follow which module runs, and apply the rules of those that have one."""
        forward = nn.Module.__call__

        def call(module, *args, **kwargs):
            self._inside.append(module)
            try:
                rule = self.rules.modules.get(type(module))
                opaque = rule is not None or isinstance(module, self.rules.opaque)
                if not opaque or not any(isinstance(leaf, Traced) for leaf in _leaves((args, kwargs))):
                    return forward(module, *args, **kwargs)
                try:
                    with self._blamed(type(module).__name__):
                        if rule is None:
                            raise self._unknown()
                        return _bound(rule, (module, *args), kwargs)
                except ConversionError as error:
                    return self._instead(error, partial(forward, module), args, kwargs)
            except BridgeError:
                raise
            except Exception as error:  # whatever a module's own forward may raise
                path = self._path()
                label = f"{path} ({type(module).__name__})" if path else type(module).__name__
                if isinstance(error, RefusedError):  # of what it computes with the number of samples
                    raise ConversionError(label, *error.args) from None
                raise ConversionError(label, f"fails on the sample ({error})", RUNS) from error
            finally:
                self._inside.pop()

        with mock.patch.object(nn.Module, "__call__", call):
            yield

    def _place(self, kind: str) -> str:
        """Name an operation by the path of the module that it is work of, and its own name unless it is all of it."""
        path = self._path()
        if path and self._leaf() and self._outer in ([], [kind]):
            return path
        return f"{path}.{kind}" if path else kind

    def _label(self, kind: str) -> str:
        whole = self._leaf() and self._path()
        return f"{self._path()} ({type(self._inside[-1]).__name__})" if whole else f"{self._place(kind)} ({kind})"

    def _path(self) -> str:
        return self._paths.get(id(self._inside[-1]), "") if self._inside else ""

    def _leaf(self) -> bool:
        """Whether the module that runs is one of PyTorch's without parts, or one with a rule."""
        if not self._inside:
            return False
        module = self._inside[-1]
        # A parametrised module is of a class made for it, and its parametrisations are no parts of it here.
        made = hasattr(module, "parametrizations")
        kind = type(module).__mro__[1] if made else type(module)
        alone = made or not list(module.children())
        return isinstance(module, (*self.rules.modules, *self.rules.opaque)) or (
            alone and kind.__module__.startswith("torch.nn")
        )


def differs(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the graph's values are not PyTorch's, to `TOLERANCE` of the largest; infinities and NaN must be equal."""
    finite = np.isfinite(expected)
    if got.shape != expected.shape or not np.array_equal(got[~finite], expected[~finite], equal_nan=True):
        return True
    error = np.abs(got[finite] - expected[finite]).max(initial=0.0)
    return not error <= TOLERANCE * np.abs(expected[finite]).max(initial=0.0)


def differing(name: str) -> ConversionError:
    """Make the error that says that a node does not compute what the module does."""
    reason = f"differs from the module by more than {TOLERANCE:g} of its largest value"
    return ConversionError(name, reason, "Remove in-place changes and numbers that forward makes by itself")


def name_of(function: Any) -> str:
    """Name a function of PyTorch as the tables do: without the mark of what changes in place, operators by their names.

    Python's `x + y`, `torch.add(x, y)`, `x.add(y)` and `x.add_(y)` are all "add"; `x.shape` is "shape".
    """
    if function is torch.Tensor.unfold:  # of an axis; the function of this name is of images
        return "sliding"
    name: str = function.__name__
    if name == "__get__":
        return function.__self__.__name__
    if name.startswith("__"):
        plain = name.strip("_")
        return _OPERATORS.get(plain, name)
    return name.rstrip("_")


_OPERATORS = {"iadd": "add", "radd": "add", "isub": "sub", "imul": "mul", "rmul": "mul", "itruediv": "div"} | {
    name: name for name in ("add", "sub", "mul", "neg", "matmul", "abs", "pow", "rsub")
}
_OPERATORS |= {name: name for name in ("eq", "ne", "lt", "le", "gt", "ge")}
_OPERATORS |= {"truediv": "div", "rdiv": "rdiv", "rtruediv": "rdiv", "rpow": "rpow", "rmatmul": "rmatmul"}


def _bound(rule: Callable, args: tuple, kwargs: dict) -> Any:
    try:
        inspect.signature(rule).bind(*args, **kwargs)
    except TypeError as error:
        raise RefusedError(f"is called with arguments that are not known here ({error})", "Leave them out") from None
    return rule(*args, **kwargs)


def _leaves(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (tuple, list)):
        for part in thing:
            yield from _leaves(part)
    elif isinstance(thing, dict):
        yield from _leaves(list(thing.values()))
    else:
        yield thing


def _mapped(thing: Any, change: Callable[[Traced], Any]) -> Any:
    if isinstance(thing, Traced):
        return change(thing)
    if isinstance(thing, (tuple, list)) and not isinstance(thing, torch.Size):
        parts = [_mapped(part, change) for part in thing]
        return tuple(parts) if isinstance(thing, tuple) else parts
    if isinstance(thing, dict):
        return {name: _mapped(part, change) for name, part in thing.items()}
    return thing
