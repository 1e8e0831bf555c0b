"""A network of staircase neurons, given input until it is at rest: what is behind `snn.Simulation.settle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from snn import checks
from snn.engines.staircase_cpu import Outcome, Plan, StaircaseCpu, parts_of
from snn.errors import ValidationError
from snn.interrupts import held
from snn.network import Network
from snn.population import Neurons, view_of
from snn.program.bounds import check_bounds
from snn.program.lower_staircase import lower_staircase
from snn.program.staircase import INPUT
from snn.recording import ByName, Changes, Settled

SCHEDULES = ("phased", "coalescing", "free")
_MOST_EVENTS = 2**62  # an int64 holds twice as many
_EXACT = 2**53  # integers below are real numbers of 64 bits


class Settling:
    """A network of staircase neurons with its state; the arguments are those of `snn.Simulation`."""

    def __init__(self, network: Network, batch: int, threads: int, weight_bits: int, device: str):
        self.program, self.batch = lower_staircase(network, weight_bits), batch
        if device == "cpu":
            self.engine: Any = StaircaseCpu(self.program, batch, threads)
        else:
            from snn.engines.staircase_cuda import StaircaseCuda  # which needs numba-cuda

            self.engine = StaircaseCuda(self.program, batch, device)
        nodes = self.program.nodes
        self.inputs = [name for name, kind in zip(self.program.names, nodes.kind, strict=True) if kind == INPUT]
        self._listed = False
        self._checked: tuple[Any, list[int]] = None, []
        self._keep: tuple[int, ...] | None = None  # nodes of which the last call has kept anything; None for all

    def settle(
        self,
        inputs: Mapping[str, object],
        schedule: str,
        times: object,
        window: float,
        max_events: int,
        list_events: bool,
        keep: Sequence[str] | None,
    ) -> Settled:
        """Give the input and go on until nothing is under way; see `snn.Simulation.settle`."""
        if not self.engine.at_rest:
            expected = "reset() first: the last call ended before the network was at rest"
            raise ValidationError("settle", "inputs", inputs, expected)
        if self._keep is not None:
            expected = "reset() first: the last call has kept a part of the network only, from which it cannot go on"
            raise ValidationError("settle", "inputs", inputs, expected)
        checks.choice("settle", "schedule", schedule, SCHEDULES)
        if schedule == "phased" and self.program.cyclic:
            names = ", ".join(repr(self.program.names[node]) for node in self.program.cyclic)
            expected = f'"coalescing" or "free": a cycle goes through {names}'
            raise ValidationError("settle", "schedule", schedule, expected)
        window = checks.number("settle", "window", window, minimum=0.0, unit="ms")
        if window and schedule != "coalescing":
            raise ValidationError("settle", "window", window, 'nothing: only schedule="coalescing" has one')
        limit = min(checks.integer("settle", "max_events", max_events, minimum=0), _MOST_EVENTS)
        if not isinstance(list_events, bool):
            raise ValidationError("settle", "list_events", list_events, "True or False")
        kept = self._nodes_kept(keep, schedule)
        at = np.zeros(1) if times is None else _times(times)
        counts = self._counts(inputs, at, times is not None)
        largest = self._largest(self._sizes(counts), limit)
        plan = Plan(
            counts,
            at,
            SCHEDULES.index(schedule),
            window,
            limit,
            self._said(at[-1]),
            list_events,
            self._exact(largest),
            whole=kept is None,
            keep=parts_of(self.program, kept or ()),
        )
        self.engine.begin(plan, kept)
        self._listed, self._keep = list_events, kept
        done = False
        while not done:
            with held():
                done = self.engine.advance()
        return self.settled()

    def settled(self) -> Settled:
        """Return what the last settling has come to, or had come to when it was cut off."""
        names, outcome = self.program.names, self.engine.outcome
        kept = names if self._keep is None else tuple(names[node] for node in self._keep)
        shapes = dict(zip(names, self.program.shapes, strict=True))

        def of_neurons(make: Callable[..., np.ndarray], *arguments: int) -> ByName:
            def made(name: str) -> np.ndarray:
                return make(names.index(name), *arguments).reshape(self.batch, *shapes[name])

            return ByName(kept, made)

        parts = {name: self._part(node) for node, name in enumerate(names)}
        return Settled(
            levels=of_neurons(outcome.levels),
            sums=ByName([name for name in kept if name not in self.inputs], partial(self._sums, outcome)),
            positive=of_neurons(outcome.events, 1),
            negative=of_neurons(outcome.events, -1),
            events=of_neurons(outcome.events, 0),
            totals=ByName(names, lambda name: outcome.total(names.index(name)).reshape(shapes[name])),
            emitted=ByName(names, lambda name: outcome.memory.spoken[:, names.index(name)]),
            operations=outcome.memory.operations,
            duration=outcome.memory.last,
            changes=self._changes(parts) if self._listed else None,
        )

    def state(self, neurons: Neurons, variable: str) -> np.ndarray:
        """Return a state variable of a population, or of a slice of one, (batch, n)."""
        view = view_of(neurons)
        name = view.population.name
        ports = view.population.model.open_ports or ("u",)
        if variable not in (*ports, "s"):
            raise ValidationError("state", "variable", variable, f"one of {', '.join((*ports, 's'))}")
        if self._keep is not None:
            raise ValidationError(
                "state", "neurons", name, "reset() first: the last settle has kept a part only (keep)"
            )
        if variable == "s":
            values = self.engine.memory.levels[:, self._part(self.program.names.index(name))]
            return values[:, view.start : view.stop].astype(np.float64)
        sums = self._sums(self.engine.outcome, name).reshape(self.batch, view.population.size, len(ports))
        return sums[:, view.start : view.stop, ports.index(variable)].copy()

    def reset(self) -> None:
        """Go back to the initial state, with nothing said."""
        self.engine.reset()
        self._listed, self._keep = False, None

    def _nodes_kept(self, keep: Sequence[str] | None, schedule: str) -> tuple[int, ...] | None:
        """Return the nodes that are to be kept, or None for all."""
        if keep is None:
            return None
        names = list(self.program.names)
        wrong = [name for name in keep if name not in names] if not isinstance(keep, str) else [keep]
        if wrong:
            raise ValidationError("settle", "keep", wrong[0], f"a list of names among {names}")
        if schedule != "phased":
            raise ValidationError("settle", "keep", keep, f'None with schedule="{schedule}"')
        if not self.engine.memory.fresh.all():
            raise ValidationError(
                "settle", "keep", keep, "reset() first, or None: a part can be kept from the start only"
            )
        return tuple(sorted({names.index(name) for name in keep}))

    def _part(self, node: int) -> slice:
        """Return which neurons, by number, are a node's."""
        first = int(self.program.nodes.first[node])
        return slice(first, first + int(self.program.nodes.size[node]))

    def _sums(self, outcome: Outcome, name: str) -> np.ndarray:
        """Return the sums of a population, (batch, *shape), or (batch, *shape, ports) of several ports."""
        node = self.program.names.index(name)
        values = np.moveaxis(outcome.sums(node) * self.program.quanta[node][:, None], 1, 2)
        shape, ports = (self.batch, *self.program.shapes[node]), self.program.ports[node]
        return values.reshape(shape if ports == 1 else (*shape, ports))

    def _changes(self, parts: dict[str, slice]) -> dict[str, Changes]:
        log = self.engine.log()
        found = {}
        for name, part in parts.items():
            mine = (log.neuron >= part.start) & (log.neuron < part.stop)
            neurons = (log.neuron[mine] - part.start).astype(np.int32)
            found[name] = Changes(log.sample[mine], neurons, log.time[mine], log.change[mine])
        return found

    def _counts(self, inputs: Mapping[str, object], times: np.ndarray, windows: bool) -> np.ndarray:
        """Return the counts of all input neurons, int64 (windows, samples, inputs)."""
        if not isinstance(inputs, Mapping):
            raise ValidationError("settle", "inputs", inputs, 'counts by the names of inputs: {"input": counts}')
        for name in inputs:
            if name not in self.inputs:
                raise ValidationError("settle", "inputs", name, f"names of Network.counts: {self.inputs}")
        lead, parts = ((len(times),) if windows else ()), []
        for node, name in enumerate(self.inputs):
            size, shape = int(self.program.nodes.size[node]), self.program.shapes[node]
            if name not in inputs:
                now = self.engine.memory.levels[:, self._part(node)]
                parts.append(np.broadcast_to(now, (len(times), self.batch, size)))
                continue
            owner, given = f"settle {name!r}", _integers(name, inputs[name])
            fitting = ((*lead, *shape), (*lead, self.batch, *shape))
            if given.shape not in fitting:
                expected = f"shape {fitting[0]} or {fitting[1]}"
                raise ValidationError(owner, "counts", f"array of shape {given.shape}", expected)
            given = given.reshape(len(times), -1, size)  # for all samples, or one for each
            parts.append(np.broadcast_to(given, (len(times), self.batch, size)))
        empty = np.zeros((len(times), self.batch, 0), np.int64)
        whole = parts[0] if len(parts) == 1 else np.concatenate([empty, *parts], axis=2)
        return np.require(whole, requirements=["C", "W"])  # arrays that are only read are of another type to kernels

    def _sizes(self, counts: np.ndarray) -> list[int]:
        """Return the largest size of a level of each node, of inputs also of those to come."""
        sizes, memory = [], self.engine.memory
        levels = memory.levels[:1] if memory.fresh.all() else memory.levels  # nothing is said yet
        for node in range(len(self.program.names)):
            part = self._part(node)
            known = [levels[:, part], *([counts[:, :, part]] if node < len(self.inputs) else [])]
            sizes.append(max(max(int(one.max()), -int(one.min())) for one in known))
        return sizes

    def _largest(self, sizes: list[int], limit: int) -> list[int]:
        """Return what `check_bounds` does; for images one after the other it is the same."""
        if self._checked[0] != (sizes, limit):
            self._checked = (sizes, limit), check_bounds(self.program, sizes, limit)
        return self._checked[1]

    def _exact(self, largest: list[int]) -> np.ndarray:
        """Return through which fans all that comes at once stays below 2^53 in size, by the largest levels."""
        fans = zip(self.program.fans.source, self.program.reach, strict=True)
        return np.array([int(reach) * 2 * largest[source] < _EXACT for source, reach in fans], np.uint8)

    def _said(self, last: float) -> np.ndarray:
        """Return when each node speaks if each waits for the ones before it: along the longest delays."""
        program, fans = self.program, self.program.fans
        said = np.zeros(len(program.names))
        for node in program.order:
            said[node] = last if node < len(self.inputs) else said[node]
            for j in np.flatnonzero(fans.source == node):
                said[fans.target[j]] = max(said[fans.target[j]], said[node] + program.longest[j])
        return said


def _integers(name: str, value: Any) -> np.ndarray:
    """Return counts as int64, or refuse them."""
    owner, expected = f"settle {name!r}", "integers below 2^40 in size"
    try:
        given = np.asarray(value)
    except ValueError:
        raise ValidationError(owner, "counts", value, expected) from None
    if given.dtype.kind not in "biu":
        raise ValidationError(owner, "counts", f"{given.dtype} array of shape {given.shape}", expected)
    if given.dtype.itemsize == 8 and given.size and (given.max() >= 2**40 or given.min() <= -(2**40)):
        wrong = given[(given >= 2**40) | (given <= -(2**40))]
        raise ValidationError(owner, "counts", int(wrong.flat[0]), expected)
    return given.astype(np.int64, copy=False)


def _times(value: Any) -> np.ndarray:
    times = checks.array("settle", "times", value, unit="ms")
    if times.ndim != 1 or not times.size or times[0] < 0 or (times[1:] < times[:-1]).any():
        raise ValidationError("settle", "times", value, "times >= 0 ms, ascending, at least one")
    return times
