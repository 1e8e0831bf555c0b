"""A spiking network taken over from its training, and how it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import snn
from bridge.errors import ValidationError
from bridge.inference import check_samples
from bridge.plan import encoded
from bridge.rate.converted import Converted
from snn.stimuli import Current


@dataclass(frozen=True, eq=False, kw_only=True)
class TakenOver(Converted):
    """A spiking network taken over with the code of its input and its decision; see `bridge.take_over`.

    Attributes
    ----------
    given : callable
        From samples (samples, *shape) to what the network is given of them in every step, (steps, samples, ...).
    shape : tuple of int
        Of a sample.
    first_spike : bool
        Whether scores are the steps left after each output neuron's first spike, and not their numbers of spikes.
    """

    given: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, ...]
    first_spike: bool

    def encode(self, simulation: snn.Simulation, samples: np.ndarray) -> None:
        """Give a simulation samples (batch, *shape) whose code is the same in every step; see `simulate` for others.

        Raises
        ------
        ValidationError
            If it changes.
        """
        given = self.given(samples)
        if (given != given[0]).any():
            raise ValidationError("samples become input that changes from step to step, as simulate gives it")
        super().encode(simulation, given[0])

    def simulate(self, simulation: snn.Simulation, samples: np.ndarray) -> snn.Recording:
        """Give a simulation samples (batch, *shape), step by step, run an inference, and return all that was recorded.

        Where layers that lie deeper read the input, too, they have sources of their own, which begin later.
        """
        layer, given = self.emitted.input, self.given(samples)
        begins = []
        for source in self.emitted.inputs:
            assert isinstance(source.stimulus, Current)  # what a network that is taken over has
            begins.append(int(source.stimulus.start))
        changes = [0, *(t for t in range(1, self.steps) if (given[t] != given[t - 1]).any())]
        times = sorted({begin + change for begin in begins for change in changes})
        for now, until in pairwise([*times, self.duration]):
            for source, begin in zip(self.emitted.inputs, begins, strict=True):
                if now - begin in changes:
                    flat = encoded(layer, given[now - begin])[:, layer.layout.order]
                    simulation.set(source, amplitude=flat)
            simulation.run(float(until - now))
        return simulation.recording

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        return check_samples(samples, self.shape)

    def _course(self, recording: snn.Recording) -> np.ndarray:
        course = super()._course(recording)
        return (course > 0).cumsum(axis=1, dtype=np.float64) if self.first_spike else course
