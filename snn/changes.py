"""Parameters and input that change between runs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from snn import checks
from snn.errors import ValidationError
from snn.network import Network
from snn.population import Neurons, Population, View, view_of
from snn.program import ExactProgram, Program, draw, flow_model, lower_model, pack, stimulus_input
from snn.stimuli import Current, Poisson, Source, SpikeTrains


class Changes:
    """What `snn.Simulation.set` does: checks other values, makes them ready and hands them to the engine.

    Parameters
    ----------
    network : Network
    program : Program or ExactProgram
    engine
        See `snn.engines.contract`.
    batch : int
    """

    def __init__(self, network: Network, program: Program | ExactProgram, engine: Any, batch: int):
        self.program: Any = program
        self.engine, self.batch, self.seed = engine, batch, network.seed
        self.populations = list(network.populations.values())
        self.values: dict[str, dict[str, Any]] = {}  # of populations that were changed

    def of_source(self, source: Source, values: dict[str, Any]) -> None:
        """Give a stimulus other input."""
        owner = f"set {source.name!r}"
        if isinstance(self.program, ExactProgram):
            raise ValidationError(owner, "target", source.name, 'a population, or engine="grid"')
        if source.shape is None:
            raise ValidationError(owner, "target", source.name, "a stimulus with a shape")
        name = {Poisson: "rate", SpikeTrains: "trains", Current: "amplitude"}.get(type(source.stimulus))
        if name is None:
            raise ValidationError(owner, "target", source.name, "constant rates, given trains or constant currents")
        if set(values) != {name}:
            raise ValidationError(owner, "values", sorted(values), f"{name}=...")
        if name == "trains":
            self.engine.set_input(source.name, self._trains(owner, source, values[name]))
            return
        array = checks.array(owner, name, values[name], unit="Hz" if name == "rate" else "pA")
        array = np.broadcast_to(array, source.shape) if array.ndim == 0 else self._of_samples(array, source.size)
        array = array.reshape(array.shape[0], -1) if array.shape[1:] == source.shape else array
        array = array.ravel() if array.shape == source.shape else array
        if array.shape not in ((source.size,), (self.batch, source.size)):
            expected = f"shape {source.shape} or {(self.batch, *source.shape)}"
            raise ValidationError(owner, name, f"array of shape {np.shape(values[name])}", expected)
        if name == "rate" and (array.min() < 0 or array.max() * self.program.dt > 1000.0 * (1 + 1e-12)):
            wrong = float(array.min() if array.min() < 0 else array.max())
            raise ValidationError(
                owner, name, wrong, f"rates from 0 to {1000.0 / self.program.dt:g} Hz, a spike a step"
            )
        self.engine.set_input(source.name, array)

    def _trains(self, owner: str, source: Source, trains: Any) -> Any:
        def lowered(one):
            stimulus = SpikeTrains(one)
            if stimulus.shape != source.shape:
                raise ValidationError(owner, "trains", f"{len(one)} trains", f"{source.size}")
            return stimulus_input(Source(source.name, stimulus), self.program.dt)

        by_sample = (
            isinstance(trains, list | tuple)
            and len(trains) == self.batch
            and all(isinstance(one, list | tuple) and all(np.ndim(train) == 1 for train in one) for one in trains)
        )
        return [lowered(one) for one in trains] if by_sample else lowered(trains)

    def _of_samples(self, array: np.ndarray, size: int) -> np.ndarray:
        """Return one value a sample as one for each of so many elements, and everything else as it is."""
        return np.repeat(array, size, axis=1) if array.shape == (self.batch, 1) else array

    def of_population(self, neurons: Neurons, values: dict[str, Any]) -> None:
        """Give neurons other parameters."""
        view, population = view_of(neurons), view_of(neurons).population
        owner = f"set {neurons.name!r}"
        current = self._of(population)
        fixed = population.model.fixed
        known = sorted(name for name, value in current.items() if value is not None and name not in fixed)
        changed = dict(current)
        for name, value in values.items():
            if name not in known:
                raise ValidationError(owner, "parameter", name, f"one of {', '.join(known)}")
            array = checks.array(owner, name, value, unit=population.model.unit(name))
            array = self._of_samples(array, view.size)
            if array.shape not in ((), (view.size,), (self.batch, view.size)):
                expected = f"a number, shape ({view.size},), ({self.batch}, {view.size}) or ({self.batch}, 1)"
                raise ValidationError(owner, name, f"array of shape {array.shape}", expected)
            changed[name] = _with_slice(current[name], view, array)
        replace(population.model, **{name: changed[name] for name in values})  # the model refuses what it must
        group = self._group(population)
        members = [p for p in self.populations if self._group(p) == group]
        ready = flow_model if isinstance(self.program, ExactProgram) else partial(lower_model, dt=self.program.dt)
        parts = [ready(p, changed if p is population else self._of(p)).parameters for p in members]
        self.engine.set_parameters(group, pack(parts, [p.size for p in members]))
        self.values[population.name] = changed

    def _group(self, population: Population) -> int:
        return self.engine.group_of(population.name)

    def _of(self, population: Population) -> dict[str, Any]:
        """Return the population's parameters as they are now."""
        if population.name not in self.values:
            self.values[population.name] = draw(population, self.seed, self.program.streams[population.name])
        return self.values[population.name]


def _with_slice(current: ArrayLike, view: View, array: np.ndarray) -> float | np.ndarray:
    """Return a parameter with new values, () or (n,) or (batch, n), for the neurons of a view."""
    if view.size == view.population.size:
        return float(array) if array.ndim == 0 else array
    lead = max(np.shape(current)[:-1], array.shape[:-1], key=len)
    changed = np.broadcast_to(np.asarray(current, np.float64), (*lead, view.population.size)).copy()
    changed[..., view.start : view.stop] = array
    return changed
