"""The exact engine on the CPU: memory for a batch of samples, advanced to a time."""

from __future__ import annotations

import math

import numpy as np

from snn.engines.exact_cpu import kernel
from snn.engines.exact_cpu.exact import MOST, Exact
from snn.engines.exact_cpu.memory import (
    AT,
    CODE,
    FINE,
    GROW,
    RECORDED,
    RUNAWAY,
    WHO,
    functions,
    make_memory,
    make_neurons,
    with_room,
)
from snn.engines.exact_cpu.neuron import arrive, settle_one
from snn.engines.exact_cpu.wakes import look
from snn.engines.threads import run_together
from snn.memory import require
from snn.program.exact import ExactProgram


class ExactCpu(Exact):
    """An `ExactProgram` on the CPU, for a batch of independent samples, which run one after the other.

    Parameters
    ----------
    program : ExactProgram
        Lowered for as many threads.
    batch, threads, seed, first_sample : int
        As of `snn.engines.grid_cpu.GridCpu`.

    Raises
    ------
    ResourceError
        If the arrays do not fit into memory.
    """

    def __init__(self, program: ExactProgram, batch: int, threads: int, seed: int, first_sample: int):
        super().__init__(program, batch, seed)
        self.threads = threads
        rows = sum(64 * math.ceil((4 + len(g.state)) / 8) * len(g.state[0]) for g in program.groups)
        require(batch * rows, f"{batch:,} samples of {program.neurons:,} neurons")
        self.reset(first_sample)

    def reset(self, first_sample: int) -> None:
        """Go back to time 0 and the initial state; parameters stay as they are set."""
        self._begin([make_neurons(self.program) for _ in range(self.batch)])
        self.memories = [
            make_memory(self.program, self.threads, first_sample + sample, MOST) for sample in range(self.batch)
        ]
        self._table = functions.taking(arrive, look, settle_one, tables=self.tables, memory=self.memories[0])
        self._by_address = list(map(self._table, self.groups))  # of each sample; it takes far longer than a short run
        for groups, memory in zip(self._by_address, self.memories, strict=True):
            kernel.begin(self.tables, groups, memory)

    def _run(self, until: int, stop: float) -> None:
        for sample in range(self.batch):
            self._run_one(sample, until, stop)

    def _run_one(self, sample: int, until: int, stop: float) -> None:
        while True:
            memory, groups = self.memories[sample], self._by_address[sample]

            def work(share, counter, memory=memory, groups=groups):
                kernel.run(self.tables, groups, memory, counter, share, self.threads, until, stop)

            run_together(work, self.threads)
            code = int(memory.counts[:, CODE].max())
            self._drain(sample)
            if code == FINE:
                return
            if code == RUNAWAY:
                block = int(np.flatnonzero(memory.counts[:, CODE] == RUNAWAY)[0])
                self._fail(int(memory.counts[block, AT]), int(memory.counts[block, WHO]), sample)
            if code == GROW:
                size = sum(getattr(memory, name).nbytes for name in ("slip_offsets", "due_offsets", "slip_runs"))
                require(3 * size, f"{memory.slip_offsets.size:,} events on their way")
                self.memories[sample] = with_room(memory)

    def _drain(self, sample: int) -> None:
        """Take over what has been recorded of a sample."""
        memory = self.memories[sample]
        parts = [self.kept[sample]]
        for block, count in enumerate(memory.counts[:, RECORDED].tolist()):
            columns = memory.record_windows, memory.record_offsets, memory.record_sources
            parts.append(tuple(column[block, :count].copy() for column in columns))  # pyright: ignore
        memory.counts[:, RECORDED] = 0
        self.kept[sample] = tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))  # pyright: ignore

    def _fetch(self, group: int) -> None:
        """Do nothing: the rows are on the host."""

    def _changed(self, group: int) -> None:
        self._by_address = list(map(self._table, self.groups))
        for groups, memory in zip(self._by_address, self.memories, strict=True):
            kernel.look_again(self.tables, groups, memory, self.window_number)
