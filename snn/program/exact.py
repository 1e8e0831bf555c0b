"""From the description of a network to arrays for the exact engine, which knows no step.

A *source* is whatever emits events: the neurons first, group by group, then trains. Every element of a stimulus is a
train; so is every target of Poisson input of its own, every unit that updates itself at random times, and every change
of a current, which is an event that happens once. Of the latter nothing is recorded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snn.connectivity import Layer
from snn.errors import ValidationError
from snn.network import Network, Population, Projection, Source
from snn.neurons import McCullochPitts
from snn.program import neurons
from snn.program.lists import Listed
from snn.program.runs import Runs, Synapses, build_runs, listed_synapses
from snn.program.streams import INITIAL, UPDATES, projection_streams, streams_of
from snn.stimuli import Current, GammaTrains, Poisson, SampledCurrent, SpikeTrains

UPDATE = 3  # what an address says instead of a port where an event makes a binary unit update itself
GIVEN, POISSON, GAMMA = range(3)
_IDLE_WINDOW = 10.0  # ms, where no neuron reaches another
_MOST_WINDOWS = 2**16  # that a delay may take
_FINEST = 1e-8  # ms: neighbouring floats at a time given may lie no farther apart


class ExactGroup(NamedTuple):
    """Neurons of one model.

    Attributes
    ----------
    parameters : NamedTuple
        Of the model's flow: numbers, or arrays (neurons,).
    state : NamedTuple
        Initial values, arrays (neurons,).
    arrivals : NamedTuple
        Zeros: only the class counts.
    first : int
        First neuron among all sources.
    """

    parameters: Any
    state: Any
    arrivals: Any
    first: int


class Trains(NamedTuple):
    """A row a train."""

    kind: np.ndarray  # int64: GIVEN, POISSON or GAMMA
    stream: np.ndarray  # int64: of random numbers
    number: np.ndarray  # int64: of the train in its stream
    scale: np.ndarray  # float64: ms; intervals are this times a number of scale 1
    order: np.ndarray  # float64: of gamma-distributed intervals
    first_given: np.ndarray  # int64 (trains + 1): into
    given_windows: np.ndarray  # int64
    given_offsets: np.ndarray  # float64: ms


@dataclass(frozen=True)
class ExactProgram:
    """A network lowered for the exact engine.

    Attributes
    ----------
    window : float
        Length of a window in ms: the smallest delay between neurons, or 10 ms where there is none.
    seed : int
    names, sizes : tuple of str, tuple of int
        Populations, then stimuli with trains.
    first : dict of str to int
        First source of each.
    group, offset : dict of str to int
        Of each population: its group, and its first neuron's place there.
    groups : tuple of ExactGroup
    trains : Trains
    runs : Runs
    blocks : ndarray of int64 (neurons,)
        The thread of each neuron.
    shares : ndarray of int64 (threads + 1,)
        Trains shares[i] .. shares[i + 1] - 1 are thread i's.
    fan_out : dict of str to ndarray
        Synapses of each source.
    streams : dict of str to int
    probes : tuple of (str, str, int, int, float)
        What to record: population, variable, first neuron, one past the last, and every how many ms.
    """

    window: float
    seed: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    first: dict[str, int]
    group: dict[str, int]
    offset: dict[str, int]
    groups: tuple[ExactGroup, ...]
    trains: Trains
    runs: Runs
    blocks: np.ndarray
    shares: np.ndarray
    fan_out: dict[str, np.ndarray]
    streams: dict[str, int]
    probes: tuple[tuple[str, str, int, int, float], ...]

    def variables(self, name: str) -> tuple[str, ...]:
        """Return the names of a population's state variables."""
        return ("v", *self.groups[self.group[name]].state._fields[1:])

    @property
    def neurons(self) -> int:
        """How many neurons there are, which are the first sources."""
        return sum(len(group.state[0]) for group in self.groups)

    def __str__(self) -> str:
        lines = [f"ExactProgram: window {self.window:g} ms, {len(self.runs.addresses):,} synapses and changes of input"]
        lines += [f"  {name}: {size:,} sources" for name, size in zip(self.names, self.sizes, strict=True)]
        return "\n".join(lines)


