"""What files written here hold besides NIR's nodes, and how a network comes back from it.

NIR has no soft reset, no initial potential, no time steps and no max-pooling. They stand in the nodes' metadata under
the key "allornone", as numbers, arrays and texts; weights stand in the nodes only. The graph's metadata hold two
hashes: of all that the file says, and of the network that must come out of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from math import prod
from typing import Any

import numpy as np

import snn
from bridge.errors import ConversionError
from bridge.nir.cells import Arrival, Bias, Cell, build, order
from bridge.nir.imported import Imported, Reading
from bridge.nir.linear import Shape, integers, padding
from bridge.nir.neurons import NEURONS, laid_out
from bridge.nir.reading import FlatGraph, Node
from bridge.nir.wiring import Term, Wiring
from snn.connectivity import Layer, Rule
from snn.stimuli import Current

KEY, VERSION = "allornone", 1
MODELS = {"IF": snn.IF, "DiscreteLIF": snn.DiscreteLIF}
PARAMETERS = {"IF": ("v_threshold", "v_reset"), "DiscreteLIF": ("beta", "v_threshold", "v_reset")}


def restore(graph: FlatGraph) -> Imported:
    """Make the network that a file of `to_nir` was written from.

    Raises
    ------
    ConversionError
        If the file is of a later version, or was changed since it was written.
    """
    about = _mapping(graph.metadata.get(KEY))
    version = about.get("version")
    if version != VERSION:
        remedy = f"Read it with the version that wrote it; this one knows version {VERSION}"
        raise ConversionError("the graph's metadata", f"are of version {version} of what allornone writes", remedy)
    if about.get("content") != content_hash(graph):
        raise _changed("what it says is not what was written")
    try:
        imported = restored(graph, int(about["steps"]), int(about.get("weight_bits", 32)))
    except (KeyError, TypeError, ValueError, StopIteration, snn.SnnError) as error:
        raise _changed(f"its metadata are incomplete or wrong ({type(error).__name__} {error})") from None
    if about.get("network") != network_hash(imported.network):
        raise _changed("another network comes out of it than went in")
    return imported


def restored(graph: FlatGraph, steps: int, weight_bits: int = 32) -> Imported:
    """Make the network of a graph with metadata, unchecked."""
    wiring = Wiring(graph)
    cells = [_cell(node, wiring) for node in graph.of(*NEURONS)]
    (given,), (output,) = graph.of("Input"), graph.of("Output")
    network, sources = build(cells, {given.name: wiring.shape(given)}, float(steps))
    about, (term,) = of(output), wiring.terms(output)
    rows = term.matrix(wiring.shape(output))[np.asarray(about["elements"], np.int64)]
    shape = tuple(int(size) for size in about["shape"])
    reading = Reading(
        name=output.name,
        shape=shape,
        terms=[(term.source.name, rows, 0)],
        bias=np.zeros(prod(shape)),
        unit=np.asarray(about["unit"]).reshape(shape),
        summed=bool(about["summed"]),
    )
    inputs = {given.name: tuple(int(size) for size in of(given)["shape"])}
    notes = (f"Written by allornone: {steps} steps, resets, initial potentials and windows as in the file's metadata.",)
    return Imported(network, notes, inputs, steps, {cell.name: cell for cell in cells}, [reading], sources, weight_bits)


def of(node: Node) -> Mapping[str, Any]:
    """Return what was written into a node's metadata here."""
    return _mapping(node.metadata.get(KEY))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _changed(how: str) -> ConversionError:
    remedy = "Write it anew with bridge.to_nir, or read NIR's own nodes alone with metadata=False"
    return ConversionError("the graph", f"was changed since allornone wrote it: {how}", remedy)


