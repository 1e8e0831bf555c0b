"""Lowering of neurons: parameters drawn, models made ready, populations of one model put together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from snn.errors import ValidationError
from snn.memory import require
from snn.network import Network, Population
from snn.neurons.model import Flowed, Lowered, Values
from snn.random import Distribution

_BYTES = 64  # of a neuron with few variables, about, on either engine


class Group(NamedTuple):
    """Neurons of one model, of one or several populations, one after the other.

    Attributes
    ----------
    parameters : NamedTuple
        Numbers where all neurons share them, else arrays (neurons,) or (samples, neurons).
    state : NamedTuple
        Arrays (neurons,) in a Program, (samples, neurons) in an engine.
    arrivals : NamedTuple
        The model's input, zeros: only its class counts.
    """

    parameters: Any
    state: Any
    arrivals: Any


def require_room(network: Network) -> None:
    """Refuse a network whose neurons alone do not fit into memory, before an array has an element for each."""
    sizes = [p.size for p in network.populations.values()]
    sizes += [math.prod(source.shape) for source in network.sources.values() if source.shape]
    require(float(_BYTES) * sum(sizes), f"{sum(sizes):,} neurons, those of stimuli among them,")


def draw(population: Population, seed: int, first_stream: int) -> Values:
    """Return the model's parameters with distributions drawn: field i from stream first_stream + i."""
    values, drawn = {}, {}
    for i, field in enumerate(fields(population.model)):
        value = getattr(population.model, field.name)
        if isinstance(value, Distribution):
            value = drawn[field.name] = value.sample(population.size, seed, first_stream + i)
        if not isinstance(value, str):
            values[field.name] = np.asarray(value, np.float64) if isinstance(value, list | tuple) else value
    try:
        replace(population.model, **drawn)  # the model refuses what it must
    except ValidationError as error:
        owner = f"population {population.name!r}, {error.owner}"
        raise ValidationError(owner, error.attribute, error.value, f"{error.expected}, also where drawn") from None
    return values


def _ready(population: Population, make: Callable[[], Any]) -> Any:
    """Return what a model makes of its parameters, naming the population where a value is refused."""
    owner = f"population {population.name!r}"
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            ready = make()
    except ValidationError as error:
        raise ValidationError(f"{owner}, {error.owner}", error.attribute, error.value, error.expected) from None
    for name, value in ready.parameters._asdict().items():
        if not np.isfinite(value).all():
            raise ValidationError(owner, f"{name} of the model", value, "parameters that keep it finite")
    return ready


def lower_model(population: Population, values: Values, dt: float) -> Lowered:
    """Make a population's model ready for a grid."""
    return _ready(population, lambda: population.model.lower(values, dt))


def flow_model(population: Population, values: Values) -> Flowed:
    """Make a population's model ready for the exact engine."""
    return _ready(population, lambda: population.model.flow(values))


def initial_state(population: Population, lowered: Lowered, seed: int, first_stream: int) -> Any:
    """Return the state that the population starts from: the model's, where the user has not said otherwise."""
    free = [name for name in lowered.state._fields if name not in population.model.fixed]
    unknown = set(population.initial) - set(free)
    if unknown:
        owner = f"population {population.name!r}"
        raise ValidationError(owner, "initial", sorted(unknown)[0], f"one of {', '.join(free)}")
    columns, hints = [], get_type_hints(type(lowered.state))
    for i, (name, value) in enumerate(lowered.state._asdict().items()):
        value: Any = population.initial.get(name, value)
        if isinstance(value, Distribution):
            value = value.sample(population.size, seed, first_stream + i)
        kind = np.int32 if hints[name] is int else np.float64
        columns.append(np.broadcast_to(value, population.size).astype(kind))
    return type(lowered.state)(*columns)


def initial_flow(population: Population, flowed: Flowed, seed: int, first_stream: int) -> Any:
    """Return the state that the population starts from on the exact engine, drawn as `initial_state` draws it."""
    names = ["v", *flowed.state._fields[1:]]
    free = [name for name in names if name != "current" and name not in population.model.fixed]
    unknown = set(population.initial) - set(free)
    if unknown:
        owner = f"population {population.name!r}"
        raise ValidationError(owner, "initial", sorted(unknown)[0], f"one of {', '.join(free)}")
    columns = []
    for i, (name, value) in enumerate(zip(names, flowed.state, strict=True)):
        given: Any = population.initial.get(name)
        if isinstance(given, Distribution):
            given = given.sample(population.size, seed, first_stream + i)
        if given is not None:
            value = given - flowed.parameters.origin if name == "v" else given
        columns.append(np.broadcast_to(value, population.size).astype(np.float64))
    return type(flowed.state)(*columns)


def pack(parts: list[Any], sizes: list[int]) -> Any:
    """Put the lowered parameters of several populations together.

    A field that has one value throughout stays a number; the compiled step is then the faster for it.
    """
    packed, hints = [], get_type_hints(type(parts[0]))
    for name, values in zip(parts[0]._fields, zip(*parts, strict=True), strict=True):
        arrays = [np.asarray(value, hints[name]) for value in values]
        distinct = {array.tobytes() for array in arrays}
        if len(distinct) == 1 and arrays[0].ndim == 0:
            packed.append(arrays[0].item())
            continue
        lead = max((array.shape[:-1] for array in arrays), key=len)
        pieces = [np.broadcast_to(array, (*lead, size)) for array, size in zip(arrays, sizes, strict=True)]
        packed.append(np.ascontiguousarray(np.concatenate(pieces, axis=-1)))
    return type(parts[0])(*packed)


def group(lowered: list[Lowered] | list[Flowed], states: list[Any], sizes: list[int]) -> Group:
    """Put populations of one model together."""
    state = type(states[0])(*(np.concatenate(columns) for columns in zip(*states, strict=True)))
    arrivals = lowered[0].arrivals
    return Group(pack([one.parameters for one in lowered], sizes), state, arrivals(*([0.0] * len(arrivals._fields))))
