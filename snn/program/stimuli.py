"""Lowering of stimuli: what they bring, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.network import Source
from snn.stimuli import Current, Poisson


def stimulus_input(source: Source, dt: float) -> np.ndarray:
    """Return what a stimulus brings: rates, amplitudes (elements,), or given spikes as rows (step, neuron) in order."""
    stimulus: Any = source.stimulus
    if isinstance(stimulus, Current):
        return stimulus.amplitude.ravel()
    owner = f"{source.name!r}"
    if isinstance(stimulus, Poisson):
        rate = np.broadcast_to(np.asarray(stimulus.rate, np.float64), source.size)
        if rate.max() * dt > 1000.0 * (1 + 1e-12):
            raise ValidationError(owner, "rate", float(rate.max()), f"at most one spike a step, {1000.0 / dt:g} Hz")
        return np.ascontiguousarray(rate)
    steps = [checks.steps(owner, f"trains[{i}]", train, dt, minimum=1) for i, train in enumerate(stimulus.trains)]
    rows = np.stack([np.concatenate(steps), np.repeat(np.arange(len(steps)), [len(s) for s in steps])], axis=1)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]
