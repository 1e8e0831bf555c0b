"""The grid engine on the CPU: memory for a batch of samples, advanced span by span."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snn.engines.contract import Spikes
from snn.engines.grid import Grid
from snn.engines.grid_cpu import kernel, plastic
from snn.engines.grid_cpu.alone import marks_for, which_alone
from snn.engines.grid_cpu.amplifying import Digits, make_amplified
from snn.engines.grid_cpu.calendar import clear, copy, make_calendar, restore
from snn.engines.grid_cpu.driving import Driving
from snn.engines.grid_cpu.gathering import Sorted, make_gathers
from snn.engines.grid_cpu.kernel import Driven, Memory, Span, Tables
from snn.engines.grid_cpu.multiplying import Products, make_multiplied
from snn.engines.grid_cpu.update import functions, record, update, update_alone
from snn.engines.grid_cpu.varying import scaled
from snn.engines.threads import run_together
from snn.errors import ResourceError
from snn.lanes import TO_SPARE
from snn.memory import aligned, require
from snn.neurons.steps import without_refractoriness
from snn.program import Group, Program
from snn.program.tables import POISSON_TRAINS, SPIKE_TRAINS

_SPAN_BYTES = 256 * 2**20  # room for the spikes and traces of one span; pages never reached cost nothing


def tables_of(program: Program) -> tuple[Tables, Driven, tuple[Sorted, Products, Digits]]:
    """Return a Program's tables as compiled code reads them, and the space that a thread needs for some of them."""
    gathers, space = make_gathers(program)
    multiplied, products = make_multiplied(program, gathers)
    amplified, digits = make_amplified(program)
    tables = Tables(
        program.nodes,
        program.slices,
        program.blocks,
        program.banks,
        program.bundles,
        program.stages,
        program.projections,
        program.synapses,
        program.plastic if len(program.plastic.source) else None,
        program.incoming,
        program.noise,
        program.currents,
        program.varying,
        program.probes,
        program.quanta,
        gathers,
        multiplied,
        which_alone(program),
    )
    driven = Driven(program.projections, program.synapses, program.currents, gathers, amplified)
    return tables, driven, (space, products, digits)


