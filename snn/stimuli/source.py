"""A stimulus by its name in a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snn.stimuli.counts import Counts
from snn.stimuli.currents import Current, NoiseCurrent, SampledCurrent, SineCurrent
from snn.stimuli.spikes import GammaTrains, InhomogeneousPoisson, Poisson, SpikeTrains

Stimulus = (
    Poisson
    | InhomogeneousPoisson
    | GammaTrains
    | SpikeTrains
    | Counts
    | Current
    | SampledCurrent
    | SineCurrent
    | NoiseCurrent
)


@dataclass(frozen=True, eq=False)
class Source:
    """A stimulus in a network; made by `Network.poisson`, `Network.current` and the like."""

    name: str
    stimulus: Stimulus

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the source; None where every target has an input of its own."""
        return self.stimulus.shape

    @property
    def size(self) -> int:
        """Number of elements; 0 where every target has an input of its own."""
        return 0 if self.shape is None else math.prod(self.shape)

    @property
    def flows(self) -> bool:
        """Whether it is a current."""
        return isinstance(self.stimulus, Current | SampledCurrent | SineCurrent | NoiseCurrent)

    @property
    def by_target(self) -> dict[str, float | np.ndarray]:
        """What may have an element a target, by name: nothing, unless every target has an input of its own."""
        if isinstance(self.stimulus, NoiseCurrent):
            return {"mean": self.stimulus.mean, "std": self.stimulus.std}
        if self.shape is not None or not isinstance(self.stimulus, Poisson | InhomogeneousPoisson):
            return {}
        rate = self.stimulus.rate
        if isinstance(self.stimulus, InhomogeneousPoisson):
            rate = self.stimulus.rate[0] if self.stimulus.rate.shape[1] > 1 else float(self.stimulus.rate[0, 0])
        return {"rate": rate}
