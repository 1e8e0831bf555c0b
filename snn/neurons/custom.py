"""A user's own neuron model: equations, threshold and reset in about ten lines of Python."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import count
from typing import Any, ClassVar, NamedTuple, dataclass_transform

from numba.core import types
from numba.extending import overload

from snn import checks
from snn.errors import ValidationError
from snn.jit import compiled, intrinsic, never_cached
from snn.neurons.integration import added, derivatives_of, evolve
from snn.neurons.model import Lowered, Model, Values, step_of

_SERIAL = count()
_ARGUMENTS = {
    "derivatives": "(p, s, current)",
    "update": "(p, s, current, dt)",
    "threshold": "(p, s)",
    "reset": "(p, s)",
}


def as_floats(values: Any) -> tuple:
    """Return a number, or the numbers of a tuple, as a tuple of floats."""
    return tuple(float(value) for value in (values if isinstance(values, tuple) else (values,)))


@intrinsic
def _as_floats(typing_context, values):
    def generate(context, builder, signature, arguments):
        items = [
            context.cast(builder, builder.extract_value(arguments[0], i), kind, types.float64)
            for i, kind in enumerate(values)
        ]
        return context.make_tuple(builder, signature.return_type, items)

    return types.UniTuple(types.float64, len(values))(values), generate


@overload(as_floats)
def _as_floats_compiled(values):
    if isinstance(values, types.BaseTuple):
        return lambda values: _as_floats(values)
    return lambda values: (float(values),)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class CustomModel(Model):
    """Base class of neuron models of your own.

    A subclass is checked and compiled where it is defined, and is then a model like any other, on every engine that
    takes steps. In its body stand:

    - parameters, annotated, each with a number as its default. An instance may have a number, an array or a
      distribution in its place.
    - ``state``: the state variables and where they start, a number or a parameter's name; the first of them is v.
    - ``derivatives(p, s, current)``: the rate of change of every state variable per ms, as a tuple in that order, at
      parameters p, state s and a current in pA. It is solved to 1e-9 by `snn.neurons.integration`. Or, instead of it,
      ``update(p, s, current, dt)``: the state after a step of dt ms.
    - ``threshold(p, s)``: whether the neuron spikes, asked at the end of every step, when the input has arrived.
    - ``reset(p, s)``: the state after a spike, as a tuple.
    - ``ports``, unless weights are to be added to v: ``{"syn": "i"}`` adds them to state variable i,
      ``{"ex": "g_ex", "inh": "g_in"}`` positive ones to g_ex and the size of negative ones to g_in.

    The functions take no self, and p and s have the parameters and the state variables as attributes. They contain what
    Numba compiles. For the same bits on every device, use `exp`, `log`, and where a product is added to something `fma`
    of `snn.arithmetic`.

    Raises
    ------
    ValidationError
        At the definition, where something is missing, has a wrong name or does not compile; at an instance, where a
        parameter is not a finite number.

    Examples
    --------
    The resonate-and-fire neuron (Izhikevich, Neural Networks 14, 2001), whose v rings after a spike:

    >>> class Resonator(snn.CustomModel):
    ...     damping: float = 0.1  # 1/ms
    ...     omega: float = 0.6  # 1/ms
    ...     v_threshold: float = 1.0
    ...     state = {"v": 0.0, "u": 0.0}
    ...     ports = {"syn": "u"}
    ...     def derivatives(p, s, current):
    ...         return -p.damping * s.v + p.omega * s.u, -p.damping * s.u - p.omega * s.v + current
    ...     def threshold(p, s):
    ...         return s.v >= p.v_threshold
    ...     def reset(p, s):
    ...         return p.v_threshold, 0.0
    >>> net = snn.Network()
    >>> cells = net.population("cells", 2, Resonator(omega=np.array([0.6, 1.2])))
    >>> pair = net.spike_trains("pair", [[1.0, 6.2]])  # 5.2 ms apart, a period of the second cell
    >>> projections = net.connect(pair, cells, snn.AllToAll(), weight=1.0)
    >>> snn.Simulation(net, dt=0.1).run(20.0).spikes["cells"].counts()[0].tolist()
    [0, 1]
    """

    state: ClassVar[dict[str, float | str]]
    ports: ClassVar[dict[str, str]] = {"delta": "v"}
    _classes: ClassVar[tuple[type, type, type]]

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        for name, kind in inspect.get_annotations(cls).items():
            if "ClassVar" not in str(kind) and name not in vars(cls):
                raise ValidationError(cls.__name__, name, "no default", "a parameter with a number as its default")
        dataclass(frozen=True, eq=False, kw_only=True)(cls)
        parameters = {field.name: checks.number(cls.__name__, field.name, field.default) for field in fields(cls)}
        if "dt" in parameters:
            raise ValidationError(cls.__name__, "dt", parameters["dt"], "another name: dt is the step in ms")
        initial = _checked_state(cls, parameters)
        _check_ports(cls)
        cls._classes = (
            _structure(cls, "Parameters", [*parameters, "dt"]),
            _structure(cls, "State", list(initial)),
            _structure(cls, "Arrivals", [*cls.ports, "current"]),
        )
        sample = cls._classes[0](**parameters, dt=0.1), cls._classes[1](**initial)
        _register(cls, {name: _checked(cls, name, sample) for name in _names(cls)})

    def __post_init__(self):
        super().__post_init__()
        checks.parameters(self, finite=tuple(field.name for field in fields(self)))

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the port that a spike of this sign arrives at."""
        return list(self.ports)[-1 if weight_is_negative else 0]

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        parameters, state, arrivals = self._classes
        initial = {name: values[start] if isinstance(start, str) else start for name, start in self.state.items()}
        return Lowered(parameters(**values, dt=dt), state(**initial), arrivals)


