"""A network of staircase neurons on the CPU."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from snn.engines.staircase_cpu.kernel import run
from snn.engines.staircase_cpu.memory import (
    LOG_FULL,
    NO_ROOM,
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
    tables_of,
)
from snn.engines.threads import run_together
from snn.errors import ResourceError
from snn.memory import require
from snn.program.staircase import StaircaseProgram

_PARCELS, _LOGGED = 4096, 4096  # to begin with: events under way, and events that are listed


class _Share:
    """Some samples, and what a thread needs to settle them one after the other."""

    def __init__(self, program: StaircaseProgram, first: int, last: int):
        self.program, self.first, self.last = program, first, last
        self.status: int = RESTED
        self.scratch: Scratch = make_scratch(program)
        self.flight: Flight
        self.counters: Counters
        self.flight, self.counters = make_flight(_PARCELS, len(program.fans.kind))
        self.log: Log = make_log(0)
        self.taken: list[Log] = []

    def begin(self, logs: bool) -> None:
        """Start with the first sample."""
        self.status, self.counters.sample[0] = -1, self.first
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
        self.memory = Memory(
            sums=np.zeros((batch, sums), np.int64),
            levels=np.zeros((batch, neurons), np.int64),
            counters=np.zeros((batch, sizes["counters"]), np.int64),
            bests=np.zeros((batch, sizes["bests"]), np.int64),
            fresh=np.zeros(batch, np.bool_),
            **fresh_counts(batch, neurons),
        )
        self.reset()

    def reset(self) -> None:
        """Go back to the initial state, with nothing said."""
        memory = self.memory
        for array in (memory.levels, memory.counters, memory.bests):
            array[:] = 0
        # Nothing is written to counts before `begin` makes new ones.
        nothing = np.broadcast_to(np.int64(0), memory.levels.shape)
        self.memory = memory._replace(**(fresh_counts(self.batch, 0) | {"up": nothing, "down": nothing}))
        memory.sums[:], memory.fresh[:] = self.program.sums, True
        ends = [share * self.batch // self.threads for share in range(self.threads + 1)]
        self.shares = [_Share(self.program, *pair) for pair in pairwise(ends)]
        self.at_rest = True

    def begin(self, plan: Plan) -> None:
        """Take up a plan, of which `advance` does the work."""
        self.memory = self.memory._replace(**fresh_counts(self.batch, len(self.program.fan_out)))
        for share in self.shares:
            share.begin(plan.logs)
        self.plan, self.at_rest = plan, False

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
        for share in busy:
            if share.status == TOO_MANY:
                raise ResourceError(self._too_many(int(share.counters.sample[0]), self.plan.limit))
        self.at_rest = all(share.status == RESTED for share in self.shares)
        return self.at_rest

    def _too_many(self, sample: int, limit: int) -> str:
        nodes, counts = self.program.nodes, self.memory.up[sample] + self.memory.down[sample]
        totals = np.add.reduceat(counts, nodes.first)
        busiest = int(np.argmax(np.where(np.array(self.program.ports) > 0, totals, -1)))
        return (
            f"sample {sample} has not come to rest after {limit:,} events (max_events), {int(totals[busiest]):,} of "
            f"them of population {self.program.names[busiest]!r}: a cycle of populations may keep itself going for "
            "ever; allow more, settle step by step, or cut the cycle"
        )

    def log(self) -> Log:
        """Return the events of the last settling by sample, time and neuron, if they were listed."""
        for share in self.shares:
            share.take()
        parts = [part for share in self.shares for part in share.taken]
        joined = Log(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        order = np.lexsort((joined.neuron, joined.time, joined.sample))
        return Log(*(column[order] for column in joined))
