"""What engines with a fixed step have in common, wherever they keep their arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from snn import checks
from snn.errors import NumericalError
from snn.program import Program
from snn.program.tables import NEURONS, POISSON_TRAINS


class Grid(ABC):
    """A Program for a batch of independent samples; see `snn.engines.contract`.

    Parameters
    ----------
    program : Program
    batch : int
    seed : int
        Seed of random input.
    """

    def __init__(self, program: Program, batch: int, seed: int):
        self.program, self.batch, self.seed = program, batch, seed
        self.inputs: dict[str, Any] = {}
        self.step = 0
        self.last_steps = 0  # of the last span
        self.parameters = [group.parameters for group in program.groups]

    @abstractmethod
    def variable(self, name: str, variable: str) -> np.ndarray:
        """Return a state variable of a population now, (samples, neurons)."""

    @abstractmethod
    def _set_rates(self, node: int, thresholds: np.ndarray) -> None:
        """Give Poisson trains, (samples or 1, trains), the numbers below which a random word means a spike, uint64."""

    @abstractmethod
    def _set_drive(self, c: int, amplitudes: np.ndarray) -> None:
        """Give the elements of a current other amplitudes, (samples, elements)."""

    @abstractmethod
    def _traces(self) -> np.ndarray:
        """Return what was recorded in the last span, (samples, rows, recorded variables)."""

    # ---- input and parameters

    def set_input(self, name: str, values: Any) -> None:
        """Give a stimulus other values, of shape (elements,) or (samples, elements); see `Program.inputs`."""
        self.inputs[name] = values
        if name in self.program.names:
            node = self.program.names.index(name)
            if self.program.nodes.kind[node] == POISSON_TRAINS:
                thresholds = np.rint(np.atleast_2d(values) * self.program.dt / 1000.0 * 2.0**32).astype(np.uint64)
                self._set_rates(node, thresholds)
            return
        for c, source in enumerate(self.program.current_sources):
            if source == name and not self.program.varying.courses.bin[c]:
                self._set_drive(c, np.broadcast_to(values, (self.batch, np.shape(values)[-1])))

    def set_parameters(self, group: int, parameters: Any) -> None:
        """Give a group other parameters."""
        self.parameters[group] = parameters

    # ---- time

    @property
    def time(self) -> float:
        """Time simulated in ms."""
        return self.step * self.program.dt

    def goal(self, duration: float) -> int:
        """Return the step that is `duration` ms later, a multiple of dt."""
        return self.step + int(checks.steps("run", "duration", duration, self.program.dt))

    def _check_finite(self) -> None:
        for i, name in enumerate(self.program.names):
            if self.program.nodes.kind[i] != NEURONS:
                continue
            v = self.voltages(name)
            if not np.isfinite(v).all():
                sample, neuron = (int(j) for j in np.argwhere(~np.isfinite(v))[0])
                raise NumericalError(
                    f"population {name!r}: v of neuron {neuron} (sample {sample}) is {v[sample, neuron]} "
                    f"by t = {self.step * self.program.dt:g} ms; its input or parameters are too large"
                )

    # ---- what came of it

    def voltages(self, name: str) -> np.ndarray:
        """Return v of a population now, (samples, neurons)."""
        return self.variable(name, "v")

    def group_of(self, name: str) -> int:
        """Return the group that a population belongs to."""
        return int(self.program.nodes.group[self.program.names.index(name)])

    def variables(self, name: str) -> tuple[str, ...]:
        """Return the names of a population's state variables."""
        return self.program.groups[self.group_of(name)].state._fields

    def take_traces(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each probe the times in ms recorded in the last span and the values, (samples, times, neurons)."""
        probes, first, found = self.program.probes, self.step - self.last_steps, []
        traces = self._traces()
        for p in range(len(probes.node)):
            every = int(probes.every[p])
            begin, end = first // every, self.step // every
            columns = slice(int(probes.first[p]), int(probes.first[p] + probes.stop[p] - probes.start[p]))
            values = traces[:, : end - begin, columns].copy()
            found.append((np.arange(begin + 1, end + 1) * every * self.program.dt, values))
        return found
