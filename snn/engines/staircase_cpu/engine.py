"""A network of staircase neurons on the CPU."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from snn.engines.staircase_cpu.gathering import Gathers
from snn.engines.staircase_cpu.kernel import run
from snn.engines.staircase_cpu.memory import (
    LOG_FULL,
    NO_ROOM,
    PHASED,
    RESTED,
    TOO_MANY,
    Counters,
    Flight,
    Log,
    Memory,
    Plan,
    Scratch,
    Tables,
    fresh_counts,
    grow,
    make_flight,
    make_log,
    make_scratch,
    parts_of,
    tables_of,
)
from snn.engines.threads import run_together
from snn.errors import ResourceError
from snn.memory import require
from snn.neurons.staircase import PRODUCT
from snn.program.staircase import StaircaseProgram

_PARCELS, _LOGGED = 4096, 4096  # to begin with: events under way, and events that are listed


class _Share:
    """Some samples, and what a thread needs to settle them one after the other."""

    def __init__(self, program: StaircaseProgram, gathers: Gathers, first: int, last: int):
        self.program, self.first, self.last = program, first, last
        self.status: int = RESTED
        self.scratch: Scratch = make_scratch(program, gathers)
        self.flight: Flight
        self.counters: Counters
        self.flight, self.counters = make_flight(_PARCELS, len(program.fans.kind))
        self.log: Log = make_log(0)
        self.taken: list[Log] = []

    def begin(self, logs: bool) -> None:
        """Start with the first sample."""
        self.status, self.counters.sample[0] = -1, self.first
        self.scratch.totals[:] = 0
        self.log, self.taken = make_log(_LOGGED if logs else 0), []

    def provide(self) -> None:
        """Give the kernel what it has stopped for."""
        if self.status == NO_ROOM:
            room = len(self.flight.heap)
            room += max(room, int(self.counters.needed[0] - self.counters.parcels[0]))
            require(8 * len(Flight._fields) * room, f"{room:,} events under way")
            self.flight = grow(self.flight, self.counters, room)
        if self.status == LOG_FULL:
            self.take()
            self.log = make_log(max(len(self.log.time), int(self.counters.needed[0])))

    def advance(self, tables: Tables, memory: Memory, plan: Plan) -> None:
        """Let the kernel go on."""
        self.status = run(tables, memory, self.scratch, self.flight, self.counters, self.log, plan, self.last)

    def take(self) -> None:
        """Take what is in the log out of it."""
        count = int(self.counters.logged[0])
        self.taken.append(Log(*(column[:count].copy() for column in self.log)))
        self.counters.logged[0] = 0


class Outcome(NamedTuple):
    """What a settling has come to.

    Attributes
    ----------
    program : StaircaseProgram
    memory : Memory
    before : ndarray of int64 (samples, neurons), optional
        Levels when it began; none if nothing had been said.
    schedule : int
    totals : ndarray of int64 (neurons,)
        Events of each neuron, of all samples together.
    keep : tuple of int, optional
        The nodes that `memory` has sums and levels of, one after the other; all if there is none.
    """

    program: StaircaseProgram
    memory: Memory
    before: np.ndarray | None
    schedule: int
    totals: np.ndarray
    keep: tuple[int, ...] | None = None

    def levels(self, node: int) -> np.ndarray:
        """Return the levels of a node's neurons, int64 (samples, neurons)."""
        return self._levels(node).copy()

    def sums(self, node: int) -> np.ndarray:
        """Return the sums of a population's neurons, port by port, int64 (samples, ports, neurons)."""
        size, ports = int(self.program.nodes.size[node]), self.program.ports[node]
        slot = int(self.program.nodes.slot[node]) if self.keep is None else self._before(node)[:, 3].sum()
        return self.memory.sums[:, slot : slot + ports * size].reshape(-1, ports, size)

    def events(self, node: int, sign: int) -> np.ndarray:
        """Return the number of events of a node's neurons of one sign, 1 or -1, or with 0 all, (samples, neurons)."""
        part, memory = self._part(node), self.memory
        if self.schedule != PHASED:
            up, down = memory.up[:, part], memory.down[:, part]
            return up + down if sign == 0 else up if sign > 0 else down
        # A phased neuron speaks but once: the change of its level tells.
        change = self._levels(node) if self.before is None else memory.levels[:, part] - self.before[:, part]
        if self.program.nodes.kind[node] == PRODUCT:
            change = np.sign(change)
        return np.abs(change) if sign == 0 else np.maximum(sign * change, 0)

    def total(self, node: int) -> np.ndarray:
        """Return the number of events of a node's neurons in all samples together, int64 (neurons,)."""
        return self.totals[self._part(node)]

    def _levels(self, node: int) -> np.ndarray:
        if self.keep is None:
            return self.memory.levels[:, self._part(node)]
        first = self._before(node)[:, 1].sum()
        return self.memory.levels[:, first : first + int(self.program.nodes.size[node])]

    def _before(self, node: int) -> np.ndarray:
        """Return the parts that are kept before a node's."""
        keep: Any = self.keep
        return parts_of(self.program, keep[: keep.index(node)])

    def _part(self, node: int) -> slice:
        first = int(self.program.nodes.first[node])
        return slice(first, first + int(self.program.nodes.size[node]))


