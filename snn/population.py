"""Populations and slices of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from snn.errors import ValidationError
from snn.neurons import Model


class _Summable:
    """What can stand in a group: ``exc + inh[:100]`` is a tuple of both."""

    def __add__(self, other: Neurons | Group) -> Group:
        return (self, *other) if isinstance(other, tuple) else (self, other)  # pyright: ignore[reportReturnType]

    def __radd__(self, other: Group) -> Group:
        return (*other, self)  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, eq=False)
class Population(_Summable):
    """Neurons of one model; made by `Network.population`.

    ``exc[:100]`` is a `View` of the first hundred, ``exc[3]`` of one neuron, and ``exc + inh`` a group of both.

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

    def __getitem__(self, index: slice | int) -> View:
        return View(self, *_bounds(f"population {self.name!r}", index, self.size))


@dataclass(frozen=True)
class View(_Summable):
    """Neurons start .. stop - 1 of a population, in the order of its shape's elements.

    Attributes
    ----------
    population : Population
    start, stop : int
    """

    population: Population
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The population and the slice, such as exc[0:100]."""
        return f"{self.population.name}[{self.start}:{self.stop}]"

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.stop - self.start

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: slice | int) -> View:
        start, stop = _bounds(f"slice {self.name!r}", index, self.size)
        return View(self.population, self.start + start, self.start + stop)


Neurons = Population | View
Group = tuple[Neurons, ...]


def view_of(neurons: Neurons) -> View:
    """Return a population as a view of all its neurons, and a view as it is."""
    return neurons if isinstance(neurons, View) else View(neurons, 0, neurons.size)


def _bounds(owner: str, index: object, size: int) -> tuple[int, int]:
    """Return the first neuron of a slice, or the one of an integer, and the one after the last."""
    if isinstance(index, int) and not isinstance(index, bool):
        if not -size <= index < size:
            raise ValidationError(owner, "index", index, f"an integer from {-size} to {size - 1}")
        return index % size, index % size + 1
    try:
        if not isinstance(index, slice) or index.step not in (None, 1):
            raise TypeError
        start, stop, _ = index.indices(size)
    except TypeError:
        raise ValidationError(owner, "index", index, "a slice without a step, such as [:100], or an integer") from None
    if stop <= start:
        raise ValidationError(owner, "index", index, f"a slice that holds some of the {size} neurons")
    return start, stop
