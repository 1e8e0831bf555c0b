"""The description of a network: populations, stimuli, projections and what to record.

Wherever a number has a unit, a plain number is taken in ms, mV, pA, pF, nS or Hz, and a Brian2 quantity is converted.

Nothing here computes; `snn.Simulation` lowers a network to a `snn.Program` of arrays and runs that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snn import checks
from snn.connectivity import Layer, Rule
from snn.errors import ValidationError
from snn.neurons import Model
from snn.population import Group, Neurons, Population, View, view_of
from snn.projection import Projection, project
from snn.random import Distribution
from snn.stimuli import Inputs, Source
from snn.synapses import TsodyksMarkram


@dataclass(frozen=True)
class Probe:
    """A state variable to record every so many ms."""

    view: View
    variable: str
    every: float


class Network(Inputs):
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
        super().__init__()
        self.seed = checks.seed("Network", seed)
        self.populations: dict[str, Population] = {}
        self.projections: list[Projection] = []
        self.probes: list[Probe] = []
        self.spikes_kept: dict[str, list[range]] | None = None  # None: all

    def __repr__(self) -> str:
        neurons = sum(population.size for population in self.populations.values())
        about = f"{len(self.populations)} populations ({neurons:,} neurons), {len(self.sources)} stimuli"
        return f"<Network: {about}, {len(self.projections)} projections, seed {self.seed}>"

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
        model.check_size(owner, size)
        if initial is not None and not isinstance(initial, Mapping):
            raise ValidationError(owner, "initial", initial, 'values by the names of variables, such as {"v": 0.0}')
        start_values = {}
        for variable, value in (initial or {}).items():
            argument = f"initial[{variable!r}]"
            start_values[variable] = checks.parameter(owner, argument, value, unit=model.unit(str(variable)))
            checks.fits(owner, argument, start_values[variable], size)
        if not isinstance(active, tuple | list) or len(active) != 2:
            raise ValidationError(owner, "active", active, "two times in ms, the first not after the second")
        start = checks.number(owner, "active[0]", active[0], minimum=0.0, unit="ms")
        stop = checks.end(owner, "active[1]", active[1], start)
        self.populations[name] = Population(name, shape, model, start_values, (start, stop))
        return self.populations[name]

    def connect(
        self,
        source: Neurons | Source | Group,
        target: Neurons | Group,
        rule: Rule | Layer | None = None,
        *,
        weight: float | np.ndarray | Distribution | None = None,
        delay: float | np.ndarray | Distribution | None = None,
        plasticity: TsodyksMarkram | None = None,
        port: str | None = None,
    ) -> list[Projection]:
        """Connect populations, slices of them or stimuli to populations or slices of them.

        Parameters
        ----------
        source : Population, View, Source, or tuple of Population or View
            Where the spikes or currents come from; ``exc + inh`` is both, ``exc[:100]`` the first hundred.
        target : Population, View, or tuple of these
            Where they go.
        rule : Rule or Layer, optional
            Who is connected to whom; not for a stimulus without a shape: every target has an input of its own. It
            applies to every pair of a source and a target by itself: with ``exc + inh`` as source each target of
            ``FixedInDegree(10)`` has 10 synapses from exc and 10 from inh. Convolution and pooling need whole
            populations; an array or index in a rule counts from the first neuron of a slice.
        weight : float, array or distribution, optional
            Effect of a spike: mV for delta synapses, pA for exponential ones; of a current, what multiplies it.
            Negative weights inhibit. An array has an element a synapse, in the rule's order. 1 by default; not for
            rules that bring their weights.
        delay : float, array or distribution, optional
            In ms, at least one step between neurons. One step by default; none for stimuli. Between staircase neurons
            any number above 0, and 1 by default.
        plasticity : TsodyksMarkram, optional
            Short-term plasticity; an array in it has an element a source. Not for convolution and pooling.
        port : str, optional
            Where the events arrive, for models with ports to choose from, such as `snn.Product`.

        Returns
        -------
        list of Projection
            One for each pair of a source and a target, by source, then target.

        Raises
        ------
        ValidationError
            If sizes do not fit, weights are not finite or have another unit, a delay is negative, or a rule without
            autapses would connect slices that overlap in part; nothing is added then.
        """
        ends = []
        for role, given in (("source", source), ("target", target)):
            ends.append(given if isinstance(given, tuple | list) else (given,))
            if not ends[-1]:
                raise ValidationError("connect", role, given, "at least one population")
            for one in ends[-1]:
                if not self._knows(one, (Population, Source) if role == "source" else (Population,)):
                    expected = "a population, a slice of one (or, as source, a stimulus) of this network"
                    raise ValidationError("connect", role, one, expected)
        made = [project(one, other, rule, weight, delay, plasticity, port) for one in ends[0] for other in ends[1]]
        self.projections.extend(made)
        return made

    def record(self, neurons: Neurons, variable: str, *, every: float) -> None:
        """Record a state variable, such as "v", every so many ms; for spikes see `record_spikes`."""
        if not self._knows(neurons, (Population,)):
            raise ValidationError("record", "neurons", neurons, "a population of this network, or a slice of one")
        view = view_of(neurons)
        owner = f"population {view.population.name!r}"
        if not isinstance(variable, str):
            raise ValidationError(owner, "variable", variable, 'the name of a state variable such as "v"')
        every = checks.number(owner, "every", every, minimum=0.0, exclusive=True, unit="ms")
        self.probes.append(Probe(view, variable, every))

    def _knows(self, thing: object, kinds: tuple[type, ...]) -> bool:
        """Return whether this is a part of this network, of one of these kinds, or a slice of one."""
        whole = thing.population if isinstance(thing, View) else thing
        return isinstance(whole, kinds) and (self.populations | self.sources).get(whole.name) is whole  # pyright: ignore

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
            silent = isinstance(node, Source) and (node.shape is None or node.flows)
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
        if not isinstance(name, str) or not name or not name.isprintable():
            raise ValidationError("Network", "name", name, "a text of printable characters that is not empty")
        if name in self.populations or name in self.sources:
            raise ValidationError("Network", "name", name, "a name not used before in this network")
        return f"{name!r}"
