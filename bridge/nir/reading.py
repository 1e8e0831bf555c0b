"""NIR files as checked, flat graphs: every node by its full name, nested graphs taken apart.

A file is HDF5, which holds arrays and texts and nothing that could run. It is checked before `nir` would make objects
of it, since those refuse with assertions that name no node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bridge.errors import ConversionError, ValidationError

Edges = list[tuple[str, str]]

# What a node of each type must have; what it may have besides, with the value that stands for its absence.
_FIELDS: dict[str, tuple[str, ...]] = {
    "Input": ("shape",),
    "Output": ("shape",),
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "Conv2d": ("weight", "stride", "padding", "dilation", "groups", "bias"),
    "Flatten": ("start_dim", "end_dim"),
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Delay": ("delay",),
    "Threshold": ("threshold",),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
}
_OPTIONAL = {"IF": {"v_reset": 0.0}, "LIF": {"v_reset": 0.0}, "CubaLI": {"w_in": 1.0}}
_OPTIONAL["CubaLIF"] = _OPTIONAL["LIF"] | _OPTIONAL["CubaLI"]
_WHOLE = ("shape", "start_dim", "end_dim", "groups")
_POSITIVE = ("tau", "tau_syn", "tau_mem", "stride", "dilation", "groups", "kernel_size", "shape")


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a flat graph.

    Attributes
    ----------
    name : str
        Its own, behind those of the graphs it lies in: `outer.inner`.
    type : str
        That of NIR; the inputs and outputs of nested graphs are "Identity".
    values : dict of str to ndarray or str
        Its fields, all finite; text is a convolution's padding only.
    metadata : dict
    """

    name: str
    type: str
    values: Mapping[str, Any]
    metadata: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"

    def __getitem__(self, field: str) -> Any:
        return self.values[field]


@dataclass(frozen=True, eq=False)
class FlatGraph:
    """Nodes by name, and edges between them.

    Attributes
    ----------
    nodes : dict of str to Node
    edges : list of (str, str)
    metadata : dict
        Of the outermost graph.
    """

    nodes: dict[str, Node]
    edges: Edges
    metadata: Mapping[str, Any]

    def before(self, name: str) -> list[Node]:
        """Return the nodes that lead into one."""
        return [self.nodes[source] for source, target in self.edges if target == name]

    def of(self, *types: str) -> list[Node]:
        """Return the nodes of some types."""
        return [node for node in self.nodes.values() if node.type in types]


def read(source: object) -> FlatGraph:
    """Read a graph.

    Parameters
    ----------
    source : str, Path or nir.NIRGraph

    Raises
    ------
    ValidationError
        If there is no such file, or it is not HDF5.
    ConversionError
        If the file is malformed, naming the node.
    """
    to_dict = getattr(source, "to_dict", None)
    given: Any = to_dict() if callable(to_dict) else _load(source)
    return _flat(given)


def _load(path: object) -> dict[str, Any]:
    import h5py
    from nir.serialization import hdf2dict

    if not isinstance(path, str | Path):
        raise ValidationError(f"path must be that of a NIR file, or a nir.NIRGraph, not {path!r}")
    if not Path(path).is_file():
        raise ValidationError(f"path must be that of a NIR file; there is none at {path}")
    if not h5py.is_hdf5(path):
        raise ValidationError(f"path must be that of a NIR file; {path} is not HDF5. Write it with nir.write")
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("node"), h5py.Group):
                found = ", ".join(file) or "nothing"
                reason = f"is not in {path}, which holds {found}"
                raise ConversionError("node, the group of a NIR file's graph", reason, "Write the file with nir.write")
            return hdf2dict(file["node"])
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise ValidationError(f"path = {path} cannot be read to its end: {error}. Write the file anew") from None


def _flat(given: Any) -> FlatGraph:
    """Check a graph given as nested dictionaries, and take it apart."""
    if not isinstance(given, Mapping) or given.get("type") != "NIRGraph":
        kind = given.get("type") if isinstance(given, Mapping) else given
        raise ConversionError("the graph", f"is of type {kind!r}", 'Its type must be "NIRGraph"')
    nodes: dict[str, Node] = {}
    edges = _take_apart("", given, nodes)
    for kind in ("Input", "Output"):
        if not any(node.type == kind for node in nodes.values()):
            raise ConversionError("the graph", f"has no {kind} node", f"Add an {kind} node")
    for source, target in edges:
        if nodes[source].type == "Output" or nodes[target].type == "Input":
            wrong = nodes[source] if nodes[source].type == "Output" else nodes[target]
            reason = f"is at the wrong end of the edge {source} -> {target}"
            raise ConversionError(str(wrong), reason, "Edges lead from Input nodes and to Output nodes")
    fed = {target for _, target in edges}
    for node in nodes.values():
        if node.type != "Input" and node.name not in fed:
            raise ConversionError(str(node), "receives nothing", "Connect it to an Input node, or remove it")
    metadata = given.get("metadata", {})
    return FlatGraph(nodes, edges, metadata if isinstance(metadata, Mapping) else {})


