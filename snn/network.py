"""The description of a network: populations, stimuli, projections and what to record.

Nothing here computes; `snn.Simulation` lowers a network to a `snn.Program` of arrays and runs that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from snn import checks
from snn.connectivity import Dense, Layer, Listed, MaxPool2d, Rule, SumPool2d
from snn.errors import ValidationError
from snn.neurons import Model
from snn.random import Distribution
from snn.stimuli import Current, Poisson, SpikeTrains, Stimulus


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model; made by `Network.population`.

    Attributes
    ----------
    name : str
    shape : tuple of int
        (n,) or, for an image, (height, width, channels).
    model : Model
    initial : dict
        Initial values of state variables that differ from the model's.
    active : (float, float)
        The neurons fire only at times t with start < t <= stop (ms); they integrate at all times.
    """

    name: str
    shape: tuple[int, ...]
    model: Model
    initial: Mapping[str, object]
    active: tuple[float, float]

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: slice) -> View:
        if not isinstance(index, slice) or index.step not in (None, 1):
            raise ValidationError(f"population {self.name!r}", "index", index, "a slice such as [:100]")
        start, stop, _ = index.indices(self.size)
        if stop <= start:
            raise ValidationError(
                f"population {self.name!r}", "index", index, f"a slice that holds some of {self.size}"
            )
        return View(self, start, stop)

    def __add__(self, other: Population | tuple[Population, ...]) -> tuple[Population, ...]:
        return (self, *other) if isinstance(other, tuple) else (self, other)

    def __radd__(self, other: tuple[Population, ...]) -> tuple[Population, ...]:
        return (*other, self)


@dataclass(frozen=True)
class View:
    """Neurons start .. stop - 1 of a population."""

    population: Population
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Source:
    """A stimulus in a network; made by `Network.poisson`, `Network.spike_trains` or `Network.current`."""

    name: str
    stimulus: Stimulus

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the source; None where every target has a train of its own."""
        return self.stimulus.shape

    @property
    def size(self) -> int:
        """Number of elements; 0 where every target has a train of its own."""
        return 0 if self.shape is None else math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one source to one target; made by `Network.connect`."""

    source: Population | Source
    target: Population
    rule: Rule | Layer | None
    weight: float | np.ndarray | Distribution
    delay: float | np.ndarray | Distribution | None

    @property
    def name(self) -> str:
        """The two ends."""
        return f"{self.source.name} -> {self.target.name}"


@dataclass(frozen=True)
class Probe:
    """A state variable to record every so many ms."""

    view: View
    variable: str
    every: float


