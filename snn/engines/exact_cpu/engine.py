"""The exact engine on the CPU: memory for a batch of samples, advanced to a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn.engines.contract import Spikes
from snn.engines.exact_cpu import kernel
from snn.engines.exact_cpu.memory import (
    AT,
    CODE,
    FINE,
    GROW,
    RECORDED,
    RUNAWAY,
    STATE,
    WHO,
    Tables,
    make_memory,
    make_neurons,
    with_room,
)
from snn.engines.threads import run_together
from snn.errors import NumericalError
from snn.memory import require
from snn.program.exact import ExactProgram

MOST = 10.0  # events a ms that a neuron may have, on average over a thread's neurons and a window
_STRETCH = 1024  # windows that are computed at a time


@dataclass
class _Probe:
    """A variable that is recorded at given times."""

    population: str
    variable: str
    start: int
    stop: int
    every: float  # ms
    due: tuple[int, float]  # window and offset of the next time
    number: int = 0  # times that have been
    times: list[float] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)


class ExactCpu:
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
        self.program, self.batch, self.threads, self.seed = program, batch, threads, seed
        groups = np.zeros(program.neurons, np.int64)
        for g, group in enumerate(program.groups):
            groups[group.first : group.first + len(group.state[0])] = g
        self.tables = Tables(
            program.window, program.neurons, seed, program.runs, program.trains, program.shares, program.blocks, groups
        )
        rows = sum(64 * math.ceil((4 + len(g.state)) / 8) * len(g.state[0]) for g in program.groups)
        require(batch * rows, f"{batch:,} samples of {program.neurons:,} neurons")
        self.parameters = [[group.parameters for group in program.groups] for _ in range(batch)]
        self.reset(first_sample)

    @property
    def time(self) -> float:
        """Time in ms."""
        return self.window_number * self.program.window + self.offset

    def reset(self, first_sample: int) -> None:
        """Go back to time 0 and the initial state; parameters stay as they are set."""
        self.window_number, self.offset, self.failure = 0, 0.0, ""
        self.probes = [
            _Probe(*probe, due=_later((0, 0.0), probe[-1], self.program.window)) for probe in self.program.probes
        ]
        self.groups, self.memories, self.kept = [], [], []
        for sample in range(self.batch):
            neurons = make_neurons(self.program)
            groups = tuple(g._replace(parameters=p) for g, p in zip(neurons, self.parameters[sample], strict=True))
            memory = make_memory(self.program, self.threads, first_sample + sample, MOST)
            kernel.begin(self.tables, groups, memory)
            self.groups.append(groups)
            self.memories.append(memory)
            self.kept.append((np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)))

    def goal(self, duration: float) -> tuple[int, float]:
        """Return the window and the offset of the time `duration` ms from now."""
        return _later((self.window_number, self.offset), duration, self.program.window)

    def advance(self, goal: tuple[int, float]) -> bool:
        """Run a stretch towards a time given as window and offset; returns whether it is reached."""
        if self.failure:
            raise NumericalError(self.failure)
        until, stop = min(goal, (self.window_number + _STRETCH, 0.0), *(probe.due for probe in self.probes))
        for sample in range(self.batch):
            self._run(sample, until, stop)
        self.window_number, self.offset = until, stop
        sampled = [probe for probe in self.probes if probe.due == (until, stop)]
        for probe in sampled:
            self._sample(probe)
        if (until, stop) == goal or not sampled:
            self._check_finite()
        return (until, stop) == goal

    def _run(self, sample: int, until: int, stop: float) -> None:
        while True:
            memory, groups = self.memories[sample], self.groups[sample]

            def work(share, counter, memory=memory, groups=groups):
                kernel.run(self.tables, groups, memory, counter, share, self.threads, until, stop)

            run_together(work, self.threads)
            code = int(memory.counts[:, CODE].max())
            self._drain(sample)
            if code == FINE:
                return
            if code == RUNAWAY:
                self._fail(sample)
            if code == GROW:
                size = sum(getattr(memory, name).nbytes for name in ("slip_offsets", "due_offsets", "slip_runs"))
                require(3 * size, f"{memory.slip_offsets.size:,} events on their way")
                self.memories[sample] = with_room(memory)

    def _fail(self, sample: int) -> None:
        """Say which neurons were too active; what was recorded before stays."""
        counts = self.memories[sample].counts
        block = int(np.flatnonzero(counts[:, CODE] == RUNAWAY)[0])
        source = int(counts[block, WHO])
        who = "input of a neuron's own"
        for name, size in zip(self.program.names, self.program.sizes, strict=True):
            if 0 <= source - self.program.first[name] < size:
                who = f"population {name!r}: neuron {source - self.program.first[name]}"
        self.window_number, self.offset = int(counts[block, AT]), 0.0
        self.failure = (
            f"{who} (sample {sample}) and others: more than {MOST * 1000:g} spikes a second by t = {self.time:g} ms; "
            "weaken what drives them, or give them a longer t_ref"
        )
        raise NumericalError(self.failure)

    # ---- what came of it

    def _drain(self, sample: int) -> None:
        """Take over what has been recorded of a sample."""
        memory = self.memories[sample]
        parts = [self.kept[sample]]
        for block, count in enumerate(memory.counts[:, RECORDED].tolist()):
            columns = memory.record_windows, memory.record_offsets, memory.record_sources
            parts.append(tuple(column[block, :count].copy() for column in columns))  # pyright: ignore
        memory.counts[:, RECORDED] = 0
        self.kept[sample] = tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))  # pyright: ignore

    def take_spikes(self) -> dict[str, Spikes]:
        """Return all events up to now that have not been taken; of binary units, that they became active."""
        taken: list[Any] = []
        for sample, (windows, offsets, sources) in enumerate(self.kept):
            due = (windows < self.window_number) | ((windows == self.window_number) & (offsets <= self.offset))
            now = (windows, offsets, sources) if due.all() else (windows[due], offsets[due], sources[due])
            taken.append((sample, *now))
            self.kept[sample] = windows[~due], offsets[~due], sources[~due]
        return {
            name: _spikes_of(taken, self.program.first[name], size)
            for name, size in zip(self.program.names, self.program.sizes, strict=True)
        }

    def _sample(self, probe: _Probe) -> None:
        values = self.variable(probe.population, probe.variable)[:, probe.start : probe.stop]
        probe.times.append(self.time)
        probe.values.append(values)
        probe.number += 1
        probe.due = _later((0, 0.0), (probe.number + 1) * probe.every, self.program.window)

    def take_traces(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each probe the times in ms since last asked, and the values, (samples, times, neurons)."""
        found = []
        for probe in self.probes:
            values = np.zeros((self.batch, 0, probe.stop - probe.start))
            found.append((np.array(probe.times), np.stack(probe.values, axis=1) if probe.values else values))
            probe.times, probe.values = [], []
        return found

    def group_of(self, name: str) -> int:
        """Return the group that a population belongs to."""
        return self.program.group[name]

    def variables(self, name: str) -> tuple[str, ...]:
        """Return the names of a population's state variables."""
        return self.program.variables(name)

    def variable(self, name: str, variable: str) -> np.ndarray:
        """Return a state variable of a population now, (samples, neurons)."""
        size = self.program.sizes[self.program.names.index(name)]
        first, g = self.program.first[name], self.program.group[name]
        fields = self.program.variables(name)
        found = np.empty((self.batch, size))
        for sample, groups in enumerate(self.groups):
            out = np.empty((size, max(len(group.state) for group in groups)))
            kernel.read(self.tables, groups, first, first + size, self.window_number, self.offset, out)
            found[sample] = out[:, fields.index(variable)]
            if variable == "v":
                origin = np.asarray(groups[g].parameters.origin)
                found[sample] += origin[self.program.offset[name] :][:size] if origin.ndim else origin
        return found

    def _check_finite(self) -> None:
        for name in self.program.first:
            if name not in self.program.group:
                continue
            v = self.variable(name, "v")
            if not np.isfinite(v).all():
                sample, neuron = (int(i) for i in np.argwhere(~np.isfinite(v))[0])
                raise NumericalError(
                    f"population {name!r}: v of neuron {neuron} (sample {sample}) is {v[sample, neuron]} by t = "
                    f"{self.time:g} ms; its input or parameters are too large"
                )

    def set_parameters(self, group: int, parameters: Any) -> None:
        """Give a group other parameters from now on; v stays as it is."""
        for sample, (groups, memory) in enumerate(zip(self.groups, self.memories, strict=True)):
            kernel.bring(self.tables, groups, memory, self.window_number, self.offset)
            fields = (field[sample] if np.ndim(field) == 2 else field for field in parameters)
            mine = type(parameters)(*fields)
            groups[group].rows[:, STATE] += np.asarray(groups[group].parameters.origin) - mine.origin
            self.parameters[sample][group] = mine
            changed = (*groups[:group], groups[group]._replace(parameters=mine), *groups[group + 1 :])
            self.groups[sample] = changed
            kernel.look_again(self.tables, changed, memory, self.window_number)