def _take_apart(prefix: str, graph: Mapping[str, Any], nodes: dict[str, Node]) -> Edges:
    """Add a graph's nodes to those found so far; returns its edges, by full names."""
    label = f"{prefix.removesuffix('.')} (NIRGraph)" if prefix else "the graph"
    inside = graph.get("nodes")
    if not isinstance(inside, Mapping) or not inside:
        raise ConversionError(label, "has no nodes", "Write the file with nir.write")
    ends: dict[str, tuple[str, str]] = {}  # full names of where edges to a node arrive, and from where its own leave
    edges: Edges = []
    for name, given in inside.items():
        full = f"{prefix}{name}"
        if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
            raise ConversionError(full, "has no type", "Write the file with nir.write")
        if given["type"] == "NIRGraph":
            edges += _take_apart(f"{full}.", given, nodes)
            ends[name] = _port(full, nodes, given, "Input"), _port(full, nodes, given, "Output")
        else:
            nodes[full] = _node(full, given, inner=bool(prefix))
            ends[name] = full, full
    seen = set()
    for source, target in _edges(label, graph.get("edges")):
        for end in (source, target):
            if end not in ends:
                known = ", ".join(sorted(ends))
                remedy = f"Its nodes are {known}: correct the edge, or write the file anew"
                raise ConversionError(label, f"has an edge {source} -> {target}, but no node {end}", remedy)
        if (source, target) in seen:
            raise ConversionError(label, f"has the edge {source} -> {target} twice", "Keep one of the two")
        seen.add((source, target))
        edges.append((ends[source][1], ends[target][0]))
    return edges


def _port(full: str, nodes: dict[str, Node], graph: Mapping[str, Any], kind: str) -> str:
    """Return the full name of a nested graph's only Input or Output."""
    found = [name for name, node in graph["nodes"].items() if node["type"] == kind]
    if len(found) != 1:
        reason = f"has {len(found)} {kind} nodes, so that an edge to or from it has no one meaning"
        raise ConversionError(f"{full} (NIRGraph)", reason, f"A nested graph must have one {kind} node")
    return f"{full}.{found[0]}"


def _edges(label: str, given: Any) -> Edges:
    pairs = np.asarray([] if given is None else given, dtype=object)
    if pairs.size == 0:
        raise ConversionError(label, "has no edges", "Write the file with nir.write")
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not all(isinstance(end, str | bytes) for end in pairs.flat):
        raise ConversionError(label, f"has edges of shape {pairs.shape}", "They must be pairs of names, (edges, 2)")
    text = [[end.decode("utf8") if isinstance(end, bytes) else end for end in pair] for pair in pairs]
    return [(source, target) for source, target in text]


def _node(full: str, given: Mapping[str, Any], inner: bool) -> Node:
    """Check a node's fields."""
    kind = given["type"]
    if kind not in _FIELDS:
        known = ", ".join(sorted(_FIELDS))
        raise ConversionError(f"{full} ({kind})", "is of a type that is not known here", f"Known are {known}, NIRGraph")
    optional = _OPTIONAL.get(kind, {})
    label, values = f"{full} ({kind})", {}
    for field in (*_FIELDS[kind], *optional):
        if field not in given and field not in optional:
            raise ConversionError(label, f"has no {field}", f"It must have {', '.join(_FIELDS[kind])}")
        values[field] = _value(label, field, given.get(field, optional.get(field)))
    if kind in ("Conv1d", "Conv2d"):
        _fits(label, "weight", values["weight"], 3 if kind == "Conv1d" else 4)
        if values["bias"].shape != values["weight"].shape[:1]:
            remedy = f"It must have shape {values['weight'].shape[:1]}, an element an output channel"
            raise ConversionError(label, f"has a bias of shape {values['bias'].shape}", remedy)
    if kind == "Affine" and values["bias"].shape != values["weight"].shape[:-1]:
        remedy = f"With a weight of shape {values['weight'].shape} it must have shape {values['weight'].shape[:-1]}"
        raise ConversionError(label, f"has a bias of shape {values['bias'].shape}", remedy)
    if kind in ("Affine", "Linear") and values["weight"].ndim < 2:
        raise ConversionError(label, f"has a weight of shape {values['weight'].shape}", "It must be (outputs, inputs)")
    if kind in ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"):
        try:
            np.broadcast_shapes(*(value.shape for value in values.values()))
        except ValueError:
            shapes = ", ".join(f"{field} {value.shape}" for field, value in values.items())
            remedy = "All must have the neurons' shape, or be single numbers"
            raise ConversionError(label, f"has parameters of several shapes: {shapes}", remedy) from None
    metadata = given.get("metadata")
    about = metadata if isinstance(metadata, Mapping) else {}
    return Node(full, "Identity" if inner and kind in ("Input", "Output") else kind, values, about)


def _value(label: str, field: str, value: Any) -> Any:
    if field == "padding" and isinstance(value, str):
        if value not in ("same", "valid"):
            raise ConversionError(label, f"has padding {value!r}", 'It must be a number, "same" or "valid"')
        return value
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ConversionError(label, f"has {field} = {value!r}", "It must be numbers") from None
    if array.size == 0:
        raise ConversionError(label, f"has an empty {field}", "It must hold at least one number")
    if not np.isfinite(array).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        reason = f"has {field}{list(where) if where else ''} = {array[where]}"
        raise ConversionError(label, reason, "Numbers must be finite: train or write the network anew")
    if field in _WHOLE and (array != np.round(array)).any():
        raise ConversionError(label, f"has {field} = {array.tolist()}", "It must be whole")
    if field in _POSITIVE and (array <= 0).any():
        raise ConversionError(label, f"has {field} = {array.min():g}", "It must be above 0")
    if field in ("padding", "delay") and (array < 0).any():
        raise ConversionError(label, f"has {field} = {array.min():g}", "It must not be below 0")
    return array


def _fits(label: str, field: str, array: np.ndarray, dimensions: int) -> None:
    if array.ndim != dimensions:
        raise ConversionError(label, f"has a {field} of shape {array.shape}", f"It must have {dimensions} dimensions")
