"""Leaky integrate-and-fire neurons of discrete time, as deep learning has them: no units, whatever dt is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from snn import checks
from snn.arithmetic import fma
from snn.errors import ValidationError
from snn.neurons.firing import reset_of
from snn.neurons.model import Lowered, Model, Parameter, Values, step_of
from snn.neurons.steps import Delta, DeltaArrivals, DeltaState
from snn.random import Distribution


class Retested(NamedTuple):
    """What `step_retested` needs."""

    decay: float
    v_threshold: float
    drop: float


@step_of(Retested)
def step_retested(p, s, x, armed):
    """As `step_delta`, but where v is still at the threshold, test what is left after another drop."""
    held = s.v >= p.v_threshold
    v = fma(p.decay, s.v, x.current) + x.delta
    v = v - p.drop if held else v
    spiked = armed and v >= p.v_threshold
    if spiked and not held:
        v = v - p.drop
    elif held and not spiked:
        v = v + p.drop
    return DeltaState(v, 0), spiked


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscreteLIF(Model):
    """Leaky integrate-and-fire neuron of discrete time: v <- beta v + input, whatever dt is.

    The neuron of surrogate-gradient libraries (snnTorch's Leaky; Eshraghian et al., Proc. IEEE 111, 2023), on the same
    compiled step as `LIF` with delta synapses. It has no units.

    Parameters
    ----------
    beta : float, ndarray (n,) or distribution
        Factor of v over a step, from 0 to 1.
    v_threshold, v_reset : float, ndarray (n,) or distribution
        A spike where v >= v_threshold; reset as for `LIF`.
    reset : {"soft", "hard", "retested"}
        Soft: v is lowered by v_threshold - v_reset. Hard: v is put at v_reset. Retested: soft, except that a neuron
        whose v is still at the threshold after its reset is tested, in the next step, against v_threshold plus what a
        reset takes away; it is what snnTorch 1.0 does with ``reset_mechanism="subtract", reset_delay=False``.

    Raises
    ------
    ValidationError
        If beta is outside 0 to 1 or a parameter is not finite.
    """

    beta: Parameter = 0.9
    v_threshold: Parameter = 1.0
    v_reset: Parameter = 0.0
    reset: Literal["hard", "soft", "retested"] = "soft"

    def __post_init__(self):
        super().__post_init__()
        beta = checks.parameter("DiscreteLIF", "beta", self.beta, minimum=0.0)
        if not isinstance(beta, Distribution) and np.any(np.asarray(beta) > 1):
            raise ValidationError("DiscreteLIF", "beta", self.beta, "numbers from 0 to 1")
        checks.parameter("DiscreteLIF", "v_threshold", self.v_threshold)
        checks.parameter("DiscreteLIF", "v_reset", self.v_reset)
        if self.reset not in ("hard", "soft", "retested"):
            raise ValidationError("DiscreteLIF", "reset", self.reset, '"hard", "soft" or "retested"')

    def unit(self, name: str) -> str:
        """Return "1": nothing here has a unit."""
        return "1"

    def port(self, weight_is_negative: bool) -> str:
        """Return the name of the one port."""
        return "delta"

    def lower(self, values: Values, dt: float) -> Lowered:
        """Take the parameters as they are."""
        threshold, reset = values["v_threshold"], values["v_reset"]
        if self.reset == "retested":
            parameters = Retested(values["beta"], threshold, threshold - reset)
            return Lowered(parameters, DeltaState(0.0, 0), DeltaArrivals)
        parameters = Delta(
            decay=values["beta"],
            drive=0.0,
            gain=1.0,
            v_threshold=threshold,
            **reset_of(self.reset, threshold, reset),
            refractory_steps=0,
        )
        return Lowered(parameters, DeltaState(0.0, 0), DeltaArrivals)
