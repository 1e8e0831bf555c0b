"""Rows of listed synapses that are drawn on the device where that can be done, and put together there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from snn.connectivity import AllToAll, FixedInDegree, FixedOutDegree, FixedTotalNumber, PairwiseBernoulli
from snn.connectivity.rules import partners
from snn.cuda import Device
from snn.engines.grid_cuda import drawing
from snn.engines.grid_cuda.drawing import Delays, Rule, Weights
from snn.network import Network
from snn.program import rows, synapses
from snn.program.building import Builder, Places, Rows, build_rows, number_rows, places_of, put_down, together
from snn.program.delays import table_of
from snn.program.lists import Listed
from snn.random import Distribution, Normal

_TABLE_BYTES = 2**28  # of all tables of places that draw distinct partners
_MANY = 2**21  # synapses drawn on the host that are uploaded at a time


def rows_on(device: Callable[[str], Device], name: str, network: Network) -> Builder:
    """Return what builds the rows of a network for a device: there, or on the host where synapses are plastic."""
    if any(synapses.has_shares(p) for p in network.projections):
        return functools.partial(build_rows, sort=False)
    return functools.partial(_build, device(name))


def _rule_of(one: Listed) -> Rule | None:
    """Return a list's rule as the device reads it, or None where only the host can draw it."""
    p, rule = one.projection, one.projection.rule
    if not isinstance(rule, FixedInDegree | FixedOutDegree | FixedTotalNumber | PairwiseBernoulli | AllToAll):
        return None
    inward = not isinstance(rule, FixedOutDegree)
    own, others = (p.target_size, p.source_size) if inward else (p.source_size, p.target_size)
    choices = partners(others, p.same, rule.autapses)
    found = Rule(drawing.PAIRWISE, own, choices, 0, int(inward), int(choices < others), 1, 0.0, one.stream)
    if isinstance(rule, PairwiseBernoulli):
        return found._replace(log_failure=rule.log_failure) if rule.probability else found._replace(own=0)
    if isinstance(rule, AllToAll):
        return found._replace(kind=drawing.ALL, degree=own * choices)
    if isinstance(rule, FixedTotalNumber):
        return found._replace(kind=drawing.NUMBER, degree=rule.number) if rule.multapses else None
    if rule.multapses:
        return found._replace(kind=drawing.DEGREE, degree=rule.degree)
    return found._replace(kind=drawing.DISTINCT, degree=rule.degree, table=1 << (2 * rule.degree).bit_length())


def _weights_of(one: Listed, seed: int, count: int) -> Weights:
    drawn, (first, second) = synapses.given_weights(one.projection), one.quanta[list(one.ports)].tolist()
    found = Weights(drawing.GIVEN, np.zeros(1, np.int64), first, second, *([0.0] * 6))
    if not isinstance(drawn, Distribution):
        weights, ports = one.weights(seed, 0, count)
        given = 2 * weights.astype(np.int64) + (ports != one.ports[0])
        return found._replace(given=given)
    if isinstance(drawn, Normal):
        (low, high), (least, most) = drawn.ends, drawn.bounds
        shape = low, (high - low) * 2.0**-32, float(drawn.mean), float(drawn.std), float(least), float(most)
        return Weights(drawing.NORMAL, found.given, first, second, *shape)
    low, high = drawn.bounds
    return found._replace(kind=drawing.UNIFORM, low=float(low), step=float(high - low))


def _delays_of(one: Listed, dt: float, seed: int, count: int) -> Delays:
    drawn = one.projection.delay
    if not isinstance(drawn, Distribution):
        given = synapses.delays_of(one.projection, 0, count, dt, seed, one.stream + 2)
        return Delays(given.astype(np.int64), 0, np.zeros(0, np.uint64), np.zeros(0, np.int32))
    table = table_of(drawn, dt, 1 if hasattr(one.projection.source, "model") else 0)
    return Delays(np.zeros(0, np.int64), table.shortest, table.first_words, table.cells)