def too_many(outcome: Outcome, sample: int, limit: int) -> str:
    """Say that a sample has emitted more events than it may."""
    program, totals = outcome.program, outcome.memory.spoken[sample]
    busiest = int(np.argmax(np.where(np.array(program.ports) > 0, totals, -1)))
    return (
        f"sample {sample} has not come to rest after {limit:,} events (max_events), {int(totals[busiest]):,} of "
        f"them of population {program.names[busiest]!r}: a cycle of populations may keep itself going for "
        "ever; allow more, settle step by step, or cut the cycle"
    )


class StaircaseCpu:
    """A StaircaseProgram on the CPU, for a batch of samples.

    Parameters
    ----------
    program : StaircaseProgram
    batch : int
    threads : int
        Among how many the samples are shared. It never changes a result.

    Raises
    ------
    ResourceError
        If the arrays do not fit into memory.
    """

    def __init__(self, program: StaircaseProgram, batch: int, threads: int):
        self.program, self.batch, self.threads = program, batch, min(threads, batch)
        self.tables = tables_of(program)
        neurons, sums, sizes = len(program.fan_out), len(program.sums), program.sizes
        needed = batch * 8 * (sums + 3 * neurons + sizes["counters"] + sizes["bests"])
        require(needed, f"{batch:,} samples of {neurons:,} staircase neurons")
        self.before: np.ndarray | None  # levels when the settling began; none if nothing had been said
        self.at_rest = False
        self.counters = np.zeros((batch, sizes["counters"]), np.int64)
        self.bests = np.zeros((batch, sizes["bests"]), np.int64)
        self.reset()

    def reset(self) -> None:
        """Go back to the initial state, with nothing said."""
        # Seen without being written anywhere; the arrays of a settling are made when it begins.
        initial = {
            "sums": np.broadcast_to(self.program.sums, (self.batch, len(self.program.sums))),
            "levels": np.broadcast_to(np.int64(0), (self.batch, len(self.program.fan_out))),
        }
        self.memory = Memory(
            **initial,
            **fresh_counts(self.batch, 0, len(self.program.names)),
            counters=self.counters,
            bests=self.bests,
            fresh=np.ones(self.batch, np.bool_),
        )
        self.before, self.schedule, self.keep = None, PHASED, None
        if self.at_rest:
            for share in self.shares:
                share.scratch.totals[:] = 0
            return
        ends = [share * self.batch // self.threads for share in range(self.threads + 1)]
        self.shares = [_Share(self.program, self.tables.gathers, *pair) for pair in pairwise(ends)]
        self.at_rest = True

    def begin(self, plan: Plan, keep: tuple[int, ...] | None) -> None:
        """Take up a plan, of which `advance` does the work; `keep` are the nodes of `Plan.keep`, or None.

        What there was so far stays with who has it: the settling has arrays of its own.
        """
        memory = self.memory
        self.before = None if memory.fresh.all() else memory.levels
        if self.before is None:
            shapes = {"sums": memory.sums.shape, "levels": memory.levels.shape}
            if not plan.whole:
                shapes = {"sums": (self.batch, plan.keep[:, 3].sum()), "levels": (self.batch, plan.keep[:, 1].sum())}
            own = {name: np.empty(shape, np.int64) for name, shape in shapes.items()}
        else:
            own = {"sums": memory.sums.copy(), "levels": memory.levels.copy()}
        counted = 0 if plan.schedule == PHASED else len(self.program.fan_out)
        self.memory = memory._replace(**own, **fresh_counts(self.batch, counted, len(self.program.names)))
        for share in self.shares:
            share.begin(plan.logs)
        self.plan, self.schedule, self.keep, self.at_rest = plan, plan.schedule, keep, False

    @property
    def outcome(self) -> Outcome:
        """What this settling has come to; later ones do not change it."""
        totals = np.sum([share.scratch.totals for share in self.shares], axis=0)
        return Outcome(self.program, self.memory, self.before, self.schedule, totals, self.keep)

    def advance(self) -> bool:
        """Go on for a while; returns whether all samples are at rest.

        Until they are, events are under way, and what was recorded is not complete.

        Raises
        ------
        ResourceError
            If a sample emits more events than the plan allows, or memory does not suffice. Only `reset` helps then.
        """
        busy = [share for share in self.shares if share.status != RESTED]
        for share in busy:
            share.provide()

        def work(number: int, counter: Any) -> None:
            busy[number].advance(self.tables, self.memory, self.plan)

        if busy:
            run_together(work, len(busy))
        fresh = self.memory.fresh
        if fresh.any():  # it has not come to all samples yet
            self.memory.sums[fresh], self.memory.levels[fresh] = self._initial_sums(), 0
        for share in busy:
            if share.status == TOO_MANY:
                raise ResourceError(too_many(self.outcome, int(share.counters.sample[0]), self.plan.limit))
        self.at_rest = all(share.status == RESTED for share in self.shares)
        return self.at_rest

    def _initial_sums(self) -> np.ndarray:
        """Return what the sums that are kept begin with."""
        if self.plan.whole:
            return self.program.sums
        parts = [self.program.sums[slot : slot + sums] for _, _, slot, sums in self.plan.keep]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def log(self) -> Log:
        """Return the events of the last settling by sample, time and neuron, if they were listed."""
        for share in self.shares:
            share.take()
        parts = [part for share in self.shares for part in share.taken]
        joined = Log(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        order = np.lexsort((joined.neuron, joined.time, joined.sample))
        return Log(*(column[order] for column in joined))
