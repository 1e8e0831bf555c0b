"""From a NIR file to a network that runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridge.errors import ValidationError
from bridge.nir.cells import Arrival, Bias, Cell, build, rule_of
from bridge.nir.imported import Imported, Reading
from bridge.nir.neurons import FIRING, GRADED, NEURONS, Method, Reset, Stepped, laid_out, stepped
from bridge.nir.reading import FlatGraph, Node, read
from bridge.nir.timing import in_steps, offsets
from bridge.nir.wiring import Term, Wiring

if TYPE_CHECKING:
    import nir


METHODS = {
    "exact": "the equations are solved for input that is held for a step.",
    "euler": "forward Euler, v and i from their values before the step.",
    "semi-implicit": "forward Euler, but v from i after the step, as snnTorch and Lava compute.",
}
RESETS = {
    "hard": "v is put at v_reset, as NIR says.",
    "soft": "v is lowered by v_threshold - v_reset.",
    "delayed": "v is lowered by v_threshold - v_reset in the next step, after the leak.",
    "retested": "v is lowered by v_threshold - v_reset; still at the threshold, it is tested against another drop.",
}


def foreign(
    graph: FlatGraph, dt: float | None, reset: Reset, method: Method, v_initial: float | Mapping[str, np.ndarray]
) -> Imported:
    """Make a network of a graph with nothing but NIR's own semantics; arguments and errors as `bridge.from_nir`."""
    dt = _check_dt(graph, dt)
    for name, value, known in (("reset", reset, tuple(RESETS)), ("method", method, tuple(METHODS))):
        if value not in known:
            raise ValidationError(f"{name} must be {' or '.join(map(repr, known))}, not {value!r}")
    starts = _starts(graph, v_initial)
    wiring = Wiring(graph)
    outputs = {node.name: wiring.terms(node) for node in graph.of("Output")}
    read_there = {term.source.name for terms in outputs.values() for term in terms}
    nodes = [node for node in graph.of(*NEURONS) if node.type in FIRING or node.name in read_there]
    terms = {node.name: wiring.terms(wiring.tested.get(node.name, node)) for node in nodes}
    links = [
        (term.source.name, name, in_steps(term.delay, dt, f"the way from {term.source.name} to {name}"))
        for name, ways in terms.items()
        for term in ways
        if term.source.type != "Input"
    ]
    behind, cycles = offsets([node.name for node in nodes], links)
    cells = []
    for node in nodes:
        tested = wiring.tested.get(node.name)
        core, shape = tested or node, wiring.shape(node)
        start = starts.get(core.name, starts.get("", np.zeros(())))
        made = stepped(core, shape, dt, method, reset, start, node if tested else None)
        arrivals = [_arrival(term, node, wiring, made, behind, cycles, dt) for term in terms[node.name]]
        cells.append(_cell(node, core, wiring, made, behind[node.name], [one for one in arrivals if one is not None]))
    inputs = {node.name: wiring.shape(node) for node in graph.of("Input")}
    network, sources = build(cells, inputs)
    readings = [
        Reading(
            name,
            wiring.shape(graph.nodes[name]),
            [(t.source.name, t.matrix(wiring.shape(t.source)), in_steps(t.delay, dt, name)) for t in ways],
            wiring.bias(graph.nodes[name]),
        )
        for name, ways in outputs.items()
    ]
    looped = [name for name, number in cycles.items() if list(cycles.values()).count(number) > 1]
    looped += [source for source, target, _ in links if source == target]
    notes = _assumptions(graph, dt, reset, method, starts, looped) + wiring.notes
    return Imported(network, tuple(notes), inputs, None, {cell.name: cell for cell in cells}, readings, sources)


def _arrival(
    term: Term,
    node: Node,
    wiring: Wiring,
    made: Stepped,
    behind: dict[str, int],
    cycles: dict[str, int],
    dt: float,
) -> Arrival | None:
    """Return what comes to a node's population on one way, None if that is nothing."""
    rule, weight = rule_of(term, wiring.shape(term.source), wiring.shape(node), made.gain)
    if not np.any(getattr(rule, "weights", 1.0)):
        return None
    delay, name = in_steps(term.delay, dt, f"the way from {term.source.name} to {node.name}"), term.source.name
    if term.source.type == "Input":
        delay += behind[node.name]
    elif cycles[name] == cycles[node.name]:
        delay = max(1, delay)
    else:
        delay += behind[node.name] - behind[name]
    return Arrival(name, rule, weight, delay)


def _cell(node: Node, core: Node, wiring: Wiring, made: Stepped, offset: int, arrivals: list[Arrival]) -> Cell:
    shape = wiring.shape(node)
    bias = laid_out(wiring.bias(core).reshape(shape) * made.gain, shape)
    beta = np.asarray(made.model.beta)
    # Left alone for `offset` steps, v is then what it must begin with. Where nothing is kept, it does not matter.
    start = laid_out(made.start, shape) / np.where(beta > 0, beta, np.inf) ** offset
    return Cell(
        name=node.name,
        shape=shape,
        model=made.model,
        initial={"v": start} if start.any() else {},
        active=(float(offset), np.inf) if made.fires else (0.0, 0.0),
        offset=offset,
        arrivals=arrivals,
        bias=Bias(f"{node.name} bias", bias, float(offset), np.inf) if bias.any() else None,
        rest=laid_out(made.rest, shape),
    )


