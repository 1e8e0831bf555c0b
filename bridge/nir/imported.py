"""A network read from a NIR file, and what it says of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np

import snn
from bridge.errors import ValidationError, positive_integer
from bridge.nir.cells import Cell, channels_first
from bridge.nir.linear import Shape
from snn.network import Source

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Reading:
    """What an Output node says: a sum over signals, step by step.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Channels first.
    terms : list of (str, csr_array, int)
        A cell or an input, the matrix between both as NIR counts them, and a delay in steps.
    bias : ndarray (elements,)
    unit : ndarray
        What multiplies it; it broadcasts to the shape.
    summed : bool
        Whether the steps so far are added up.
    """

    name: str
    shape: Shape
    terms: list[tuple[str, csr_array, int]]
    bias: np.ndarray
    unit: np.ndarray = field(default_factory=lambda: np.ones(()))
    summed: bool = False

    def read(self, signals: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the output (samples, steps, *shape) for signals (samples, steps, elements)."""
        samples, steps, _ = next(iter(signals.values())).shape
        total = np.zeros((samples, steps, prod(self.shape)))
        for source, matrix, delay in self.terms:
            if delay < steps:
                said = signals[source][:, : steps - delay]
                total[:, delay:] += (matrix @ said.reshape(-1, said.shape[2]).T).T.reshape(samples, steps - delay, -1)
        total = (total + self.bias).reshape(samples, steps, *self.shape)
        return (total.cumsum(axis=1) if self.summed else total) * self.unit


@dataclass(frozen=True, eq=False)
class Activity:
    """What an imported network did with some samples.

    Attributes
    ----------
    outputs : dict of str to ndarray of float64 (samples, steps, *shape)
        What each Output node said in every step, channels first: spikes as 1, voltages as they are, sums of them as
        linear nodes make them; of a network written here, the answer so far in the module's own units.
    spikes : dict of str to ndarray of bool (samples, steps, *shape)
        Whether each neuron fired, for every node with neurons that fire, channels first. Steps count from the node's
        first: nodes run one behind the other, see `Imported`.
    """

    outputs: dict[str, np.ndarray]
    spikes: dict[str, np.ndarray]

    @property
    def output(self) -> np.ndarray:
        """What the only Output node said."""
        if len(self.outputs) != 1:
            raise ValidationError(f"output is of networks with one; outputs has {', '.join(self.outputs)}")
        return next(iter(self.outputs.values()))