def _spikes_of(taken: list[Any], first: int, size: int) -> Spikes:
    """Return the spikes of sources `first` .. `first + size - 1`, by sample, time and neuron."""
    parts = []
    for sample, windows, offsets, sources in taken:
        number = (sources >> 1) - first
        mine = (number >= 0) & (number < size) & (sources & 1 == 0)
        windows, offsets, number = windows[mine], offsets[mine], number[mine].astype(np.int32)
        order = _order(windows, offsets, number)
        samples = np.full(len(number), sample, np.int32)
        parts.append((samples, *(column if order is None else column[order] for column in (windows, number, offsets))))
    return Spikes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _order(windows: np.ndarray, offsets: np.ndarray, neurons: np.ndarray) -> np.ndarray | None:
    """Return what puts events in the order of time and neuron, or None where they are, as those of one block are."""
    later, level = np.diff(windows), np.diff(offsets)
    if ((later > 0) | ((later == 0) & ((level > 0) | ((level == 0) & (np.diff(neurons) >= 0))))).all():
        return None
    return np.lexsort((neurons, offsets, windows))


def _later(time: tuple[int, float], duration: float, length: float) -> tuple[int, float]:
    """Return a time `duration` ms after another, both as window and offset."""
    rest = math.fmod(duration, length)
    window, offset = time[0] + round((duration - rest) / length), time[1] + rest
    return (window + 1, offset - length) if offset >= length else (window, offset)