def _check_dt(graph: FlatGraph, dt: float | None) -> float:
    taus = [float(node[f].min()) for node in graph.nodes.values() for f in node.values if f.startswith("tau")]
    if dt is None:
        shortest = f"; the shortest time constant is {min(taus):g}" if taus else ""
        raise ValidationError(
            "dt must be given, in the file's unit of time, since NIR does not hold it: 1e-4 for files of snnTorch and "
            f"Norse, in s, and 1 for files of Sinabs, whose unit is a step{shortest}"
        )
    if isinstance(dt, bool) or not isinstance(dt, int | float | np.number) or not 0 < dt < np.inf:
        raise ValidationError(f"dt must be a number above 0, in the file's unit of time, not {dt!r}")
    return float(dt)


def _starts(graph: FlatGraph, given: float | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return v in the beginning by node; the name "" stands for those not named."""
    starts: dict[str, np.ndarray] = {}
    for name, value in given.items() if isinstance(given, Mapping) else [("", given)]:
        if name and name not in {node.name for node in graph.of(*NEURONS)}:
            known = ", ".join(node.name for node in graph.of(*NEURONS))
            raise ValidationError(f"v_initial must name nodes with neurons, {known}, not {name!r}")
        try:
            starts[name] = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            raise ValidationError(f"v_initial must be a number, or arrays by node, not {value!r}") from None
        if not np.isfinite(starts[name]).all():
            raise ValidationError(f"v_initial must be finite, not {value!r}")
    return starts


def _assumptions(
    graph: FlatGraph, dt: float, reset: Reset, method: Method, starts: dict[str, np.ndarray], looped: list[str]
) -> list[str]:
    """Return what the file leaves open and what is done."""
    notes = [
        f"dt = {dt:g} of the file's unit of time, a step of the grid engine.",
        f'method = "{method}": {METHODS[method]}',
        "A spike is an input of 1 for one step.",
        "Edges take no time, but each population runs a step behind those it reads; its steps count from its first.",
    ]
    if any(node.type in ("IF", "LIF", "CubaLIF") for node in graph.nodes.values()):
        notes.append(f'reset = "{reset}": {RESETS[reset]} Files of networks with any of them look the same.')
    if graph.of("CubaLIF", "CubaLI"):
        notes.append("i = 0 in the beginning.")
    named = ", ".join(name for name in starts if name)
    value = f"{float(starts[''].flat[0]):g}" if "" in starts and starts[""].size == 1 else "0" if not named else ""
    others = f"v_initial = {value}" if value else f"v_initial as given for {named}, 0 elsewhere"
    notes.append(f"{others}: v in the beginning, which NIR does not hold.")
    if looped:
        names = ", ".join(sorted(set(looped)))
        notes.append(f"Every edge within a cycle takes a step, or its Delay where that is longer: {names}.")
    padded = [node.name for node in graph.of("AvgPool2d") if np.any(node["padding"])]
    if padded:
        notes.append(f"Averages count the padding: {', '.join(padded)}.")
    idle = [node.name for node in graph.of(*GRADED) if node.name not in _heard(graph)]
    if idle:
        notes.append(f"Nothing reads {', '.join(idle)}, and no neurons are made for it.")
    return notes


def _heard(graph: FlatGraph) -> set[str]:
    return {source for source, _ in graph.edges}


def from_nir(
    path: str | Path | nir.NIRGraph,
    *,
    dt: float | None = None,
    reset: Reset = "hard",
    method: Method = "exact",
    v_initial: float | Mapping[str, np.ndarray] = 0.0,
    metadata: bool = True,
) -> Imported:
    """Read a NIR file as a network that runs on the grid engine.

    A file of `to_nir` comes back spike for spike. Of other files NIR's equations are computed, in steps of dt, and
    everything that the file leaves open is an argument here and stands in the result's `assumptions`.

    Parameters
    ----------
    path : str, Path or nir.NIRGraph
    dt : float
        Step in the file's unit of time: 1e-4 for files of snnTorch and Norse (in s), 1 for files of Sinabs, whose unit
        is a step. Must be given, unless the file is one of `to_nir`.
    reset : {"hard", "soft", "delayed", "retested"}
        NIR knows the hard one: v is put at v_reset. Soft: v is lowered by v_threshold - v_reset. Files of snnTorch's
        ``reset_mechanism="subtract"`` look the same and need "delayed", where v is lowered one step later, or, of
        ``reset_delay=False``, "retested" (see `snn.DiscreteLIF`).
    method : {"exact", "euler", "semi-implicit"}
        How the equations are solved: exactly for input that is held for a step; by forward Euler; or by forward Euler
        with the synaptic current first, as snnTorch and Lava do. They differ for leaky neurons only, the last two for
        current-based ones only.
    v_initial : float or dict of str to ndarray
        v in the beginning, for all nodes or by node, in the node's shape.
    metadata : bool
        Whether to use what `to_nir` has written; without it the file is read as another tool would read it.

    Returns
    -------
    Imported
        With `run`, the `network`, and `assumptions` to print.

    Raises
    ------
    ValidationError
        If an argument is refused, or the file is none.
    ConversionError
        If the file is malformed, was changed since `to_nir` wrote it, or holds what has no counterpart; it names the
        node.

    Notes
    -----
    NIR: Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable
    brain-inspired computing", Nature Communications 15, 2024.
    """
    from bridge.nir import own

    graph = read(path)
    if metadata and own.KEY in graph.metadata:
        return own.restore(graph)
    return foreign(graph, dt, reset, method, v_initial)