def _cell(node: Node, wiring: Wiring) -> Cell:
    about, shape = of(node), wiring.shape(node)
    kind, parameters = str(about["model"]), _mapping(about["parameters"])
    given = {name: _number(parameters[name]) for name in PARAMETERS[kind]}
    start, stop = (float(time) for time in about["active"])
    arrivals, bias = [], None
    for term in wiring.terms(node):
        carrier = next(one for one, _ in term.path if of(one))
        said = of(carrier)
        rule, weight = _rule(str(said["rule"]), carrier, term, wiring.shape(term.source), shape)
        arrivals.append(Arrival(term.source.name, rule, weight, int(said["delay"])))
        if "bias_start" in said:
            values = laid_out(wiring.bias(node).reshape(shape), shape)
            bias = Bias(f"{node.name} bias", values, float(said["bias_start"]), float(said["bias_stop"]))
    return Cell(
        name=node.name,
        shape=shape,
        model=MODELS[kind](**given, reset=str(about["reset"])),  # pyright: ignore[reportArgumentType]
        initial={name: _number(value) for name, value in _mapping(about.get("initial")).items()},
        active=(start, stop),
        offset=int(about["offset"]),
        arrivals=arrivals,
        bias=bias,
        rest=np.zeros(prod(shape)),
    )


def _number(value: Any) -> float | np.ndarray:
    array = np.asarray(value, np.float64)
    return float(array) if array.ndim == 0 else array


def _rule(kind: str, node: Node, term: Term, source: Shape, target: Shape) -> tuple[Rule | Layer, float | None]:
    """Return the rule that a node was made of, and its weight."""
    if kind == "Conv2d":
        return snn.Conv2d(node["weight"].transpose(2, 3, 1, 0), integers(node, "stride"), padding(node)), None
    if kind in ("SumPool2d", "MaxPool2d"):
        made = snn.SumPool2d if kind == "SumPool2d" else snn.MaxPool2d
        return made(integers(node, "kernel_size"), integers(node, "stride"), padding(node)), 1.0
    matrix = term.matrix(source)[order(target)][:, order(source)]
    return (snn.Dense(matrix.toarray()) if kind == "Dense" else snn.Sparse(matrix)), None


# Hashes


def content_hash(graph: FlatGraph) -> str:
    """Return a hash of nodes, their values and metadata, and edges, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(graph.nodes):
        node = graph.nodes[name]
        _add(digest, [name, node.type, node.values, node.metadata])
    _add(digest, sorted(f"{source} -> {target}" for source, target in graph.edges))
    return digest.hexdigest()


def network_hash(network: snn.Network) -> str:
    """Return a hash of everything that decides a network's spikes: neurons, synapses and currents."""
    digest = hashlib.sha256()
    for name in sorted(network.populations):
        one = network.populations[name]
        model = {field.name: getattr(one.model, field.name) for field in fields(one.model)}
        model = {field: value for field, value in model.items() if value is not None}
        _add(digest, [name, list(one.shape), type(one.model).__name__, model, one.initial, list(one.active)])
    digests = []
    for projection in network.projections:
        each = hashlib.sha256()
        stimulus = getattr(projection.source, "stimulus", None)
        where = [stimulus.amplitude, stimulus.start, stimulus.stop] if isinstance(stimulus, Current) else []
        source = [list(projection.source.shape or ()), *where] if stimulus else [projection.source.name]
        _add(each, [*source, projection.target.name, type(projection.rule).__name__])
        _add(each, [projection.weight, projection.delay if projection.delay is not None else "none"])
        _add(each, _synapses(projection.rule))
        digests.append(each.hexdigest())
    _add(digest, sorted(digests))
    return digest.hexdigest()


def _synapses(rule: Any) -> list[Any]:
    """Return what a rule of those written here consists of, a sparse matrix row by row."""
    if isinstance(rule, snn.Sparse):
        by_row = np.lexsort((rule.sources, rule.targets))
        return [rule.sources[by_row], rule.targets[by_row], np.asarray(rule.weights)[by_row]]
    window = [rule.size, rule.stride, rule.padding] if hasattr(rule, "stride") else []
    return [*map(list, window), *([rule.weights] if hasattr(rule, "weights") else [])]


def _add(digest: Any, value: Any) -> None:
    """Add a text, numbers, or a collection of such to a hash; numbers count as 64-bit floats."""
    if isinstance(value, Mapping):
        value = [part for name in sorted(value) for part in (name, value[name])]
    if isinstance(value, list):
        digest.update(f"[{len(value)}]".encode())
        for part in value:
            _add(digest, part)
    elif isinstance(value, str):
        digest.update(f"'{len(value)}'{value}".encode())
    else:
        array = np.ascontiguousarray(value, np.float64) + 0.0  # -0 is 0
        digest.update(f"{np.shape(value)}".encode())
        digest.update(array.tobytes())