class Network:
    """A network under construction.

    Parameters
    ----------
    seed : int
        Fixes everything drawn: connectivity, parameters and initial values, and by default the input.

    Examples
    --------
    >>> import snn
    >>> net = snn.Network(seed=42)
    >>> cells = net.population("cells", 100, snn.LIF())
    >>> _ = net.connect(net.poisson("noise", rate=12_000.0), cells, weight=0.1)
    """

    def __init__(self, seed: int = 0):
        self.seed = checks.seed("Network", seed)
        self.populations: dict[str, Population] = {}
        self.sources: dict[str, Source] = {}
        self.projections: list[Projection] = []
        self.probes: list[Probe] = []
        self.spikes_kept: dict[str, list[range]] | None = None  # None: all

    def population(
        self,
        name: str,
        shape: int | tuple[int, ...],
        model: Model,
        *,
        initial: Mapping[str, object] | None = None,
        active: tuple[float, float] = (0.0, math.inf),
    ) -> Population:
        """Add neurons.

        Parameters
        ----------
        name : str
            Not used before in this network.
        shape : int or tuple of int
            How many; an image's neurons have the shape (height, width, channels).
        model : Model
            Such as ``snn.LIF()``; its parameters may be numbers, arrays with an element a neuron, or distributions.
        initial : dict, optional
            Initial values of state variables, such as ``{"v": snn.Uniform(0.0, 20.0)}``.
        active : (float, float)
            The neurons fire only at times t with start < t <= stop (ms); they integrate at all times.

        Raises
        ------
        ValidationError
            If the name is taken, the shape has no neurons, or an array does not have the population's size.
        """
        owner = self._claim(name)
        shape = self._shape(owner, shape)
        if not isinstance(model, Model):
            raise ValidationError(owner, "model", model, "a neuron model such as snn.LIF()")
        size = math.prod(shape)
        for field in fields(model):
            self._fits(owner, field.name, getattr(model, field.name), size)
        initial = dict(initial or {})
        for variable, value in initial.items():
            self._fits(owner, f"initial[{variable!r}]", checks.parameter(owner, f"initial[{variable!r}]", value), size)
        start = checks.number(owner, "active[0]", active[0], minimum=0.0)
        if not active[1] >= start:
            raise ValidationError(owner, "active", active, "two times in ms, the first not after the second")
        self.populations[name] = Population(name, shape, model, initial, (start, float(active[1])))
        return self.populations[name]

    def poisson(self, name: str, rate: float | np.ndarray, shape: int | tuple[int, ...] | None = None) -> Source:
        """Add random spikes at `rate` Hz: without a shape a train of its own for every target (see `Poisson`)."""
        owner = self._claim(name)
        if shape is not None:
            shape = self._shape(owner, shape)
            self._fits(owner, "rate", rate, math.prod(shape))
        return self._add(Source(name, Poisson(rate, shape)))

    def spike_trains(self, name: str, trains: object) -> Source:
        """Add spikes at given times, a train a neuron (see `SpikeTrains`)."""
        self._claim(name)
        return self._add(Source(name, SpikeTrains(trains)))  # pyright: ignore[reportArgumentType]

    def current(self, name: str, amplitude: object, *, start: float = 0.0, stop: float = math.inf) -> Source:
        """Add constant currents in pA from `start` to `stop` ms (see `Current`)."""
        owner = self._claim(name)
        source = Source(name, Current(np.atleast_1d(np.asarray(amplitude)), start, stop))
        if source.size == 0:
            raise ValidationError(owner, "amplitude", amplitude, "at least one number")
        return self._add(source)

    def connect(
        self,
        source: Population | Source,
        target: Population | tuple[Population, ...],
        rule: Rule | Layer | None = None,
        *,
        weight: float | np.ndarray | Distribution | None = None,
        delay: float | np.ndarray | Distribution | None = None,
    ) -> list[Projection]:
        """Connect a population or stimulus to one or several populations.

        Parameters
        ----------
        source : Population or Source
            Where the spikes or currents come from.
        target : Population or tuple of Population
            Where they go; ``exc + inh`` is both.
        rule : Rule or Layer, optional
            Who is connected to whom; not for Poisson input with a train of its own for every target.
        weight : float, array or distribution, optional
            Effect of a spike: mV for delta synapses, pA for exponential ones; of a current, what multiplies it.
            Negative weights inhibit. An array has an element a synapse, in the rule's order. 1 by default; not for
            rules that bring their weights.
        delay : float, array or distribution, optional
            In ms, at least one step between neurons. One step by default; none for stimuli.

        Returns
        -------
        list of Projection
            One for each target.

        Raises
        ------
        ValidationError
            If sizes do not fit, weights are not finite, or a delay is negative; nothing is added then.
        """
        targets = target if isinstance(target, tuple) else (target,)
        made = [self._projection(source, one, rule, weight, delay) for one in targets]
        self.projections.extend(made)
        return made

    def record(self, neurons: Population | View, variable: str, *, every: float) -> None:
        """Record a state variable, such as "v", every so many ms; for spikes see `record_spikes`."""
        view = neurons if isinstance(neurons, View) else View(neurons, 0, neurons.size)
        owner = f"population {view.population.name!r}"
        if self.populations.get(view.population.name) is not view.population:
            raise ValidationError("record", "neurons", view.population.name, "a population of this network")
        if not isinstance(variable, str):
            raise ValidationError(owner, "variable", variable, 'the name of a state variable such as "v"')
        every = checks.number(owner, "every", every, minimum=0.0, exclusive=True)
        self.probes.append(Probe(view, variable, every))

    def record_spikes(self, *neurons: Population | Source | View) -> None:
        """Record the spikes of these neurons and of no others; several calls add up.

        Without any call all spikes are recorded. ``net.record_spikes(exc[:100], inh)`` keeps a long run of a large
        network from filling the memory; ``net.record_spikes()`` records none. What is computed does not change.

        Parameters
        ----------
        *neurons : Population, Source or View
            Populations, slices of populations, and stimuli that are populations of trains.

        Raises
        ------
        ValidationError
            If one is not of this network or has no spikes; nothing is changed then.
        """
        chosen = []
        for part in neurons:
            node = part.population if isinstance(part, View) else part
            name = getattr(node, "name", "")
            silent = isinstance(node, Source) and (node.shape is None or isinstance(node.stimulus, Current))
            if (self.populations | self.sources).get(name) is not node or silent:
                expected = "populations, their slices, or stimuli that are populations of trains, of this network"
                raise ValidationError("record_spikes", "neurons", name or part, expected)
            chosen.append((name, range(part.start, part.stop) if isinstance(part, View) else range(part.size)))
        self.spikes_kept = self.spikes_kept or {}
        for name, numbers in chosen:
            self.spikes_kept.setdefault(name, []).append(numbers)

    def recorded_neurons(self, name: str) -> np.ndarray:
        """Return the numbers of the neurons of a population or stimulus whose spikes are recorded, ascending."""
        if self.spikes_kept is None:
            return np.arange((self.populations | self.sources)[name].size)
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self.spikes_kept.get(name, [])]).astype(np.int64))

    def _claim(self, name: str) -> str:
        if not isinstance(name, str) or not name:
            raise ValidationError("Network", "name", name, "a text that is not empty")
        if name in self.populations or name in self.sources:
            raise ValidationError("Network", "name", name, "a name not used before in this network")
        return f"{name!r}"

    @staticmethod
    def _shape(owner: str, shape: object) -> tuple[int, ...]:
        sizes = shape if isinstance(shape, tuple) else (shape,)
        if not sizes:
            raise ValidationError(owner, "shape", shape, "an integer or a tuple of integers, all >= 1")
        return tuple(checks.integer(owner, "shape", size, minimum=1) for size in sizes)

    @staticmethod
    def _fits(owner: str, name: str, value: object, size: int) -> None:
        if isinstance(value, np.ndarray | list | tuple) and np.shape(value) not in ((), (size,)):
            raise ValidationError(owner, name, f"array of shape {np.shape(value)}", f"a number or shape ({size},)")

    def _add(self, source: Source) -> Source:
        self.sources[source.name] = source
        return source

    def _projection(self, source, target, rule, weight, delay) -> Projection:
        owner = "connect"
        for role, end, known in (("source", source, (Population, Source)), ("target", target, (Population,))):
            if not isinstance(end, known) or (self.populations | self.sources).get(end.name) is not end:
                raise ValidationError(owner, role, end, "a population (or, as source, a stimulus) of this network")
        owner = f"connect {source.name!r} to {target.name!r}"
        own_train = isinstance(source, Source) and source.shape is None
        if own_train != (rule is None):
            expected = "no rule: every target has a train of its own" if own_train else "a rule such as snn.OneToOne()"
            raise ValidationError(owner, "rule", rule, expected)
        if own_train:
            self._fits(owner, "rate", source.stimulus.rate, target.size)  # pyright: ignore[reportAttributeAccessIssue]
        flows = isinstance(source, Source) and isinstance(source.stimulus, Current)
        if flows and isinstance(rule, MaxPool2d):
            raise ValidationError(owner, "rule", "MaxPool2d", "a rule for currents: max-pooling counts spikes")
        synapses = self._check_rule(owner, source, target, rule)
        brings_weights = getattr(rule, "weights", None) is not None
        if brings_weights and weight is not None:
            raise ValidationError(owner, "weight", weight, f"nothing: {type(rule).__name__} brings its weights")
        weight = checks.parameter(owner, "weight", 1.0 if weight is None else weight)
        if own_train or isinstance(rule, SumPool2d | MaxPool2d):
            weight = checks.number(owner, "weight", weight)
        else:
            self._one_each(owner, "weight", weight, synapses)
        if delay is not None:
            delay = self._check_delay(owner, source, rule, delay, synapses)
        return Projection(source, target, rule, weight, delay)

    @staticmethod
    def _check_rule(owner: str, source: Population | Source, target: Population, rule: object) -> int | None:
        """Check that the rule fits the two ends; returns its number of synapses, None where chance decides."""
        if isinstance(rule, Layer):
            needed = rule.target_shape(source.shape or ())
            if math.prod(needed) != target.size or (not isinstance(rule, Dense) and needed != target.shape):
                raise ValidationError(owner, "target", f"shape {target.shape}", f"shape {needed}")
            return 0
        if isinstance(rule, Rule):
            rule.check(source.size, target.size, source is target)
            return rule.count(source.size, target.size, source is target)
        if rule is not None:
            raise ValidationError(owner, "rule", rule, "a rule of snn.connectivity")
        return 0

    @staticmethod
    def _one_each(owner: str, name: str, value: object, synapses: int | None) -> None:
        """Refuse an array that does not have an element a synapse."""
        if isinstance(value, np.ndarray) and value.shape != (synapses,):
            unknown = "a number or distribution: chance decides how many synapses there are"
            expected = unknown if synapses is None else f"shape ({synapses},)"
            raise ValidationError(owner, name, f"array of shape {value.shape}", expected)

    def _check_delay(self, owner, source, rule, delay, synapses):
        if isinstance(source, Source) and isinstance(source.stimulus, Current):
            raise ValidationError(owner, "delay", delay, "nothing: a current has no delay (give it a start)")
        delay = checks.parameter(owner, "delay", delay, minimum=0.0)
        if isinstance(delay, float):
            return delay
        if not isinstance(rule, Listed):
            raise ValidationError(owner, "delay", delay, "one number, unless the rule is a list of synapses")
        self._one_each(owner, "delay", delay, synapses)
        return delay
