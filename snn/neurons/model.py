"""What every neuron model provides.

A model is a frozen dataclass of the parameters a user gives. Its mathematics is one compiled function

    step(parameters, state, arrivals, armed) -> (state, spiked)

over NamedTuples of numbers, for one neuron and one step of the grid:

- ``parameters``: what `Model.lower` computed from the user's parameters and dt, once, on the host;
- ``state``: the neuron's variables, the first of them ``v``;
- ``arrivals``: one field a port, the input that arrives at the end of the step; the last field, ``current``, is the
  current that flows during the step;
- ``armed``: whether the neuron may fire in this step (see ``active`` of `snn.Network.population`).

`step_of` finds the function by the class of the parameters, in compiled code as in plain Python, so an engine is
written once for all models. This folder is the only place with neuron mathematics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numba.extending import overload

from snn import checks, units
from snn.errors import ValidationError
from snn.jit import compiled
from snn.random import Distribution

_STEPS: dict[type, Callable] = {}


def step_of(parameters: type, cache: bool = True) -> Callable[[Callable], Callable]:
    """Register the decorated function as the step of models whose lowered parameters have this class.

    Parameters
    ----------
    parameters : type
        A NamedTuple class.
    cache : bool
        Whether to keep the machine code on disk.
    """

    def register(function: Callable) -> Callable:
        _STEPS[parameters] = compiled(function, cache=cache)
        return _STEPS[parameters]

    return register


def step(parameters, state, arrivals, armed):
    """Advance one neuron by one step; returns its new state and whether it spiked."""
    return _STEPS[type(parameters)](parameters, state, arrivals, armed)


@overload(step)
def _step_compiled(parameters, state, arrivals, armed):
    function = _STEPS[parameters.instance_class]  # pyright: ignore[reportAttributeAccessIssue]
    return lambda parameters, state, arrivals, armed: function(parameters, state, arrivals, armed)


class Lowered(NamedTuple):
    """A model made ready for one step length.

    Attributes
    ----------
    parameters : NamedTuple
        Numbers, or arrays with an element a neuron.
    state : NamedTuple
        Initial value of each state variable, numbers or arrays likewise.
    arrivals : type
        The NamedTuple class of the model's input: a field a port.
    counted : (str, float or ndarray), optional
        A port that receives a random number in every step, from a Poisson distribution, and its mean.
    """

    parameters: Any
    state: Any
    arrivals: type
    counted: tuple[str, Any] | None = None


class Flowed(NamedTuple):
    """A model made ready for the exact engine, which has no step; see `snn.neurons.flow`.

    Attributes
    ----------
    parameters : NamedTuple
        Numbers, or arrays with an element a neuron.
    state : NamedTuple
        Initial value of each state variable, numbers or arrays likewise; the first is u = v - parameters.origin.
    arrivals : type
        The NamedTuple class of the model's input: a field a port.
    """

    parameters: Any
    state: Any
    arrivals: type


Parameter = float | np.ndarray | Distribution
Values = dict[str, Any]  # numbers, or arrays with an element a neuron
_WEIGHT_UNITS = {"delta": "mV", "exponential": "pA", "alpha": "pA"}  # by kind of synapse


@dataclass(frozen=True)
class Model:
    """Base of all neuron models; see the module's text for what one provides.

    Parameters may be given as quantities: they are turned into plain numbers before a model's own ``__post_init__``
    goes on to check them, which calls this one first.
    """

    fixed: ClassVar[tuple[str, ...]] = ()  # parameters that no run may change, and variables that start as they do
    open_ports: ClassVar[tuple[str, ...]] = ()  # ports that a projection must choose from; none where weights decide

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            plain = checks.plain(type(self).__name__, field.name, value, self.unit(field.name))
            object.__setattr__(self, field.name, plain)

    def unit(self, name: str) -> str:
        """Return the unit of a parameter or state variable, "1" if it has none (see `snn.units.of`)."""
        return units.of(name)

    @property
    def weight_unit(self) -> str:
        """Unit of the weights of spikes that arrive here."""
        return _WEIGHT_UNITS.get(getattr(self, "synapse", ""), "1")

    def check_size(self, owner: str, size: int) -> None:
        """Refuse parameters that do not fit a population of `size` neurons."""
        for field in fields(self):
            checks.fits(owner, field.name, getattr(self, field.name), size)

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        raise TypeError(f"{type(self).__name__} does not say where spikes arrive")

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute what `step` needs from the user's parameters.

        Parameters
        ----------
        values : dict of str to float or ndarray (n,)
            The model's fields, with distributions already drawn.
        dt : float
            Step in ms.
        """
        raise TypeError(f"{type(self).__name__} cannot run on the grid engine")

    def flow(self, values: Values) -> Flowed:
        """Compute what `snn.neurons.flow` needs from the user's parameters, given as for `lower`.

        Raises
        ------
        ValidationError
            If the model has no solution in closed form.
        """
        name = type(self).__name__
        raise ValidationError(name, "engine", "exact", f'"grid", since {name} has no closed form between events')