class GridCpu(Grid):
    """A Program on the CPU, for a batch of independent samples.

    Parameters
    ----------
    program : Program
    batch : int
        Samples: replicas of the network with input and random numbers of their own.
    threads : int
        Shares the work is cut into. It never changes a result.
    seed : int
        Seed of random input.
    first_sample : int
        Number of the first sample, on which its random input depends.

    Raises
    ------
    ResourceError
        If the arrays do not fit into memory.
    """

    def __init__(self, program: Program, batch: int, threads: int, seed: int, first_sample: int):
        super().__init__(program, batch, seed)
        self.threads = min(threads, batch * int(np.diff(program.stages.first_block).max()))
        self.first_sample = first_sample
        self.tables, driven, self._space = tables_of(program)
        alone, recorded = bool(self.tables.alone.any()), len(program.probes.node) > 0
        self._table = functions.taking(update, *[update_alone] * alone, *[record] * recorded)
        try:
            self._allocate()
        except ResourceError:
            raise
        except MemoryError:
            raise ResourceError(
                f"no memory for {batch} samples of {int(program.nodes.size.sum()):,} neurons and "
                f"{program.slots:,} sums; choose a smaller batch"
            ) from None
        self.driving = Driving(driven, [program.inputs[name] for name in program.current_sources], self.scratch)
        courses, shifts = scaled(program.varying.courses, self.driving.bits)
        self.memory = self.memory._replace(shifts=shifts)
        varying = program.varying._replace(courses=courses) if program.varying.anything else None
        self.tables = self.tables._replace(varying=varying)
        for name, values in program.inputs.items():
            self.set_input(name, values)
        self.reset(first_sample)

    def _allocate(self) -> None:
        program, nodes, slices = self.program, self.program.nodes, self.program.slices
        size = slices.stop - slices.start
        every, widths = program.probes.every, program.probes.stop - program.probes.start
        columns = int(widths.sum())
        step_bytes = self.batch * (4 * max(1, int(size.sum())) + 8 * float((widths / every).sum()))
        leads = program.bundles.lead, program.plastic.bundles.lead, program.projections.delay
        self.history = int(max(lead.max(initial=0) for lead in leads))
        self.longest = int(np.clip(_SPAN_BYTES // step_bytes - self.history, 16, 4096))
        places = size * (self.history + self.longest) + TO_SPARE
        trains = np.where(nodes.kind == POISSON_TRAINS, nodes.size, 0)
        rows = self.longest // int(every.min()) + 1 if len(every) else 0
        batch = self.batch
        state = sum(column.nbytes for group in program.groups for column in group.state)
        needed = batch * (8 * (program.slots + program.flows + rows * columns) + state)
        require(needed, f"{batch:,} samples of {int(size.sum()):,} neurons")
        self.memory = Memory(
            sums=aligned(np.zeros((batch, program.slots), np.int64)),
            flows=aligned(np.zeros((batch, program.flows), np.int64)),
            calendar=make_calendar(program.bundles, program.banks, nodes.size, batch),
            plastic=plastic.make_plastic_memory(program.plastic, nodes.size, batch),
            counters=np.zeros((batch, program.sizes["counters"]), np.int64),
            bests=np.zeros((batch, program.sizes["bests"]), np.int64),
            ids=np.empty((batch, int(places.sum())), np.int32),
            ends=np.zeros((batch, len(size), self.history + self.longest + 1), np.int64),
            drives=np.zeros((batch, int(program.currents.size.sum()) + len(program.varying.currents.mean)), np.int64),
            rates=np.zeros((1, int(trains.sum())), np.uint64),
            traces=np.zeros((batch, rows, columns), np.float64),
            first_place=np.cumsum(np.concatenate([[0], places]))[:-1].astype(np.int64),
            first_rate=np.cumsum(np.concatenate([[0], trains]))[:-1].astype(np.int64),
            next_steps=np.zeros((batch, len(program.varying.renewals.order)), np.int64),
            next_times=np.zeros((batch, len(program.varying.renewals.order)), np.float64),
            draws=np.zeros((batch, len(program.varying.renewals.order)), np.int64),
            shifts=np.zeros(len(program.currents.start), np.int64),
            numbers=np.arange(program.varying.courses.elements.max(initial=0), dtype=np.int32),
            going=np.arange(batch),
        )
        self.scratch = [
            kernel.make_scratch(self._space, marks_for(program, self.tables.alone)) for _ in range(self.threads)
        ]
        self.states = [
            type(group.state)(*(aligned(np.repeat(column[None], batch, axis=0)) for column in group.state))
            for group in program.groups
        ]

    # ---- input

    def _set_rates(self, node: int, thresholds: np.ndarray) -> None:
        if len(thresholds) > len(self.memory.rates):
            self.memory = self.memory._replace(rates=np.repeat(self.memory.rates, len(thresholds), axis=0))
        first = self.memory.first_rate[node]
        self.memory.rates[:, first : first + thresholds.shape[1]] = thresholds

    def _set_drive(self, c: int, amplitudes: np.ndarray) -> None:
        currents, nodes = self.program.currents, self.program.nodes
        place = slice(int(currents.first_drive[c]), int(currents.first_drive[c] + currents.size[c]))
        flows_now = currents.start[c] < self.step <= currents.stop[c]
        before = self.memory.drives[:, place].copy() if flows_now else None
        self.driving.drive(c, amplitudes, self.memory.drives, place.start)
        if before is not None:
            node = int(np.searchsorted(nodes.first_current, c, side="right")) - 1
            into = slice(int(nodes.flow[node]), int(nodes.flow[node] + nodes.size[node]))
            self.memory.flows[:, into] += self.memory.drives[:, place] - before

    # ---- time

    def reset(self, first_sample: int) -> None:
        """Go back to time 0 and the initial state; inputs and parameters stay as they are set."""
        self.step, self.last_steps, self.first_sample = 0, 0, first_sample
        memory = self.memory
        for array in (memory.flows, memory.counters, memory.bests):  # sums are cleared wherever they are read
            array[:] = 0
        for array in (memory.next_steps, memory.next_times, memory.draws):
            array[:] = 0
        clear(self.memory.calendar)
        plastic.clear(self.memory.plastic)
        self.memory = memory._replace(going=np.arange(self.batch))
        self.memory.ends[:] = self.memory.first_place[None, :, None]
        for state, group in zip(self.states, self.program.groups, strict=True):
            for column, initial in zip(state, group.state, strict=True):
                column[:] = initial

    def retire(self, samples: np.ndarray) -> None:
        """Leave samples as they are until the next `reset`; what they record from now on is NaN."""
        memory = self.memory
        self.memory = memory._replace(going=np.setdiff1d(memory.going, samples))
        memory.ends[samples] = memory.first_place[:, None]
        memory.traces[samples] = np.nan

    def advance(self, goal: int) -> bool:
        """Run a span towards step `goal`; returns whether it is reached."""
        steps = min(goal - self.step, self.longest)
        if self.step:
            memory = self.memory
            kernel.carry(memory.ids, memory.ends, memory.first_place, self.last_steps, self.history)
        span = Span(self.step, steps, self.history, self.seed, self.first_sample)
        self._give_trains(span)
        groups = [
            Group(*self._needed(parameters, state), group.arrivals)
            for parameters, state, group in zip(self.parameters, self.states, self.program.groups, strict=True)
        ]
        table = self._table(groups)
        memory = self.memory

        def work(share, counter):
            kernel.run(self.tables, table, memory, span, self.scratch[share], counter, share, self.threads)

        run_together(work, self.threads)
        self.last_steps = steps
        self.step += steps
        self._check_finite()
        return self.step == goal

    def _needed(self, parameters: Any, state: Any) -> tuple[Any, Any]:
        """Return parameters and state of a group without what no neuron has use for."""
        if self.program.probes.variable.any():  # one that might be left out is recorded
            return parameters, state
        return without_refractoriness(parameters, state)

    def _give_trains(self, span: Span) -> None:
        """List given spikes as if their neurons had fired."""
        for node in np.flatnonzero(self.program.nodes.kind == SPIKE_TRAINS):
            given, s = self.inputs[self.program.names[node]], self.program.nodes.first_slice[node]
            rows = np.arange(span.first + 1, span.first + span.steps + 1)
            for sample in self.memory.going:
                spikes = given[sample] if isinstance(given, list) else given
                begin, end = np.searchsorted(spikes[:, 0], [span.first, span.first + span.steps], side="right")
                place = self.memory.ends[sample, s, self.history]
                self.memory.ids[sample, place : place + end - begin] = spikes[begin:end, 1]
                ends = place + np.searchsorted(spikes[begin:end, 0], rows, side="right")
                self.memory.ends[sample, s, self.history + 1 : self.history + 1 + span.steps] = ends

    def _check_finite(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            if not all(math.isfinite(state.v.sum()) for state in self.states):  # only if all are
                super()._check_finite()

    # ---- what came of it

    def variable(self, name: str, variable: str) -> np.ndarray:
        """Return a state variable of a population now, (samples, neurons)."""
        nodes = self.program.nodes
        node = self.program.names.index(name)
        first = nodes.offset[node]
        return getattr(self.states[nodes.group[node]], variable)[:, first : first + nodes.size[node]]

    def take_spikes(self) -> dict[str, Spikes]:
        """Return the spikes of all nodes in the last span."""
        return {name: self.spikes(name) for name in self.program.names}

    def spikes(self, name: str) -> Spikes:
        """Return the spikes of a node in the last span."""
        node = self.program.names.index(name)
        slices = np.arange(self.program.nodes.first_slice[node], self.program.nodes.first_slice[node + 1])
        rows = self.memory.ends[:, slices, self.history], self.memory.ends[:, slices, self.history + self.last_steps]
        count = int((rows[1] - rows[0]).sum())
        found = Spikes(np.empty(count, np.int32), np.empty(count, np.int64), np.empty(count, np.int32))
        kernel.collect(self.memory.ids, self.memory.ends, slices, self.history, self.last_steps, *found[:3])
        found.steps[:] += self.step - self.last_steps + 1
        return found

    def take_counts(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return how often each neuron of all nodes has spiked in the last span, int64 (samples, neurons), by name.

        And the number of synapses reached by the spikes of each sample, int64 (samples,).
        """
        program, memory = self.program, self.memory
        counts = {name: np.zeros((self.batch, len(program.fan_out[name])), np.int64) for name in program.names}
        events = np.zeros(self.batch, np.int64)
        slices = [np.arange(*program.nodes.first_slice[node : node + 2]) for node in range(len(program.names))]

        def work(share, counter):
            for mine, name in zip(slices, program.names, strict=True):
                given = memory.ids, memory.ends, mine, self.history, self.last_steps
                kernel.tally(*given, program.fan_out[name], counts[name], events, share, threads)

        threads = min(self.threads, self.batch)
        run_together(work, threads)
        return counts, events

    def _traces(self) -> np.ndarray:
        return self.memory.traces

    def state(self) -> dict[str, Any]:
        """Return a copy of everything that changes in time, for `restore`."""
        parts = ("traces", "calendar", "plastic")
        memory: dict[str, Any] = {
            name: array.copy() for name, array in self.memory._asdict().items() if name not in parts
        }
        memory["calendar"], memory["plastic"] = copy(self.memory.calendar), plastic.copy(self.memory.plastic)
        states = [[column.copy() for column in state] for state in self.states]
        return {"step": self.step, "last_steps": self.last_steps, "memory": memory, "states": states}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.step, self.last_steps = state["step"], state["last_steps"]
        given = dict(state["memory"])
        restore(self.memory.calendar, given.pop("calendar"))
        plastic.restore(self.memory.plastic, given.pop("plastic"))
        self.memory = self.memory._replace(**{name: array.copy() for name, array in given.items()})
        for mine, given in zip(self.states, state["states"], strict=True):
            for column, values in zip(mine, given, strict=True):
                column[:] = values