def at_times(owner: str, name: str, times: Any, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows and the offsets in them of times in ms, to the last digit."""
    times = np.atleast_1d(np.asarray(times, np.float64))
    coarse = np.spacing(times) > _FINEST
    if coarse.any():
        expected = f"times whose last digit is worth at most {_FINEST:g} ms, some {_FINEST * 2**52:.1e} ms"
        raise ValidationError(owner, name, float(times[coarse][0]), expected)
    offsets = np.fmod(times, window)
    return np.rint((times - offsets) / window).astype(np.int64), offsets


class _Lowering:
    """One run of `lower_exact`."""

    def __init__(self, network: Network, threads: int):
        self.network, self.threads, self.seed = network, threads, network.seed
        self.populations = list(network.populations.values())
        self.stimuli = [s for s in network.sources.values() if s.shape and not s.flows]
        self.streams = streams_of(network)
        self.rows: list[tuple] = []  # of trains: kind, stream, index, scale, order, times
        self.synapses: list[Synapses] = []
        self.fan_out: dict[str, np.ndarray] = {}

    def lower_neurons(self) -> None:
        """Draw parameters, make the models ready and group the populations by the class of the result."""
        flowed, members = {}, {}
        for p in self.populations:
            if p.active != (0.0, math.inf):
                raise ValidationError(f"population {p.name!r}", "active", p.active, 'nothing, or engine="grid"')
            flowed[p.name] = neurons.flow_model(p, neurons.draw(p, self.seed, self.streams[p.name]))
            members.setdefault(type(flowed[p.name].parameters), []).append(p)
        self.group, self.offset, self.first, self.groups, first = {}, {}, {}, [], 0
        for g, group in enumerate(members.values()):
            ready, states, begun = [flowed[p.name] for p in group], [], first
            for p, one in zip(group, ready, strict=True):
                self.group[p.name], self.offset[p.name], self.first[p.name] = g, first - begun, first
                states.append(neurons.initial_flow(p, one, self.seed, self.streams[p.name] + INITIAL))
                first += p.size
            made = neurons.group(ready, states, [p.size for p in group])
            self.groups.append(ExactGroup(made.parameters, made.state, made.arrivals, begun))
        self.neurons = first

    def add_trains(
        self, stream: int, kind: int, size: int, scale: Any = 0.0, order: Any = 1.0, times: Any = None
    ) -> int:
        """Add trains; returns the first one's number among all sources."""
        scale, order = np.broadcast_to(scale, size), np.broadcast_to(order, size)
        first = self.neurons + len(self.rows)
        for i in range(size):
            self.rows.append((kind, stream, i, scale[i], order[i], () if times is None else times[i]))
        return first

    def lower_stimuli(self) -> None:
        """Make trains of the stimuli that have a shape."""
        for source in self.stimuli:
            stimulus: Any = source.stimulus
            stream, size = self.streams[source.name], source.size
            if isinstance(stimulus, SpikeTrains):
                first = self.add_trains(stream, GIVEN, size, times=stimulus.trains)
            elif isinstance(stimulus, Poisson | GammaTrains):
                order = np.asarray(getattr(stimulus, "order", 1.0), np.float64)
                with np.errstate(divide="ignore"):
                    scale = 1000.0 / (np.asarray(stimulus.rate, np.float64) * order)
                first = self.add_trains(stream, POISSON if isinstance(stimulus, Poisson) else GAMMA, size, scale, order)
            else:
                raise ValidationError(f"stimulus {source.name!r}", "rate", "one that changes", _CONSTANT)
            self.first[source.name] = first

    def lower_projections(self) -> None:
        """List all synapses."""
        for projection, stream in zip(self.network.projections, projection_streams(self.network), strict=True):
            owner = f"connect {projection.name}"
            if isinstance(projection.rule, Layer) and not hasattr(projection.rule, "edges"):
                expected = f'{type(projection.rule).__name__} only with engine="grid", or between staircase neurons'
                raise ValidationError(owner, "rule", type(projection.rule).__name__, expected)
            if projection.plasticity is not None:
                raise ValidationError(owner, "plasticity", projection.plasticity, 'nothing, or engine="grid"')
            fields = self.groups[self.group[projection.target.name]].arrivals._fields
            source: Any = projection.source
            if isinstance(source, Source) and source.flows:
                self._add_current(projection, stream, fields.index("current"))
                continue
            model = projection.target.model
            ports = fields.index(model.port(False)), fields.index(model.port(True))
            listed = Listed(projection, 0, 0, stream, ports, np.zeros(0))
            if projection.rule is None:
                first = self._own_trains(projection, stream)
                ends = np.arange(projection.target_size) + projection.target_start
                found = listed_synapses(listed, self.seed, None, (ends - projection.target_start, ends))
            else:
                first = self.first[source.name]
                found = listed_synapses(listed, self.seed, self._least(projection))
                fans = self.fan_out.setdefault(source.name, np.zeros(source.size, np.int64))
                fans += np.bincount(found.sources, minlength=source.size)
            self._add(projection, first, found)

    def _least(self, projection: Projection) -> float | None:
        """Return what a delay must be above, or None for stimuli, whose may be 0."""
        if isinstance(projection.source, Source):
            return None
        if projection.delay is None:
            expected = "a delay in ms: without a grid there is no shortest one"
            raise ValidationError(f"connect {projection.name}", "delay", None, expected)
        return 0.0

    def _own_trains(self, projection: Projection, stream: int) -> int:
        source: Any = projection.source
        stimulus = source.stimulus
        if not isinstance(stimulus, Poisson):
            raise ValidationError(f"stimulus {source.name!r}", "rate", "one that changes", _CONSTANT)
        with np.errstate(divide="ignore"):
            scale = 1000.0 / np.asarray(stimulus.rate, np.float64)
        return self.add_trains(stream, POISSON, projection.target_size, scale)

    def _add(self, projection: Projection, first: int, found: Synapses) -> None:
        target = projection.target.name
        places = found.targets + self.offset[target]
        self.synapses.append(found._replace(sources=found.sources + first, targets=places, group=self.group[target]))

    def _add_current(self, projection: Projection, stream: int, port: int) -> None:
        """Make events of the changes of a current."""
        source: Any = projection.source
        stimulus, owner = source.stimulus, f"stimulus {source.name!r}"
        if not isinstance(stimulus, Current | SampledCurrent):
            expected = 'a current that is constant for some time, or engine="grid"'
            raise ValidationError(owner, "current", type(stimulus).__name__, expected)
        rows = stimulus.amplitude.reshape(1 if isinstance(stimulus, Current) else len(stimulus.amplitude), -1)
        length = 0.0 if isinstance(stimulus, Current) else stimulus.bin
        times = [stimulus.start + b * length for b in range(len(rows))]
        kept = [b for b, time in enumerate(times) if time < stimulus.stop]
        times, rows = [times[b] for b in kept], rows[kept]
        if math.isfinite(stimulus.stop):
            times, rows = [*times, stimulus.stop], np.concatenate([rows, np.zeros_like(rows[:1])])
        changes = np.diff(rows, axis=0, prepend=0.0)
        listed = Listed(projection, 0, 0, stream, (port, port), np.zeros(0))
        found = listed_synapses(listed, self.seed, None)
        for time, change in zip(times, changes, strict=True):
            mine = change[found.sources] != 0
            if not mine.any():
                continue
            elements, which = np.unique(found.sources[mine], return_inverse=True)
            first = self.add_trains(stream, GIVEN, len(elements), times=[[time]] * len(elements))
            part = Synapses(*(column[mine] for column in found[:5]), between=False, group=0)
            self._add(projection, first, part._replace(sources=which, weights=part.weights * change[part.sources]))

    def lower_updates(self) -> None:
        """Give binary units their times of updates."""
        for p in self.populations:
            if isinstance(p.model, McCullochPitts):
                parameters = self.groups[self.group[p.name]].parameters
                tau = np.broadcast_to(parameters.tau, len(self.groups[self.group[p.name]].state[0]))
                scale = tau[self.offset[p.name] :][: p.size]
                first = self.add_trains(self.streams[p.name] + UPDATES, POISSON, p.size, scale)
                units = np.arange(p.size)
                one_each = (np.broadcast_to(value, p.size) for value in (UPDATE, 0.0, 0.0))
                ends = units + first, units + self.offset[p.name]
                self.synapses.append(Synapses(*ends, *one_each, between=False, group=self.group[p.name]))

    def trains(self, window: float) -> Trains:
        """Put the trains together."""
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * 6
        given = [np.asarray(times, np.float64) for times in columns[5]]
        windows, offsets = at_times("SpikeTrains", "trains", np.concatenate([np.zeros(0), *given]), window)
        return Trains(
            kind=np.array(columns[0], np.int64),
            stream=np.array(columns[1], np.int64),
            number=np.array(columns[2], np.int64),
            scale=np.array(columns[3], np.float64),
            order=np.array(columns[4], np.float64),
            first_given=np.cumsum([0, *map(len, given)]).astype(np.int64),
            given_windows=windows,
            given_offsets=offsets,
        )

    def probes(self) -> tuple[tuple[str, str, int, int, float], ...]:
        """Return what is to be recorded, or refuse it."""
        found = []
        for probe in self.network.probes:
            name = probe.view.population.name
            names = ("v", *self.groups[self.group[name]].state._fields[1:])
            if probe.variable not in names:
                raise ValidationError(f"record {name!r}", "variable", probe.variable, f"one of {', '.join(names)}")
            found.append((name, probe.variable, probe.view.start, probe.view.stop, probe.every))
        return tuple(found)

    def window(self) -> float:
        """Return the smallest delay between neurons."""
        delays = [one.delays.min() for one in self.synapses if one.between and len(one.sources)]
        window = float(min(delays, default=_IDLE_WINDOW))
        longest = max((float(one.delays.max()) for one in self.synapses if len(one.sources)), default=0.0)
        if longest > _MOST_WINDOWS * window:
            expected = f"delays up to {_MOST_WINDOWS:,} times the shortest between neurons, {window:g} ms"
            raise ValidationError("connect", "delay", longest, expected)
        return window


_CONSTANT = 'a constant rate, or engine="grid"'


def lower_exact(network: Network, threads: int = 1) -> ExactProgram:
    """Lower a network for the exact engine.

    Parameters
    ----------
    network : Network
    threads : int
        Among how many the neurons are shared.

    Raises
    ------
    ValidationError
        If a model has no closed form, a delay between neurons is not above 0, or something needs a grid.
    ResourceError
        If the neurons or synapses do not fit into memory.
    """
    if not network.populations:
        raise ValidationError("lower", "network", "no populations", "a network with at least one population")
    neurons.require_room(network)
    work = _Lowering(network, threads)
    work.lower_neurons()
    work.lower_stimuli()
    work.lower_projections()
    work.lower_updates()
    window = work.window()
    trains = work.trains(window)
    sizes = [p.size for p in work.populations]
    blocks = np.empty(work.neurons, np.int64)  # every population is shared out evenly
    for p in work.populations:
        first = work.first[p.name]
        blocks[first : first + p.size] = np.arange(p.size) * threads // p.size
    runs = build_runs(work.synapses, work.neurons + len(trains.kind), [g.first for g in work.groups], blocks, window)
    order: list[Population | Source] = [*work.populations, *work.stimuli]
    return ExactProgram(
        window=window,
        seed=network.seed,
        names=tuple(item.name for item in order),
        sizes=(*sizes, *(source.size for source in work.stimuli)),
        first=work.first,
        group=work.group,
        offset=work.offset,
        groups=tuple(work.groups),
        trains=trains,
        runs=runs,
        blocks=blocks,
        shares=len(trains.kind) * np.arange(threads + 1) // threads,
        fan_out={item.name: work.fan_out.get(item.name, np.zeros(item.size, np.int64)) for item in order},
        streams=work.streams,
        probes=work.probes(),
    )
