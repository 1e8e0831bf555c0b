"""The choices of a rate-coded conversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np

from bridge.errors import ValidationError

Rule = Literal["least_squares", "max", "percentile", "local_balancing"]
_RULES = ("least_squares", "max", "percentile", "local_balancing")


@dataclass(frozen=True, eq=False, kw_only=True)
class RateOptions:
    """How a network is converted by rate; the defaults are what was measured to lose least.

    Parameters
    ----------
    thresholds : {"least_squares", "max", "percentile", "local_balancing"} or dict of str to array
        The rule that chooses thresholds on the samples (see `bridge.rate.thresholds`). Or thresholds by the name of the
        activation, a number or one a channel, in units of the activation: what T spikes stand for. Those of
        activations that are not named are chosen by least squares, those of `ann.QuantisedReLU` are its own.
    percentile : float
        Of the rule of this name, above 0 and at most 100.
    per : {"channel", "layer"}
        Whether every channel has a threshold of its own, or all of a layer one.
    initial_charge : float
        Where v starts, in thresholds, from 0 to 1. At one half a count is rounded to the nearest, at 0 down.
    reset : {"soft", "hard"}
        Soft: a spike takes the threshold away from v. Hard: it puts v at 0, and what was above is lost.
    wait : int
        Steps of input that a layer whose input comes in spikes integrates before the step in which it may first fire.
        Neurons of a recurrent population, and what reads it, integrate all T steps of an element before they fire.
    input : {"constant", "poisson"}
        Constant: a current. Poisson: each element x, 0 <= x <= 1, comes as a spike in a step with probability x.
    correct_bias : bool
        Whether each layer's bias is corrected, channel by channel and layer after layer, by the mean difference between
        the artificial and the spiking network on the samples.
    unroll : bool
        Whether recurrent layers have a population for every step of the sequence, with thresholds of its own, and not
        one population that says the steps one after the other.
    weight_bits : {24, 32, 16}
        To how many bits weights are rounded, see `snn.Simulation`. With 24, as many as float32 has, each errs by at
        most 2^-23 of the largest one of its layer, and their sums mostly fit in 32 bits, which takes half the time.

    Raises
    ------
    ValidationError
        If a choice is none of these.
    """

    thresholds: Rule | Mapping[str, object] = "least_squares"
    percentile: float = 99.9
    per: Literal["channel", "layer"] = "channel"
    initial_charge: float = 0.5
    reset: Literal["soft", "hard"] = "soft"
    wait: int = 1
    input: Literal["constant", "poisson"] = "constant"
    correct_bias: bool = False
    unroll: bool = False
    weight_bits: int = 24

    def __post_init__(self):
        if not isinstance(self.thresholds, Mapping):
            _choice("thresholds", self.thresholds, _RULES, " or a dict of thresholds by the names of activations")
        _choice("per", self.per, ("channel", "layer"))
        _choice("reset", self.reset, ("soft", "hard"))
        _choice("input", self.input, ("constant", "poisson"))
        _number("percentile", self.percentile, "a number above 0 and at most 100", lambda p: 0.0 < p <= 100.0)
        _number("initial_charge", self.initial_charge, "a number from 0 to 1", lambda v: 0.0 <= v <= 1.0)
        if isinstance(self.wait, bool) or not isinstance(self.wait, int | np.integer) or self.wait < 0:
            raise ValidationError(f"wait must be an integer of at least 0, not {self.wait!r}")
        for name in ("correct_bias", "unroll"):
            if not isinstance(getattr(self, name), bool):
                raise ValidationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if isinstance(self.weight_bits, bool) or self.weight_bits not in (16, 24, 32):
            raise ValidationError(f"weight_bits must be 24, 32 or 16, not {self.weight_bits!r}")


def _choice(name: str, value: object, choices: tuple[str, ...], more: str = "") -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValidationError(f"{name} must be one of {', '.join(map(repr, choices))}{more}, not {value!r}")


def _number(name: str, value: object, expected: str, accept) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (real and accept(value)):
        raise ValidationError(f"{name} must be {expected}, not {value!r}")
