"""Integrate-and-fire neuron of discrete time that fires in one period what it has integrated in the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from snn import checks
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of
from snn.neurons.steps import DeltaArrivals


class Periodic(NamedTuple):
    """What `step_periodic` needs."""

    period: int
    v_threshold: float
    v_start: float


class PeriodicState(NamedTuple):
    """What is left to fire; the sum of the input of this period; steps of it that are over."""

    v: float
    u: float = 0.0
    phase: int = 0


@step_of(Periodic)
def step_periodic(p, s, x, armed):
    """Add what arrives to u, which begins anew with a period and becomes v at its end; test v."""
    u = (p.v_start if s.phase == 0 else s.u) + (x.current + x.delta)
    ends = s.phase + 1 == p.period
    v = u if ends else s.v
    spiked = armed and v >= p.v_threshold
    return PeriodicState(v - p.v_threshold if spiked else v, u, 0 if ends else s.phase + 1), spiked


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriodicIF(Model):
    """Integrate-and-fire neuron of discrete time that fires in one period what it has integrated in the one before.

    u <- u + input, whatever dt is. With the last of the P steps of a period v <- u, and with the next step u begins
    anew, from v_start. A spike where v >= v_threshold, which is then taken away from v: from the last step of a period
    to the last but one of the next. So a neuron spikes N = clip(floor(u / v_threshold), 0, P) times, whenever in the
    period its input came, and a spike that acts one step later arrives in the period in which it was due.

    To integrate and to fire in phases of their own is from Liu, Zhao, Chen, Wang & Jiang, "SpikeConverter: an efficient
    conversion framework zipping the gap between artificial neural networks and spiking neural networks", AAAI 2022.
    It has no units. State variables: v, u, and phase, the steps of the period that are over.

    Parameters
    ----------
    period : int
        P, in steps.
    v_threshold : float, ndarray (n,) or distribution
        Above 0.
    v_start : float, ndarray (n,) or distribution
        Where u begins.

    Raises
    ------
    ValidationError
        If the period is no integer of at least 1, a threshold is not positive or a parameter not finite.
    """

    fixed: ClassVar = ("period",)
    period: int
    v_threshold: Parameter = 1.0
    v_start: Parameter = 0.0

    def __post_init__(self):
        super().__post_init__()
        checks.integer("PeriodicIF", "period", self.period, minimum=1)
        checks.parameter("PeriodicIF", "v_threshold", self.v_threshold, minimum=0.0, exclusive=True)
        checks.parameter("PeriodicIF", "v_start", self.v_start)

    def unit(self, name: str) -> str:
        """Return "1": nothing here has a unit."""
        return "1"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the one port."""
        return "delta"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        return Lowered(Periodic(**values), PeriodicState(0.0), DeltaArrivals)
