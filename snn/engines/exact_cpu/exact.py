"""What the exact engines have in common, wherever they keep their arrays."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn.engines.contract import Spikes
from snn.engines.exact_cpu import kernel
from snn.engines.exact_cpu.memory import STATE, Neurons, Tables, functions
from snn.errors import NumericalError
from snn.program.exact import ExactProgram

MOST = 10.0  # events a ms that a neuron may have, on average over those that share room for events, and a window
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


class Exact(ABC):
    """An `ExactProgram` for a batch of independent samples; see `snn.engines.contract`.

    Parameters
    ----------
    program : ExactProgram
    batch : int
    seed : int
        Seed of random input.
    """

    def __init__(self, program: ExactProgram, batch: int, seed: int):
        self.program, self.batch, self.seed = program, batch, seed
        groups = np.zeros(program.neurons, np.int64)
        for g, group in enumerate(program.groups):
            groups[group.first : group.first + len(group.state[0])] = g
        self.tables = Tables(
            program.window, program.neurons, seed, program.runs, program.trains, program.shares, program.blocks, groups
        )
        self._states = functions.taking(kernel.bring_one, kernel.read_one)
        self.parameters = [group.parameters for group in program.groups]
        self.groups: list[tuple[Neurons, ...]] = []  # of each sample, on the host

    @abstractmethod
    def _run(self, until: int, stop: float) -> None:
        """Take all samples to offset `stop` of window `until`."""

    @abstractmethod
    def _fetch(self, group: int) -> None:
        """Make the rows of a group on the host, in `groups`, what they are now."""

    @abstractmethod
    def _changed(self, group: int) -> None:
        """Go on with other parameters of a group, and the rows of all groups on the host."""

    def _begin(self, groups: list[tuple[Neurons, ...]]) -> None:
        """Go back to time 0; `groups` are those of each sample in their initial state."""
        self.window_number, self.offset, self.failure = 0, 0.0, ""
        self.probes = [
            _Probe(*probe, due=_later((0, 0.0), probe[-1], self.program.window)) for probe in self.program.probes
        ]
        self.kept: list[Any] = [(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))] * self.batch
        self.groups = [
            tuple(g._replace(parameters=_of_sample(p, sample)) for g, p in zip(one, self.parameters, strict=True))
            for sample, one in enumerate(groups)
        ]
        self._readable = list(map(self._states, self.groups))  # by address, which takes longer than a short run

    @property
    def time(self) -> float:
        """Time in ms."""
        return self.window_number * self.program.window + self.offset

    def goal(self, duration: float) -> tuple[int, float]:
        """Return the window and the offset of the time `duration` ms from now."""
        return _later((self.window_number, self.offset), duration, self.program.window)

    def advance(self, goal: tuple[int, float]) -> bool:
        """Run a stretch towards a time given as window and offset; returns whether it is reached."""
        if self.failure:
            raise NumericalError(self.failure)
        until, stop = min(goal, (self.window_number + _STRETCH, 0.0), *(probe.due for probe in self.probes))
        self._run(until, stop)
        self.window_number, self.offset = until, stop
        sampled = [probe for probe in self.probes if probe.due == (until, stop)]
        for probe in sampled:
            self._sample(probe)
        if (until, stop) == goal or not sampled:
            self._check_finite()
        return (until, stop) == goal

    def _fail(self, window: int, source: int, sample: int) -> None:
        """Say by which window which source was too active; what was recorded before stays."""
        who = "input of a neuron's own"
        for name, size in zip(self.program.names, self.program.sizes, strict=True):
            if 0 <= source - self.program.first[name] < size:
                who = f"population {name!r}: neuron {source - self.program.first[name]}"
        self.window_number, self.offset = window, 0.0
        self.failure = (
            f"{who} (sample {sample}) and others: more than {MOST * 1000:g} spikes a second by t = {self.time:g} ms; "
            "weaken what drives them, or give them a longer t_ref"
        )
        raise NumericalError(self.failure)

    # ---- what came of it

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
        self._fetch(g)
        for sample, groups in enumerate(self.groups):
            out = np.empty((size, max(len(group.state) for group in groups)))
            kernel.read(self.tables, self._readable[sample], first, first + size, self.window_number, self.offset, out)
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
        for g in range(len(self.program.groups)):
            self._fetch(g)
        self.parameters[group] = parameters
        for sample, groups in enumerate(self.groups):
            kernel.bring(self.tables, self._readable[sample], self.window_number, self.offset)
            mine = _of_sample(parameters, sample)
            groups[group].rows[:, STATE] += np.asarray(groups[group].parameters.origin) - mine.origin
            self.groups[sample] = (*groups[:group], groups[group]._replace(parameters=mine), *groups[group + 1 :])
        self._readable = list(map(self._states, self.groups))
        self._changed(group)


def _of_sample(parameters: Any, sample: int) -> Any:
    """Return the parameters of one sample, where they differ."""
    return type(parameters)(*(field[sample] if np.ndim(field) == 2 else field for field in parameters))


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
