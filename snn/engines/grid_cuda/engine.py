"""The grid engine on a graphics card: memory for a batch of samples, advanced span by span."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.cuda import ABSENT, Device
from snn.engines.contract import Spikes
from snn.engines.grid import Grid
from snn.engines.grid_cpu import kernel as on_cpu
from snn.engines.grid_cpu.driving import Driving
from snn.engines.grid_cpu.engine import tables_of
from snn.engines.grid_cpu.varying import scaled
from snn.engines.grid_cuda.building import rows_on
from snn.engines.grid_cuda.kernel import run
from snn.engines.grid_cuda.layout import Layout, lay_out
from snn.engines.grid_cuda.tables import (
    FIRST_RATE,
    REACHED,
    SPIKES,
    TICKS,
    Memory,
    Sizes,
    Span,
)
from snn.errors import ResourceError
from snn.network import Network
from snn.program import Group, Program
from snn.program.building import Builder
from snn.program.tables import POISSON_TRAINS, SPIKE_TRAINS

_LONGEST = 4096  # steps of a span
_SPIKE_BYTES = 512 * 2**20  # room for the spikes of one
_TRACE_BYTES = 256 * 2**20
_FILLED = ("sums", "bits", "flows", "marks", "counters", "counted", "bests", "next_steps", "next_times", "draws")


def builder(network: Network, device: str) -> Builder:
    """Return what builds the rows of listed synapses for a device, as `GridCuda` takes them."""
    return rows_on(Device, device, network)


class GridCuda(Grid):
    """A Program on a graphics card, for a batch of independent samples; it emits the very spikes of `GridCpu`.

    Parameters
    ----------
    program : Program
    batch : int
        Samples: replicas of the network with input and random numbers of their own.
    threads : int
        Of the host, which lay the tables out.
    seed : int
        Seed of random input.
    first_sample : int
        Number of the first sample, on which its random input depends.
    device : str
        ``"cuda"``, or ``"cuda:1"`` and so on.
    counting : bool
        Whether spikes are counted, for `take_counts`, and not listed, for `take_spikes`.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    ResourceError
        If the arrays do not fit into its memory, or it cannot hold the kernel.
    """

    def __init__(
        self, program: Program, batch: int, threads: int, seed: int, first_sample: int, device: str, counting: bool
    ):
        super().__init__(program, batch, seed)
        self.device, self.counting = Device(device), counting
        self._read: dict[tuple[int, str], np.ndarray] = {}  # state variables of groups, downloaded since the last span
        _, tables, space = tables_of(program)
        driving = [program.inputs[name] for name in program.current_sources]
        self.driving = Driving(tables, driving, [on_cpu.make_scratch(space, 0) for _ in range(threads)])
        layout = lay_out(program, self.driving, batch)
        courses, shifts = scaled(program.varying.courses, self.driving.bits)
        on_host = layout.tables
        if on_host.varying:
            on_host = on_host._replace(varying=program.varying._replace(courses=courses))
        memory = self._memory(layout, shifts)
        columns = [type(g.state)(*(np.repeat(c[None], batch, axis=0) for c in g.state)) for g in program.groups]
        self._require(layout, on_host, memory, columns)
        self.tables = self.device.upload(on_host)
        self.memory: Memory = self.device.upload(memory)
        self.states = [self.device.upload(state) for state in columns]
        self._on_device = [self.device.upload(parameters) for parameters in self.parameters]
        for name, values in program.inputs.items():
            self.set_input(name, values)
        self.reset(first_sample)

    def _memory(self, layout: Layout, shifts: np.ndarray) -> Memory:
        program, batch = self.program, self.batch
        probes = program.probes
        widths, units = probes.stop - probes.start, int(program.nodes.size.sum())
        each = 8 * batch * float((widths / probes.every).sum())
        rows = int(np.clip(_TRACE_BYTES / each, 16, _LONGEST)) if each else _LONGEST
        if batch * layout.entries >= 2**31 or batch * layout.pieces >= 2**32 or batch * units * rows >= 2**62:
            raise ResourceError(f"{batch:,} samples are more than the device's lists can count; choose a smaller batch")
        traces = rows // int(probes.every.min()) + 1 if len(probes.every) else 0
        room = max(3 * batch * units, min(rows * batch * units, _SPIKE_BYTES // 8))
        room = 2**62 if self.counting else room
        trains = int(program.nodes.size[program.nodes.kind == POISSON_TRAINS].sum())
        renewals, counters = len(program.varying.renewals.order), program.sizes["counters"]
        self.sizes = Sizes(
            samples=batch,
            neurons=program.flows,
            units=units,
            slots=program.slots,
            flows=program.flows,
            days=layout.days,
            words=layout.words,
            bit_days=layout.bit_days,
            rows=rows,
            entries=batch * layout.entries,
            pieces=batch * layout.pieces,
            counters=counters,
            room=room,
        )
        entries, pieces = 2 * self.sizes.entries, 2 * self.sizes.pieces
        return Memory(
            going=np.arange(batch),
            sums=np.zeros(layout.days * batch * program.slots, np.int64),
            bits=np.zeros(layout.bit_days * batch * layout.words, np.uint64),
            flows=np.zeros(batch * program.flows, np.int64),
            marks=np.zeros(5 * TICKS // 4, np.int64),
            piece_entry=np.zeros(pieces, np.int32),
            entries=np.zeros((entries, 4), np.int64),
            last=np.zeros((batch, layout.states), np.int64),
            u=np.zeros((batch, layout.states)),
            x=np.zeros((batch, layout.states)),
            counters=np.zeros(batch * counters, np.int64),
            counted=np.zeros(layout.days * batch * counters, np.int64),
            bests=np.zeros((batch, program.sizes["bests"]), np.int64),
            spikes=ABSENT if self.counting else np.zeros(room, np.int64),
            tally=np.zeros(batch * units, np.int64) if self.counting else ABSENT,
            drives=np.zeros((int(program.currents.size.sum()) + len(program.varying.currents.mean), batch), np.int64),
            rates=np.zeros((1, trains), np.uint64),
            traces=np.zeros((batch, traces, int(widths.sum()))),
            next_steps=np.zeros((batch, renewals), np.int64),
            next_times=np.zeros((batch, renewals)),
            draws=np.zeros((batch, renewals), np.int64),
            shifts=shifts,
            given=np.zeros(0, np.int64),
            given_first=np.zeros(rows + 1, np.int64),
        )

    def _require(self, layout: Layout, *arrays: Any) -> None:
        synapses = int(layout.tables.rows.first[-1])
        what = f"{self.batch:,} samples of {self.sizes.neurons:,} neurons and {synapses:,} listed synapses"
        self.device.require(_bytes(arrays), what)

    # ---- input and parameters

    def set_parameters(self, group: int, parameters: Any) -> None:
        """Give a group other parameters."""
        super().set_parameters(group, parameters)
        self._on_device[group] = self.device.upload(parameters)

    def _set_rates(self, node: int, thresholds: np.ndarray) -> None:
        rates = self.device.download(self.memory.rates)
        first = int(self.device.download(self.tables.nodes)[node, FIRST_RATE])
        rates = np.repeat(rates, max(len(thresholds) // len(rates), 1), axis=0)
        rates[:, first : first + thresholds.shape[1]] = thresholds
        self.memory = self.memory._replace(rates=self.device.upload(rates))

    def _set_drive(self, c: int, amplitudes: np.ndarray) -> None:
        currents, nodes = self.program.currents, self.program.nodes
        place = slice(int(currents.first_drive[c]), int(currents.first_drive[c] + currents.size[c]))
        drives, new = self.device.download(self.memory.drives), self.driving.drives(c, amplitudes)
        if currents.start[c] < self.step <= currents.stop[c]:  # it flows now
            node = int(np.searchsorted(nodes.first_current, c, side="right")) - 1
            into = slice(int(nodes.flow[node]), int(nodes.flow[node] + nodes.size[node]))
            flows = self.device.download(self.memory.flows)
            flows.reshape(self.batch, -1)[:, into] += new - drives[place].T
            self.device.overwrite(self.memory.flows, flows)
        drives[place] = new.T
        self.device.overwrite(self.memory.drives, drives)

    # ---- time

    def reset(self, first_sample: int) -> None:
        """Go back to time 0 and the initial state; inputs and parameters stay as they are set."""
        self.step, self.last_steps, self.first_sample, self._read = 0, 0, first_sample, {}
        for name in _FILLED:
            self.device.overwrite(getattr(self.memory, name), np.zeros((), np.int64))
        self.device.overwrite(self.memory.last, np.full((), -1))
        self.memory = self.memory._replace(going=self.device.upload(np.arange(self.batch)))
        for state, group in zip(self.states, self.program.groups, strict=True):
            for column, initial in zip(state, group.state, strict=True):
                self.device.overwrite(column, initial)

    def retire(self, samples: np.ndarray) -> None:
        """Leave samples as they are until the next `reset`; what they record from now on is NaN."""
        going, traces = self.device.download((self.memory.going, self.memory.traces))
        traces[samples] = np.nan
        self.device.overwrite(self.memory.traces, traces)
        self.memory = self.memory._replace(going=self.device.upload(np.setdiff1d(going, samples)))

    def advance(self, goal: int) -> bool:
        """Run a span towards step `goal`; returns whether it is reached."""
        self._read = {}
        span = Span(self.step, min(goal, self.step + self.sizes.rows), self.seed, self.first_sample)
        self._give_trains(span)
        self.device.overwrite(self.memory.marks[SPIKES : SPIKES + 1], np.zeros((), np.int64))
        if self.counting:
            self.device.overwrite(self.memory.tally, np.zeros((), np.int64))
        groups = tuple(
            Group(parameters, state, group.arrivals)
            for parameters, state, group in zip(self._on_device, self.states, self.program.groups, strict=True)
        )
        run(self.device, self.tables, groups, self.memory, self.sizes, span, self.batch * self.sizes.units)
        reached = int(self.device.download(self.memory.marks)[REACHED])
        self.last_steps, self.step = reached - self.step, reached
        self._check_finite()
        return self.step == goal

    def _give_trains(self, span: Span) -> None:
        """List the given spikes of a span by step."""
        nodes, steps, places = self.program.nodes, [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for node in np.flatnonzero(nodes.kind == SPIKE_TRAINS):
            given, first = self.inputs[self.program.names[node]], int(nodes.size[:node].sum())
            for sample in self.device.download(self.memory.going).tolist():
                spikes = given[sample] if isinstance(given, list) else given
                begin, end = np.searchsorted(spikes[:, 0], [span.first, span.last], side="right")
                steps.append(spikes[begin:end, 0] - span.first - 1)
                places.append(sample * self.sizes.units + first + spikes[begin:end, 1])
        step, place = np.concatenate(steps), np.concatenate(places)
        if not (nodes.kind == SPIKE_TRAINS).any():
            return
        first = np.searchsorted(np.sort(step), np.arange(self.sizes.rows + 1)).astype(np.int64)
        self.device.overwrite(self.memory.given_first, first)
        place = np.append(place[np.argsort(step, kind="stable")], -1)  # never empty
        self.memory = self.memory._replace(given=self.device.upload(place.astype(np.int64)))

    # ---- what came of it

    def variable(self, name: str, variable: str) -> np.ndarray:
        """Return a state variable of a population now, (samples, neurons)."""
        nodes, node = self.program.nodes, self.program.names.index(name)
        key = int(nodes.group[node]), variable
        if key not in self._read:
            self._read[key] = self.device.download(getattr(self.states[key[0]], variable))
        return self._read[key][:, nodes.offset[node] : nodes.offset[node] + nodes.size[node]]

    def _last_spikes(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return sample, row and neuron of the spikes of the last span, in this order, by node."""
        count = int(self.device.download(self.memory.marks)[SPIKES])
        codes = np.sort(self.device.download(self.memory.spikes[:count])) if count else np.zeros(0, np.int64)
        row, unit = np.divmod(codes, self.sizes.units)
        sample, row = np.divmod(row, self.sizes.rows)
        first, found = np.cumsum([0, *self.program.nodes.size]), {}
        for node, name in enumerate(self.program.names):
            mine = (first[node] <= unit) & (unit < first[node + 1])
            found[name] = sample[mine], row[mine], unit[mine] - first[node]
        return found

    def take_spikes(self) -> dict[str, Spikes]:
        """Return the spikes of all nodes in the last span."""
        begin = self.step - self.last_steps + 1
        return {
            name: Spikes(sample.astype(np.int32), row + begin, neuron.astype(np.int32))
            for name, (sample, row, neuron) in self._last_spikes().items()
        }

    def take_counts(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return how often each neuron of all nodes has spiked in the last span, int64 (samples, neurons), by name.

        And the number of synapses reached by the spikes of each sample, int64 (samples,).
        """
        counts, events = {}, np.zeros(self.batch, np.int64)
        tally = self.device.download(self.memory.tally).reshape(self.batch, -1)
        first = np.cumsum([0, *self.program.nodes.size]).tolist()
        for node, name in enumerate(self.program.names):
            counts[name] = tally[:, first[node] : first[node + 1]]
            events += counts[name] @ self.program.fan_out[name]
        return counts, events

    def _traces(self) -> np.ndarray:
        return self.device.download(self.memory.traces)

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that changes in time, for `restore`."""
        memory, states = self.device.download(self.memory), self.device.download(tuple(self.states))
        return {"step": self.step, "last_steps": self.last_steps, "memory": memory, "states": states}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.step, self.last_steps, self._read = state["step"], state["last_steps"], {}
        self.memory = self.device.upload(state["memory"])
        self.states = [self.device.upload(one) for one in state["states"]]


def _bytes(value: Any) -> int:
    """Return the bytes of all arrays of the host in tuples and lists of them; others are on the device already."""
    if isinstance(value, tuple | list):
        return sum(map(_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0
