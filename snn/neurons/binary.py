"""Binary units after McCulloch and Pitts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.neurons.flow import advance, crossing, earliest, fire, hold, receive, receive_held, update
from snn.neurons.model import Flowed, Lowered, Model, Parameter, Values, step_of

_BEYOND = 1e300


class Binary(NamedTuple):
    """What `step_binary` needs."""

    threshold: float
    always: bool  # update in every step


class BinaryFlow(NamedTuple):
    """What a unit needs on the exact engine; v is u."""

    origin: float
    threshold: float  # beyond all u: it does nothing by itself
    t_ref: float
    level: float  # the unit's own threshold, which counts at updates
    tau: float  # ms between updates, on average


class BinaryFlowState(NamedTuple):
    """Sum of the weights of active sources; current; 1 if the unit is active, else 0."""

    u: float
    current: float = 0.0
    n: float = 0.0


class BinaryChanges(NamedTuple):
    """Weights of sources now active less those of sources no longer so; change of the current."""

    change: float
    current: float


class BinaryState(NamedTuple):
    """Sum of the weights of active sources; whether the unit is active."""

    v: float
    n: int = 0


class BinaryArrivals(NamedTuple):
    """Weights of sources now active less those of sources no longer so; updates in this step; current."""

    change: float
    update: float
    current: float


@step_of(Binary)
def step_binary(p, s, x, armed):
    """Take up what has changed, and update the unit if it is its turn; an event where it changes."""
    v = s.v + x.change
    due = armed and (p.always or x.update > 0.0)
    n = int(v + x.current >= p.threshold) if due else s.n
    return BinaryState(v, n), n != s.n


@advance.of(BinaryFlow)
@hold.of(BinaryFlow)
def _wait(p, s, t):
    return s


@fire.of(BinaryFlow)
def _fire(p, s):
    return s


@crossing.of(BinaryFlow)
def _crossing(p, s, t):
    return math.inf


@earliest.of(BinaryFlow)
def _earliest(p, s):
    return math.inf


@receive.of(BinaryFlow)
@receive_held.of(BinaryFlow)
def _receive(p, s, x):
    return BinaryFlowState(s.u + x.change, s.current + x.current, s.n)


@update.of(BinaryFlow)
def _update(p, s):
    n = 1.0 if s.u + s.current >= p.level else 0.0
    return BinaryFlowState(s.u, s.current, n), n != s.n


@dataclass(frozen=True, eq=False, kw_only=True)
class McCullochPitts(Model):
    """Binary unit: active while the weights of its active sources come to its threshold.

    With n = 1 for an active unit and 0 for another, an update at time t makes

        n <- 1 if h >= threshold, else 0,    h = v(0) + sum_j w_j n_j(t - d_j) + current.

    Between updates n stays as it is. Units send events where n changes, and weights of sources are added to h when they
    become active and taken away when they no longer are. The state variable ``v`` is h without the current, ``n`` is n,
    and recorded spikes are the changes from 0 to 1. All units begin with n = 0.

    Sources are units of this model, each spike of a population of trains, which alternately makes its train active and
    inactive, and currents; these units cannot be sources of other models.

    Parameters
    ----------
    threshold : float, ndarray (n,) or distribution
        Without a unit, as weights are.
    update : {"random", "synchronous"}
        Random: each unit by itself, at the times of a Poisson process of rate 1 / tau, moved to the end of their step.
        Synchronous: all units in every step.
    tau : float, ndarray (n,) or distribution
        Mean time in ms between updates, at least dt; not for synchronous ones. It cannot be changed between runs.

    Raises
    ------
    ValidationError
        If the threshold is not finite, tau is not above 0, or there is no such kind of update.

    Notes
    -----
    W. S. McCulloch and W. Pitts (Bull. Math. Biophys. 5, 1943); updates at random times as of I. Ginzburg and H.
    Sompolinsky (Phys. Rev. E 50, 1994). NEST's mcculloch_pitts_neuron demands h > theta, and codes a change to 1 by
    two spikes at a time, to 0 by one. Weights are rounded as everywhere, to 2^-31 of the largest, and h is their exact
    sum: where it should meet the threshold, as three times 0.1 and 0.3, choose integers, or a threshold in between.
    """

    threshold: Parameter = 1.0
    update: Literal["random", "synchronous"] = "random"
    tau: Parameter = 10.0

    fixed: ClassVar[tuple[str, ...]] = ("tau", "n")

    def __post_init__(self):
        super().__post_init__()
        checks.choice("McCullochPitts", "update", self.update, ("random", "synchronous"))
        checks.parameters(self, finite=("threshold",), positive=("tau",))

    def unit(self, name: str) -> str:
        """Return "ms" for tau; nothing else has a unit."""
        return "ms" if name == "tau" else "1"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the one port for events."""
        return "change"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Compute how often to update in a step, on average."""
        always, tau = self.update == "synchronous", np.asarray(values["tau"], np.float64)
        if not always and np.any(tau < dt):
            raise ValidationError("McCullochPitts", "tau", float(tau.min()), f"at least dt = {dt:g} ms")
        counted = None if always else ("update", dt / tau)
        return Lowered(Binary(values["threshold"], always), BinaryState(0.0, 0), BinaryArrivals, counted)

    def flow(self, values: Values) -> Flowed:
        """Compute what an update needs."""
        if self.update == "synchronous":
            expected = '"random", or engine="grid": without a grid no step is common to all'
            raise ValidationError("McCullochPitts", "update", self.update, expected)
        parameters = BinaryFlow(0.0, _BEYOND, 0.0, values["threshold"], values["tau"])
        return Flowed(parameters, BinaryFlowState(0.0), BinaryChanges)
