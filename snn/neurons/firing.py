"""What neurons tested once a step do at the threshold: fire, reset, and count the steps of refractoriness."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snn import checks
from snn.arithmetic import fma
from snn.jit import inlined


@inlined
def left_after(p, refractory, spiked):
    """Return the steps of refractoriness left after a step, from those before it."""
    return np.int32(p.refractory_steps) if spiked else np.int32(refractory - (refractory > 0))


@inlined
def fire(p, old, v, refractory, threshold, armed):
    """Hold v if the neuron is refractory, test the threshold, and reset.

    Parameters
    ----------
    p : NamedTuple
        With the fields kept and base, of `reset_of`, and refractory_steps.
    old, v : float
        Before and after the step in mV.
    refractory : int
        Steps of refractoriness left before it.
    threshold : float
        In mV.
    armed : bool
        Whether the neuron may fire.

    Returns
    -------
    v : float
    refractory : int
    spiked : bool
    """
    free = refractory == 0
    spiked = free & (v >= (threshold if armed else math.inf))
    after = fma(p.kept, v, p.base)
    return after if spiked else (v if free else old), left_after(p, refractory, spiked), spiked


def refractory_steps(owner: str, t_ref: Any, dt: float) -> np.ndarray:
    """Return a refractory period in ms as a number of steps, which states count in 32 bits."""
    return checks.steps(owner, "t_ref", t_ref, dt, maximum=2**31 - 1)


def reset_of(reset: str, v_threshold: Any, v_reset: Any) -> dict[str, Any]:
    """Return the parameters of a reset, after which v is ``kept v + base``: without a branch for its kind.

    Parameters
    ----------
    reset : {"hard", "soft"}
        Hard: v is put at v_reset. Soft: it is lowered by v_threshold - v_reset.
    v_threshold, v_reset : float or ndarray
        In mV.
    """
    if reset == "soft":
        return {"kept": 1.0, "base": v_reset - v_threshold}
    return {"kept": 0.0, "base": v_reset}