class _List:
    """A list of synapses that is drawn on the device."""

    def __init__(
        self, device: Device, one: Listed, rule: Rule, places: Places, first_rows: np.ndarray, dt: float, seed: int
    ):
        self.device, self.rule, self.seed = device, rule, seed
        p, ports, count = one.projection, list(one.ports), round(one.expected)
        targets = slice(p.target_start, p.target_start + p.target_size)
        row = first_rows[places.banks[ports, targets]] + p.source_start
        self.places = device.upload(row << 16 | places.places[ports, targets])
        self.apart = int(places.apart(one.ports))
        self.weights = device.upload(_weights_of(one, seed, count))
        self.delays = device.upload(_delays_of(one, dt, seed, count))
        self.degrees = device.upload(np.zeros(0, np.int64))
        self.work = rule.own * (-(-rule.degree // 4)) if rule.kind == drawing.DEGREE else max(rule.own, rule.degree)

    @property
    def room(self) -> int:
        """How many places tables should have, so that many threads can draw distinct partners side by side."""
        if self.rule.kind != drawing.DISTINCT:
            return 0
        return self.rule.table * max(min(self.rule.own, _TABLE_BYTES // (8 * self.rule.table)), 1)

    def number(self, cursors: Any, keys: Any, tables: Any) -> None:
        """Find the number of each target's first synapse, if they are drawn target by target."""
        if self.rule.kind == drawing.PAIRWISE and self.rule.own:
            self.degrees = self.device.upload(np.zeros(self.rule.own, np.int64))
            self.draw(drawing.DEGREES, cursors, keys, tables)
            degrees = self.device.download(self.degrees)
            self.degrees = self.device.upload(np.cumsum(degrees) - degrees)

    def draw(self, mode: int, cursors: Any, keys: Any, tables: Any) -> None:
        """Draw the synapses, to count them or to put them to their rows."""
        if self.work:
            into = drawing.Rows(self.places, self.apart, self.degrees, cursors, keys)
            self.device.launch(
                drawing.draw, self.work, mode, self.seed, self.rule, self.weights, self.delays, into, tables
            )


def _drawn_by_host(
    one: Listed, places: Places, first_rows: np.ndarray, dt: float, seed: int, threads: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return row and key of every synapse of a list, by portion."""
    ends: list[Any] = [None] * one.portions
    found: list[Any] = [None] * one.portions

    def find(portion: int) -> None:
        ends[portion] = one.edges(seed, portion)

    def make(portion: int) -> None:
        first, count = sum(len(sources) for sources, _ in ends[:portion]), len(ends[portion][0])
        found[portion] = np.empty(count, np.int32), np.empty(count, np.uint64)
        put_down(
            one, ends[portion], first, places, first_rows, dt, seed, rows.Drawer(*found[portion], *found[portion]), 0
        )

    together(find, one.portions, threads)
    together(make, one.portions, threads)
    return found


def _build(
    device: Device,
    lists: list[Listed],
    slots: dict[int, np.ndarray],
    bank_slots: np.ndarray,
    sizes: np.ndarray,
    dt: float,
    seed: int,
    threads: int,
) -> Rows:
    """Draw all synapses and put them into rows on the device, as keys; parameters are those of `build_rows`.

    Raises
    ------
    ResourceError
        If the device's memory will not hold them.
    """
    if not lists:
        return build_rows(lists, slots, bank_slots, sizes, dt, seed, threads, sort=False)
    places = places_of(slots, bank_slots)
    numbering = number_rows(lists, places, len(bank_slots), sizes, dt)
    on_device, by_host = [], []
    for one in lists:
        rule, to = _rule_of(one), (places[one.target], numbering.first[one.source])
        if rule is None:
            by_host += _drawn_by_host(one, *to, dt, seed, threads)
        else:
            on_device.append(_List(device, one, rule, *to, dt, seed))
    nothing = device.empty(0, np.uint64)
    counted = device.upload(np.zeros(numbering.rows, np.int64))
    tables = device.upload(np.zeros(max((one.room for one in on_device), default=0), np.int64))
    for one in on_device:
        one.number(counted, nothing, tables)
        one.draw(drawing.COUNTS, counted, nothing, tables)
    counts = device.download(counted)
    for numbers, _ in by_host:
        counts += np.bincount(numbers, minlength=numbering.rows)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(starts[-1])
    device.require(8.0 * (total + 1), f"{total:,} listed synapses")
    keys, cursors = device.empty(total + 1, np.uint64), device.upload(starts[:-1])
    for one in on_device:
        one.draw(drawing.KEYS, cursors, keys, tables)
    _place(device, by_host, cursors, keys)
    return numbering.made(sizes, counts, keys, starts)


def _place(device: Device, by_host: list[tuple[np.ndarray, np.ndarray]], cursors: Any, keys: Any) -> None:
    """Put what the host has drawn to its rows, many portions at a time."""
    while by_host:
        some, count = 0, 0
        while some < len(by_host) and (not count or count + len(by_host[some][0]) <= _MANY):
            count, some = count + len(by_host[some][0]), some + 1
        numbers, drawn = (np.concatenate([portion[k] for portion in by_host[:some]]) for k in range(2))
        by_host = by_host[some:]
        if count:
            device.launch(drawing.place, count, device.upload(numbers), device.upload(drawn), cursors, keys)
