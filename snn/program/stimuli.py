"""Lowering of stimuli: what they bring, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.network import Source
from snn.stimuli import Current, GammaTrains, InhomogeneousPoisson, Poisson, SampledCurrent, SineCurrent


def stimulus_input(source: Source, dt: float) -> np.ndarray:
    """Return what a stimulus with a shape brings, element by element.

    Rates in Hz (elements,) of Poisson trains, or (bins, 1 or elements) if they change; rate and order (2, elements) of
    gamma trains; amplitudes in pA (elements,), or (bins, elements); of sinusoidal currents amplitude, frequency, phase
    and offset (4, elements); and given spikes as rows (step, neuron) in order.
    """
    stimulus: Any = source.stimulus
    if isinstance(stimulus, Current):
        return stimulus.amplitude.ravel()
    if isinstance(stimulus, SampledCurrent):
        return stimulus.amplitude.reshape(len(stimulus.amplitude), -1)
    if isinstance(stimulus, SineCurrent):
        parts = stimulus.amplitude, stimulus.frequency, stimulus.phase, stimulus.offset
        return np.stack([part.ravel() for part in parts])
    owner = f"{source.name!r}"
    if isinstance(stimulus, Poisson | InhomogeneousPoisson | GammaTrains):
        rate = np.asarray(stimulus.rate, np.float64)
        if rate.max() * dt > 1000.0 * (1 + 1e-12):
            raise ValidationError(owner, "rate", float(rate.max()), f"at most one spike a step, {1000.0 / dt:g} Hz")
        if isinstance(stimulus, InhomogeneousPoisson):
            return rate
        if isinstance(stimulus, GammaTrains):
            order = np.asarray(stimulus.order, np.float64)
            return np.stack([np.broadcast_to(x, source.size) for x in (rate, order)])
        return np.ascontiguousarray(np.broadcast_to(rate, source.size))
    steps = [checks.steps(owner, f"trains[{i}]", train, dt, minimum=1) for i, train in enumerate(stimulus.trains)]
    rows = np.stack([np.concatenate(steps), np.repeat(np.arange(len(steps)), [len(s) for s in steps])], axis=1)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]