def _names(cls: type[CustomModel]) -> list[str]:
    """Return the names of the functions the class has to have."""
    ways = [name for name in ("derivatives", "update") if hasattr(cls, name)]
    if len(ways) != 1:
        expected = "either derivatives(p, s, current) or update(p, s, current, dt)"
        raise ValidationError(cls.__name__, "derivatives", " and ".join(ways) or "neither", expected)
    return [*ways, "threshold", "reset"]


def _checked_state(cls: type[CustomModel], parameters: dict[str, float]) -> dict[str, float]:
    """Return where the state variables start, given the parameters' defaults."""
    state = getattr(cls, "state", "nothing")
    if not isinstance(state, dict) or next(iter(state), None) != "v":
        raise ValidationError(cls.__name__, "state", state, 'a dict of initial values whose first name is "v"')
    initial = {}
    for name, start in state.items():
        if isinstance(start, str) and start not in parameters:
            raise ValidationError(
                cls.__name__, f"state[{name!r}]", start, f"a number or one of {', '.join(parameters)}"
            )
        initial[name] = checks.number(cls.__name__, f"state[{name!r}]", parameters.get(start, start))
    return initial


def _check_ports(cls: type[CustomModel]) -> None:
    """Refuse ports that are not one or two, or lead to no state variable."""
    ports, expected = cls.ports, "one or two names, each with the state variable that weights are added to"
    if not isinstance(ports, dict) or len(ports) not in (1, 2) or "current" in ports:
        raise ValidationError(cls.__name__, "ports", ports, expected)
    for port, variable in ports.items():
        if variable not in cls.state:
            raise ValidationError(cls.__name__, f"ports[{port!r}]", variable, f"one of {', '.join(cls.state)}")


def _structure(cls: type, kind: str, names: list[str]) -> Any:
    """Make a NamedTuple class of floats for a model, with a name of its own: Numba tells such classes by their names.

    Kernels for it are not cached on disk, where the name may tomorrow be another model's.
    """
    made: Any = NamedTuple(f"{cls.__name__}{kind}{next(_SERIAL)}", [(one, float) for one in names])  # pyright: ignore
    return never_cached(made)


def _checked(cls: type[CustomModel], name: str, sample: tuple) -> Callable:
    """Return one of the class's functions compiled, after it has been called with the parameters' defaults."""

    def refuse(problem: str) -> ValidationError:
        return ValidationError(
            cls.__name__, name, getattr(cls, name, "nothing"), f"{name}{_ARGUMENTS[name]}: {problem}"
        )

    function: Any = inspect.getattr_static(cls, name, None)
    function = getattr(function, "__func__", function)
    size = _ARGUMENTS[name].count(",") + 1
    if not inspect.isfunction(function) or len(inspect.signature(function).parameters) != size:
        raise refuse(f"a function of {size} arguments, without self")
    arguments = (*sample, 0.0, 0.1)[:size]
    try:
        function(*arguments)
    except ArithmeticError:
        pass  # which compiled code answers with inf or nan
    except Exception as error:
        known = f"p has {', '.join(sample[0]._fields)}; s has {', '.join(sample[1]._fields)}"
        raise refuse(f"a function that does not raise {type(error).__name__}: {error} ({known})") from error
    fast = compiled(function, cache=False)
    try:
        result: Any = fast(*arguments)
    except Exception as error:
        raise refuse(f"what Numba compiles, but it says: {error}") from error
    if name == "threshold":
        if not isinstance(result, bool):
            raise refuse(f"True or False, not {result!r}")
    elif len(as_floats(result)) != len(cls.state):
        raise refuse(f"a number for each of {', '.join(cls.state)}, not {result!r}")
    setattr(cls, name, staticmethod(function))
    return fast


def _register(cls: type[CustomModel], functions: dict[str, Callable]) -> None:
    """Put the step of a class together from its compiled functions."""
    parameters, state, _ = cls._classes
    threshold, reset = functions["threshold"], functions["reset"]
    # What a weight of 1 adds to every state variable; one that inhibits arrives as a negative number.
    first, last = (
        tuple(sign * (name == variable) for name in cls.state)
        for sign, variable in zip((1.0, -1.0), (*cls.ports.values(), None)[:2], strict=True)
    )

    if "update" in functions:
        update = functions["update"]

        def once(p, s, current):
            return as_floats(update(p, s, current, p.dt))

        advance = once
    else:
        rates = functions["derivatives"]

        @derivatives_of(parameters)
        def dynamics(p, y, current):
            return as_floats(rates(p, state(*y), current))

        def solve(p, s, current):
            return evolve(p, as_floats(s), current, p.dt, math.inf)[0]

        advance = solve
    advanced = compiled(advance, cache=False)

    @step_of(parameters, cache=False)
    def step_custom(p, s, x, armed):
        y = added(x[0], first, advanced(p, s, x.current))
        if len(x) > 2:
            y = added(x[1], last, y)
        after = state(*y)
        if armed and threshold(p, after):
            return state(*as_floats(reset(p, after))), True
        return after, False
