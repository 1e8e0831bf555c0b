"""Masks into the softmaxes and maxima that read them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bridge.errors import ConversionError, refuse
from bridge.graph import Graph
from bridge.nodes import (
    Activation,
    Add,
    Exponential,
    Gather,
    Mask,
    MaxOver,
    Mean,
    Multiply,
    Node,
    Power,
    Rearrange,
    Scale,
    Shift,
    Softmax,
)
from bridge.passes.growing import Growing

FAR = -1e4  # a number from here down that is added to some values only leaves them out of a softmax or a maximum
_NOTHING = -20.0  # whose exponential is less than half a step of any that is quantised


@dataclass(frozen=True, eq=False)
class _Masked:
    """A value of which parts are left out.

    Attributes
    ----------
    kept : str
        The node that has the values that are kept, and finite ones in the place of the others.
    out : ndarray of bool, of the value's shape
        What is left out.
    value : ndarray, of the value's shape
        What stands there: minus infinity, or numbers from `FAR` down, and what functions make of these.
    """

    kept: str
    out: np.ndarray
    value: np.ndarray


def absorb_masks(graph: Graph) -> Graph:
    """Let softmaxes and maxima be of those values alone that a mask before them keeps.

    softmax(x)[i] = e[i] / sum_j e[j],   e[i] = kept[i] exp(x[i] - max over kept x)

    A mask is a `Mask`, or a `Shift` by less than -10,000 of some values, which leaves nothing of their exponentials
    either. It is followed through rearrangements, scales, shifts, sums and functions of single values.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Without `Mask`; other nodes that read numbers far below zero read them as before.

    Raises
    ------
    ConversionError
        If minus infinity is read by anything else, or nothing is left of what a softmax or a maximum reads.
    """
    absorbing = _Absorbing(graph)
    for name, node in graph.nodes.items():
        absorbing.take(name, node)
    return absorbing.graph() if absorbing.masked or absorbing.growing.nodes != graph.nodes else graph


class _Absorbing:
    """The nodes as they are, beside those that stand for their kept values."""

    def __init__(self, graph: Graph):
        self.old, self.growing, self.shapes = graph, Growing(graph), graph.shapes()
        self.masked: dict[str, _Masked] = {}

    def graph(self) -> Graph:
        """Return the new graph, without what nothing reads any more."""
        nodes = self.growing.nodes
        needed = {self.old.input, self.old.output}
        for name in reversed(nodes):
            if name in needed:
                needed.update(nodes[name].inputs)
        nodes = {name: node for name, node in nodes.items() if name in needed}
        reason = "leaves values out for what is neither a softmax nor a maximum, which would read minus infinity"
        refuse(
            [
                ConversionError(f"{name} (Mask)", reason, "Use it before a softmax or a maximum, or fill in a number")
                for name, node in nodes.items()
                if isinstance(node, Mask)
            ]
        )
        return Graph(nodes, self.old.output)

    def take(self, name: str, node: Node) -> None:
        """Add a node, and say what of its value is left out, if that is known."""
        if isinstance(node, Mask) and node.kept.all():
            node = Shift(node.inputs, np.zeros(()))
        given = [self.masked.get(source) for source in node.inputs]
        own = self._new(node, name, given[0] if given else None)
        if own is not None or any(given):
            if isinstance(node, Softmax | MaxOver) and given[0] is not None and self._absorbed(name, node, given[0]):
                return
            own = own or self._through(name, node, given)
        if own is not None and isinstance(node, Activation) and np.isfinite(own.value).all():
            # What a function makes of minus infinity may be a number, such as 0.
            zeroed = self._add(name, Scale((own.kept,), (~own.out).astype(np.float64)))
            node, own = Shift((zeroed,), np.where(own.out, own.value, 0.0)), None
        self.growing.add(name, node)
        if own is not None and own.out.any():
            self.masked[name] = own

    def _new(self, node: Node, name: str, given: _Masked | None) -> _Masked | None:
        """Return what a mask leaves out, beside what is left out before it."""
        shape = self.shapes[name]
        if isinstance(node, Mask):
            out, value = np.broadcast_to(node.kept == 0.0, shape), np.full(shape, -np.inf)
            kept = node.inputs[0]
        elif isinstance(node, Shift) and (node.term <= FAR).any():
            out, value = np.broadcast_to(node.term <= FAR, shape), np.broadcast_to(node.term, shape)
            term = np.where(node.term <= FAR, 0.0, node.term)
            kept = self._add(name, Shift((given.kept if given else node.inputs[0],), term))
        else:
            return None
        if given is None:
            return _Masked(kept, out, value)
        kept = given.kept if isinstance(node, Mask) else kept
        before = np.where(given.out, given.value + (0.0 if isinstance(node, Mask) else node.term), 0.0)
        return _Masked(kept, out | given.out, np.where(out, value, before))

    def _through(self, name: str, node: Node, given: list[_Masked | None]) -> _Masked | None:
        """Return what is left out of the value of a node that works on each of its input's by itself."""
        if isinstance(node, Rearrange):
            outs = (self._of(source, one)[0] for source, one in zip(node.inputs, given, strict=True))
            values = (self._of(source, one)[1] for source, one in zip(node.inputs, given, strict=True))
            out, value = (node(*(x[None] for x in parts))[0] for parts in (outs, values))
        elif isinstance(node, Activation | Scale | Shift):
            (one,) = given
            assert one is not None
            with np.errstate(all="ignore"):
                out, value = one.out, node(one.value[None])[0]
            if np.isnan(value[out]).any():
                return None
        elif isinstance(node, Add) and all(one is None or np.isneginf(one.value[one.out]).all() for one in given):
            shape = self.shapes[name]
            pairs = [self._of(source, one) for source, one in zip(node.inputs, given, strict=True)]
            out = np.logical_or(*(np.broadcast_to(out, shape) for out, _ in pairs))
            value = np.where(out, -np.inf, 0.0)
        else:
            return None
        sources = (one.kept if one else source for source, one in zip(node.inputs, given, strict=True))
        return _Masked(self._add(name, replace(node, inputs=tuple(sources))), out.astype(bool), value)

    def _of(self, source: str, one: _Masked | None) -> tuple[np.ndarray, np.ndarray]:
        shape = self.shapes[source]
        return (one.out, one.value) if one else (np.zeros(shape, bool), np.zeros(shape))

    def _absorbed(self, name: str, node: Softmax | MaxOver, given: _Masked) -> bool:
        """Put nodes that read the kept values alone in the place of one; returns whether that could be."""
        axes, keep = ((node.axis,), True) if isinstance(node, Softmax) else (node.axes, node.keep)
        if not (given.value[given.out] <= FAR).all():
            return False
        if given.out.all(axis=axes).any():
            if np.isneginf(given.value[given.out]).all():
                label = f"{name} ({type(node).__name__})"
                raise ConversionError(label, "reads values of which a mask leaves nothing", "Let the mask keep one")
            return False
        largest = MaxOver((self._add(name, _filled(given, axes)),), axes, keep)
        if isinstance(node, MaxOver):
            self.growing.add(name, largest)
            return True
        less = self._add(name, Scale((self._add(name, largest),), np.array(-1.0)))
        shifted = self._add(name, Add((given.kept, less)))
        kept = (~given.out).astype(np.float64)
        nothing = self._add(
            name, Shift((self._add(name, Scale((shifted,), kept)),), np.where(given.out, _NOTHING, 0.0))
        )
        e = self._add(name, Scale((self._add(name, Exponential((nothing,))),), kept))
        mean = self._add(name, Mean((e,), axes, keep=True))
        total = self._add(name, Scale((mean,), np.array(float(given.out.shape[node.axis]))))
        self.growing.add(name, Multiply((e, self._add(name, Power((total,), -1.0)))))
        return True

    def _add(self, name: str, node: Node) -> str:
        return self.growing.add(self.growing.free(f"{name}_{type(node).__name__.lower()}"), node)


def _filled(given: _Masked, axes: tuple[int, ...]) -> Gather:
    """Return the kept values, with one of those that are reduced together in the place of each that is left out."""
    shape = given.out.shape
    positions = np.arange(given.out.size).reshape(shape)
    moved = np.moveaxis(np.where(given.out, -1, positions), axes, range(-len(axes), 0))
    first = moved.max(axis=tuple(range(-len(axes), 0)), keepdims=True)
    filled = np.moveaxis(np.where(moved < 0, first, moved), range(-len(axes), 0), axes)
    return Gather((given.kept,), filled)