@dataclass(frozen=True, eq=False)
class Imported:
    """A network read from a NIR file, on the grid engine with one step a millisecond.

    A spike acts one step after it here, and at once in NIR. So each population runs a step behind those it reads, and
    its steps count from its own first; only within a cycle does every edge take a step of NIR's time.

    Attributes
    ----------
    network : snn.Network
        The spiking network, one like any other; populations have the nodes' names, images channels last.
    assumptions : tuple of str
        Everything that the file left open and what was taken; print them.
    inputs : dict of str to tuple of int
        Shapes of the Input nodes, channels first.
    steps : int or None
        T of a network written here, which has as many; None where it goes on as long as its input.
    weight_bits : int
        To how many bits weights are rounded, see `snn.Simulation`.
    """

    network: snn.Network
    assumptions: tuple[str, ...]
    inputs: dict[str, Shape]
    steps: int | None
    cells: dict[str, Cell] = field(repr=False)
    readings: list[Reading] = field(repr=False)
    sources: dict[tuple[str, int], Source] = field(repr=False)
    weight_bits: int = 32

    def __str__(self) -> str:
        neurons = ", ".join(f"{cell.name} {cell.shape}" for cell in self.cells.values())
        return "\n".join([f"NIR network: {neurons}", *(f"- {one}" for one in self.assumptions)])

    def run(self, x: np.ndarray | Mapping[str, np.ndarray], *, steps: int | None = None, threads: int = 1) -> Activity:
        """Give the network samples, all at once.

        Parameters
        ----------
        x : ndarray or dict of str to ndarray
            The input, or that of each Input node: (samples, steps, *shape), a value for every step, a spike being 1;
            or (samples, *shape), the same in every step. Channels first.
        steps : int, optional
            For how many, where the input is the same in every step. A network written here has its own number.
        threads : int
            On how many threads; it never changes a result.

        Raises
        ------
        ValidationError
            If inputs are missing, of other shapes, or not finite, or steps are missing or do not fit.
        """
        courses, steps = self._courses(x, steps)
        samples = len(next(iter(courses.values())))
        bits = self.weight_bits
        simulation = snn.Simulation(self.network, dt=1.0, batch=samples, threads=threads, weight_bits=bits)
        last = steps + max((cell.offset for cell in self.cells.values()), default=0)
        # In step k (from 1) a source that is d late gives its row k - 1 - d. Equal rows in a row are one stretch.
        rows = {name: _distinct(course, steps) for name, course in courses.items()}
        flowing: dict[tuple[str, int], int] = {}
        begun = 1
        for k in range(1, last + 2):
            now = {
                key: int(rows[key[0]][k - 1 - key[1]]) if 0 <= k - 1 - key[1] < steps else -1 for key in self.sources
            }
            if now == flowing and k <= last:
                continue
            if k > begun:
                simulation.run(float(k - begun))
            for key, source in self.sources.items():
                if k <= last and flowing.get(key) != now[key]:
                    course = courses[key[0]]
                    row = course[:, now[key]] if now[key] >= 0 else np.zeros_like(course[:, 0])
                    image = row.reshape(samples, *channels_first(source.shape or ()))
                    simulation.set(source, amplitude=np.moveaxis(image, 1, -1))
            flowing, begun = now, k
        return self._read(simulation.recording, courses, samples, steps)

    def _read(self, recording: snn.Recording, courses: dict[str, np.ndarray], samples: int, steps: int) -> Activity:
        signals = {name: np.broadcast_to(c, (samples, steps, *c.shape[2:])) for name, c in courses.items()}
        signals = {name: course.reshape(samples, steps, -1) for name, course in signals.items()}
        spikes = {}
        for cell in self.cells.values():
            if cell.fires:
                record = recording.spikes[cell.name]
                said = np.zeros((samples, steps, prod(cell.shape)), np.bool_)
                at = record.steps - cell.offset - 1
                inside = (at >= 0) & (at < steps)
                said[record.samples[inside], at[inside], record.neurons[inside]] = True
            else:
                said = recording.trace(cell.name).values[:, cell.offset : cell.offset + steps] + cell.rest
            first = np.moveaxis(said.reshape(samples, steps, *cell.shape[1:], cell.shape[0]), -1, 2)
            if cell.fires:
                spikes[cell.name] = first
            signals[cell.name] = first.reshape(samples, steps, -1)
        return Activity({reading.name: reading.read(signals) for reading in self.readings}, spikes)

    def _courses(
        self, x: np.ndarray | Mapping[str, np.ndarray], steps: int | None
    ) -> tuple[dict[str, np.ndarray], int]:
        """Return the inputs as (samples, steps or 1, *shape), and the number of steps."""
        given = x if isinstance(x, Mapping) else dict.fromkeys(self.inputs, x)
        if set(given) != set(self.inputs) or (len(self.inputs) > 1 and given is not x):
            named = ", ".join(self.inputs)
            raise ValidationError(f"x must be a dict with an array for each input, {named}, not of {sorted(given)}")
        if steps is not None:
            steps = positive_integer("steps", steps)
        if self.steps is not None and steps not in (None, self.steps):
            raise ValidationError(f"steps must be {self.steps}, the number the network was made for, or left out")
        steps = steps or self.steps
        courses = {}
        for name, values in given.items():
            shape, array = self.inputs[name], np.asarray(values, np.float64)
            constant = array.shape[1:] == shape
            if (not constant and array.shape[2:] != shape) or array.ndim < 2 or array.size == 0:
                sizes = ", ".join(map(str, shape))
                raise ValidationError(
                    f"x of {name} must have shape (samples, steps, {sizes}) or (samples, {sizes}), not {array.shape}"
                )
            if not np.isfinite(array).all():
                raise ValidationError(f"x of {name} must be finite; {np.argwhere(~np.isfinite(array))[0]} is not")
            courses[name] = array[:, None] if constant else array
            if not constant and steps not in (None, array.shape[1]):
                raise ValidationError(f"x of {name} has {array.shape[1]} steps, not {steps}")
            steps = steps if constant else array.shape[1]
        if steps is None:
            raise ValidationError("steps must be given: x is the same in every step")
        if len({len(course) for course in courses.values()}) > 1:
            raise ValidationError("x must have the same number of samples for every input")
        return courses, steps


def _distinct(course: np.ndarray, steps: int) -> np.ndarray:
    """Return for each step the first of the stretch of equal steps that it lies in."""
    if course.shape[1] == 1:
        return np.zeros(steps, np.int64)
    changed = np.ones(steps, np.bool_)
    changed[1:] = (course[:, 1:] != course[:, :-1]).reshape(len(course), steps - 1, -1).any(axis=(0, 2))
    return np.maximum.accumulate(np.where(changed, np.arange(steps), 0))
