"""Short-term depression and facilitation after Tsodyks and Markram."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from snn import checks, units
from snn.arithmetic import exp, fma, product
from snn.errors import ValidationError
from snn.jit import inlined
from snn.neurons.model import Parameter
from snn.random import Distribution, Normal, Uniform


@inlined
def recover(use, rate_rec, rate_fac, u, x, steps):
    """Return u and x at a spike, from those at the spike before.

    Parameters
    ----------
    use : float
        The rule's parameter u.
    rate_rec, rate_fac : float
        A step's length divided by tau_rec and by tau_fac.
    u, x : float
        At the spike before.
    steps : int
        Since then.
    """
    left = fma(-u, x, x)
    x = fma(left - 1.0, exp(-(steps * rate_rec)), 1.0)
    return fma(product(u, 1.0 - use), exp(-(steps * rate_fac)), use), x


@dataclass(frozen=True, eq=False, kw_only=True)
class TsodyksMarkram:
    """Short-term plasticity: each spike uses a share u of the resources x that its source has recovered.

    With U the parameter ``u``, and h the time since the source's spike before, a spike finds

        u <- U + u (1 - U) exp(-h / tau_fac)
        x <- 1 + (x - u x - 1) exp(-h / tau_rec)     (u and x on the right as at the spike before)

    and acts on all its targets with u x times their weights. At a source's first spike u = U and x = 1. The rule is
    presynaptic: u and x belong to a neuron and a projection, not to a synapse.

    Parameters
    ----------
    u : float, ndarray (n,) or distribution
        Share of the resources that a spike after long silence uses, from 0 to 1; an element for each of n sources.
    tau_rec : float, ndarray (n,) or distribution
        Time constant in ms of recovery from depression, above 0.
    tau_fac : float, ndarray (n,) or distribution
        Time constant in ms in which facilitation decays; with 0 there is none, and u is always U.

    Raises
    ------
    ValidationError
        If u is outside 0 to 1, tau_rec is not above 0, or tau_fac is negative.

    Notes
    -----
    The recursion from spike to spike of Markram, Wang and Tsodyks (PNAS 95, 1998, equations 2 and 3), which NEST has
    as tsodyks2_synapse. Tsodyks, Uziel and Markram (J. Neurosci. 20, 2000) have a third variable, the resources in use,
    and the synaptic current in the rule; here the target's own synapse makes the current.

    u x is rounded to 30 bits, and its product with a weight to the quantum of the weight's port: together at most one
    quantum, 2^-30 of the largest weight there.
    """

    u: Parameter = 0.5
    tau_rec: Parameter = 800.0
    tau_fac: Parameter = 0.0

    def __post_init__(self):
        owner = "TsodyksMarkram"
        for field in fields(self):
            plain = checks.plain(owner, field.name, getattr(self, field.name), units.of(field.name))
            object.__setattr__(self, field.name, plain)
        checks.parameters(self, not_negative=("u", "tau_fac"), positive=("tau_rec",))
        largest = self.u.bounds[1] if isinstance(self.u, Uniform) else self.u
        if not isinstance(largest, Normal) and np.any(np.asarray(largest) > 1):
            raise ValidationError(owner, "u", self.u, "numbers from 0 to 1")

    def lower(self, sources: int, dt: float, seed: int, stream: int) -> np.ndarray:
        """Draw what is to be drawn, parameter i from stream + i, and return u, dt / tau_rec and dt / tau_fac.

        Returns
        -------
        ndarray of float64 (3, sources)
        """
        drawn = {}
        for i, field in enumerate(fields(self)):
            value = getattr(self, field.name)
            if isinstance(value, Distribution):
                drawn[field.name] = value.sample(sources, seed, stream + i)
        rule = replace(self, **drawn)  # which refuses what it must
        with np.errstate(divide="ignore"):  # without facilitation the rate is infinite
            columns = rule.u, dt / np.asarray(rule.tau_rec, np.float64), dt / np.asarray(rule.tau_fac, np.float64)
        return np.stack([np.broadcast_to(np.asarray(column, np.float64), sources) for column in columns])
