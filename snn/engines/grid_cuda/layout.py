"""A Program's tables laid out as the device reads them, on the host: see `snn.engines.grid_cuda.tables`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from snn.cuda import ABSENT
from snn.engines.grid_cpu.driving import Driving
from snn.engines.grid_cuda.gathering import by_window, is_gathered, window_of
from snn.engines.grid_cuda.tables import (
    LISTED,
    PIECE,
    PLASTIC,
    Currents,
    Patterns,
    RandomCounts,
    Rows,
    Shares,
    Tables,
)
from snn.program import Program
from snn.program.tables import MAX_POOL2D, NEURONS, ONE_TO_ONE, POISSON_TRAINS


class Layout(NamedTuple):
    """What `lay_out` returns: tables, and sizes that a batch multiplies."""

    tables: Tables
    days: int
    entries: int
    pieces: int  # of one sample's entries, at most
    states: int  # of sources of plastic synapses
    words: int  # of bits
    bit_days: int


def _table(columns: Iterable, dtype: Any = np.int64) -> np.ndarray:
    """Return columns side by side, as many as a power of two."""
    columns = list(columns)
    width = 1 << (len(columns) - 1).bit_length()
    table = np.zeros((max(map(len, columns)), width), dtype)
    for position, column in enumerate(columns):
        table[: len(column), position] = column
    return table


def _units(program: Program) -> np.ndarray:
    nodes, slices = program.nodes, program.slices
    node = np.repeat(np.arange(len(nodes.size)), nodes.size)
    first_unit = np.cumsum([0, *nodes.size])
    slot, stride = np.zeros(len(node), np.int64), np.zeros(len(node), np.int64)
    for s, i in enumerate(slices.node):
        mine = slice(first_unit[i] + slices.start[s], first_unit[i] + slices.stop[s])
        stride[mine] = slices.stop[s] - slices.start[s]
        slot[mine] = slices.slot[s] + np.arange(stride[mine].size)
    number = np.arange(len(node)) - first_unit[node]
    columns = node, number, nodes.group[node], nodes.offset[node] + number, slot, stride, nodes.quantum[node]
    return _table(columns, np.int32)


_OUTLETS = "kind", "late", "first_row", "slot", "projection", "first_state"
_NOISE = "port", "start", "stop", "weight", "stream", "first_rate"


def _most(outlet: dict) -> int:
    """Return how many synapses a spike can have through a pattern, at most."""
    if outlet["kind"] in (MAX_POOL2D,):
        return 1
    shape = outlet["geometry"]
    windows = np.prod([-(-size // stride) for size, stride in zip(shape[6:8], shape[8:10], strict=True) if stride])
    return max(1, int(shape[0]), int(windows * shape[5]))


def _currents(program: Program, driving: Driving) -> Currents:
    """Return the currents, with lists in place of all patterns but one-to-one."""
    currents, projections = program.currents, program.projections
    kinds, firsts = np.append(projections.kind, -1), np.append(projections.first_weight, 0)  # -1: a list
    alike = kinds[currents.projection] == ONE_TO_ONE
    parts = []
    for c in range(len(currents.start)):
        part = np.zeros((3, 0), np.int64)
        if program.varying.courses.bin[c] and not alike[c]:
            weights = driving.weights(c)
            targets, sources = np.nonzero(weights.T)
            part = np.stack([sources, targets, weights[sources, targets]])
        parts.append(part)
    sources, targets, weights = np.concatenate([np.zeros((3, 0), np.int64), *parts], axis=1).astype(np.int32)
    return Currents(
        start=currents.start,
        stop=currents.stop,
        first_drive=currents.first_drive,
        projection=np.where(alike, currents.projection, -1),
        first_weight=firsts[currents.projection],
        first_synapse=np.cumsum([0, *(part.shape[1] for part in parts)]).astype(np.int64),
        sources=np.ascontiguousarray(sources),
        targets=np.ascontiguousarray(targets),
        weights=np.ascontiguousarray(weights),
    )


def _lists(program: Program) -> tuple[Rows, list[dict]]:
    """Return all rows of keys, and an outlet for each bundle of them."""
    static, plastic, outlets = program.synapses, program.plastic, []
    rows = Rows(static.words, static.rows)
    if len(plastic.source):
        keys = np.concatenate([static.words[: static.rows[-1]], plastic.words])
        rows = Rows(keys, np.concatenate([static.rows[:-1], static.rows[-1] + plastic.rows]))
    parts = [(LISTED, program.bundles, program.banks, np.arange(len(program.names)), 0)]
    parts += [(PLASTIC, plastic.bundles, plastic.banks, plastic.source, len(static.rows) - 1)]
    for kind, bundles, banks, node_of, before in parts:
        for b, (number, row) in enumerate(zip(bundles.source.tolist(), bundles.first_row.tolist(), strict=True)):
            slot = int(banks.slot[np.searchsorted(banks.first_bundle, b, side="right") - 1])
            outlets.append(
                {"kind": kind, "source": int(node_of[number]), "first_row": before + row, "slot": slot}
                | {"projection": number, "first_state": row}
            )
    return rows, outlets


class _Gathers:
    """What is gathered, as it grows: a row each, the bits of their sources, and weights in the order of windows."""

    def __init__(self, program: Program):
        self.sizes, self.rows, self.targets, self.words, self.days = program.nodes.size, [], [], 0, 0
        self.bits = np.full(len(self.sizes), -1)
        self.weights = program.synapses.pattern_weights

    def add(self, target: int, outlet: dict) -> None:
        """Take on an outlet of a node to another one."""
        source, sources = outlet["source"], int(self.sizes[outlet["source"]])
        if self.bits[source] < 0:
            self.bits[source], self.words = self.words, self.words + -(-sources // 64)
        window, first = window_of(outlet["kind"], outlet["geometry"].tolist(), sources), int(outlet["first_weight"])
        mine = slice(first, first + window[2] * window[5] * window[6] * window[7])
        if not self.rows:
            self.weights = self.weights.copy()
        self.weights[mine] = by_window(self.weights[mine], window)
        self.rows.append([outlet["port"], outlet["delay"], self.bits[source], first, *window])
        self.targets.append(target)
        self.days = max(self.days, int(outlet["delay"]) + 2)


def lay_out(program: Program, driving: Driving, batch: int) -> Layout:
    """Turn a Program's tables into the device's, on the host."""
    nodes, projections, plastic = program.nodes, program.projections, program.plastic
    gathers = _Gathers(program)
    first_unit = np.cumsum([0, *nodes.size])
    names = *_OUTLETS, *Patterns._fields
    nothing = dict.fromkeys(names, 0) | {"geometry": np.zeros(12, np.int64)}
    rows, lists = _lists(program)
    outlets = [nothing | outlet for outlet in lists]
    pieces = int((-(-np.diff(rows.first) // PIECE)).sum())
    pools = []
    for node in range(len(nodes.size)):
        for j in program.incoming[nodes.first_incoming[node] : nodes.first_incoming[node + 1]]:
            taken = "kind", "source", "port", "delay", "first_weight", "first_counter", "first_best", "geometry"
            outlet = {name: getattr(projections, name)[j] for name in taken}
            gathered = is_gathered(int(outlet["kind"]), batch * int(nodes.size[node]))
            outlets.append(nothing | outlet | {"target": first_unit[node], "gathered": int(gathered)})
            if gathered:
                gathers.add(node, outlet)
                continue
            pieces += int(nodes.size[outlet["source"]]) * -(-_most(outlet) // PIECE)
            pools += [(node, len(outlets) - 1)] if outlet["kind"] == MAX_POOL2D else []
    unsorted = np.array([outlet["source"] for outlet in outlets], np.int64)
    order = np.argsort(unsorted, kind="stable")
    sources = unsorted[order]
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    columns = {name: np.array([outlets[o][name] for o in order], np.int64) for name in names}
    columns["geometry"] = columns["geometry"].reshape(len(order), 12)
    columns["late"] = nodes.kind[sources] == NEURONS
    patterned = len(outlets) > len(lists)
    varying = program.varying if program.varying.anything else ABSENT
    currents = _currents(program, driving) if varying or len(program.currents.start) else ABSENT
    counted = np.arange(len(nodes.size) + 1)
    trains = np.where(nodes.kind == POISSON_TRAINS, nodes.size, 0)
    before = np.cumsum([0, *trains])[:-1]
    firsts = [np.searchsorted(sources, counted), np.searchsorted([node for node, _ in pools], counted), before]
    firsts += [np.searchsorted(gathers.targets, counted), gathers.bits]
    taken = nodes.kind, nodes.active_from, nodes.active_until, nodes.first_noise, nodes.first_current, nodes.stream
    noise = program.noise
    tables = Tables(
        nodes=_table([*taken, *firsts]),
        units=_units(program),
        outlets=_table(columns[name] for name in _OUTLETS),
        rows=rows,
        weights=gathers.weights,
        patterns=Patterns(*(columns[name] for name in Patterns._fields)) if patterned else ABSENT,
        plastic=Shares(*(getattr(plastic, name) for name in Shares._fields)) if len(plastic.source) else ABSENT,
        gathers=np.array(gathers.rows, np.int64) if gathers.rows else ABSENT,
        pools=np.array([number[o] for _, o in pools], np.int64) if pools else ABSENT,
        trains=np.flatnonzero(nodes.kind != NEURONS) if (nodes.kind != NEURONS).any() else ABSENT,
        noise=RandomCounts(_table(getattr(noise, name) for name in _NOISE), noise.rates, noise.counts)
        if len(noise.start)
        else ABSENT,
        currents=currents,
        varying=varying,
        probes=program.probes if len(program.probes.node) else ABSENT,
        quanta=program.quanta,
    )
    reaches = program.bundles.reach, plastic.bundles.reach, projections.delay
    days = 1 + int(max(reach.max(initial=0) for reach in reaches))
    entries, states = int(nodes.size[sources[columns["gathered"] == 0]].sum()), max(len(plastic.rows) - 1, 0)
    return Layout(tables, days, entries, pieces, states, gathers.words, gathers.days)
