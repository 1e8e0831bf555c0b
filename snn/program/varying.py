"""Lowering of stimuli that vary: Poisson rates in bins, gamma trains, sampled, sinusoidal and noise currents.

Like those of `snn.program.tables`, each table is a NamedTuple of arrays, of int64 where nothing else is said.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.network import Population, Source
from snn.poisson import PoissonTables
from snn.program.currents import flow_of
from snn.program.lists import Listed, first_of_nodes
from snn.program.noise import means_of, tables_of
from snn.program.stimuli import stimulus_input
from snn.program.tables import NEVER
from snn.stimuli import GammaTrains, InhomogeneousPoisson, NoiseCurrent, SampledCurrent, SineCurrent

_LARGEST = 2.0**60  # of a current, in quanta
_LARGEST_DEVIATION = 6.5  # standard deviations: no noise drawn with 32 bits is farther out


class VaryingNoise(NamedTuple):
    """Poisson input whose rate changes, a train of its own for every target; a row a projection."""

    first: np.ndarray  # rows first[i] .. first[i + 1] - 1 are node i's
    port: np.ndarray
    start: np.ndarray  # targets from `start` on ...
    stop: np.ndarray  # ... up to the one before `stop` receive it
    weight: np.ndarray  # multiples of the port's quantum
    stream: np.ndarray
    bin: np.ndarray  # steps
    bins: np.ndarray  # how many; the last one goes on for ever
    width: np.ndarray  # rates a bin: one for all targets, or one each
    first_rate: np.ndarray  # into `rates`
    rates: np.ndarray  # int32 (bins x width of all rows): row of `counts`
    counts: PoissonTables


class VaryingTrains(NamedTuple):
    """Populations of Poisson trains whose rate changes; a row a node."""

    bin: np.ndarray  # steps
    bins: np.ndarray  # how many; the last one goes on for ever
    width: np.ndarray  # rates a bin: one for all trains, or one each
    first: np.ndarray  # into `thresholds`
    thresholds: np.ndarray  # uint64 (bins x width of all rows): a train spikes where a random word is below


class Renewals(NamedTuple):
    """Populations of trains with gamma-distributed intervals."""

    first: np.ndarray  # the first train of each node
    order: np.ndarray  # float64 (trains)
    scale: np.ndarray  # float64 (trains): mean interval over order, in steps


class Courses(NamedTuple):
    """How currents change; a row for each of `Currents`."""

    bin: np.ndarray  # steps between changes; 0 for a constant current
    bins: np.ndarray  # rows of amplitudes, the last of which flows on; 0 for a sinusoidal current
    start: np.ndarray  # it flows in steps k with start < k <= stop; bins count from `start`
    stop: np.ndarray
    elements: np.ndarray
    first: np.ndarray  # into `amplitudes` (bins x elements of all rows), or `waves`
    amplitudes: np.ndarray  # float64, pA
    waves: np.ndarray  # float64 (elements, 4): offset and amplitude in pA, cycles a step, phase in cycles


class NoiseCurrents(NamedTuple):
    """Gaussian noise, another one for every target; a row a projection."""

    first: np.ndarray  # rows first[i] .. first[i + 1] - 1 are node i's
    start: np.ndarray  # it flows in steps k with from < k <= until
    stop: np.ndarray
    interval: np.ndarray  # steps between changes
    low: np.ndarray  # targets from `low` on ...
    high: np.ndarray  # ... up to the one before `high` receive it
    stream: np.ndarray
    first_target: np.ndarray  # into `mean` and `std`, and the engine's array of what each target receives
    mean: np.ndarray  # float64 (targets): in quanta of the target's current
    std: np.ndarray  # likewise


class Varying(NamedTuple):
    """All of them."""

    noise: VaryingNoise
    trains: VaryingTrains
    renewals: Renewals
    courses: Courses
    currents: NoiseCurrents

    @property
    def anything(self) -> bool:
        """Whether anything varies."""
        sizes = self.noise.start, self.trains.thresholds, self.renewals.order, self.currents.mean
        return any(len(column) for column in sizes) or bool(self.courses.bin.any())


def lower_varying(
    order: list[Population | Source], own: list[Listed], currents: list[Listed], seed: int, dt: float
) -> Varying:
    """Lower what varies.

    Parameters
    ----------
    order : list of Population or Source
        The nodes.
    own : list of Listed
        Projections from stimuli that vary and have no shape, where every target has an input of its own.
    currents : list of Listed
        Projections of `Currents`, in that table's order.
    seed : int
        Of weights.
    dt : float
        In ms.
    """
    own = sorted(own, key=lambda one: one.target)
    noise = [one for one in own if isinstance(_stimulus(one), InhomogeneousPoisson)]
    fluctuating = [one for one in own if isinstance(_stimulus(one), NoiseCurrent)]
    return Varying(
        _lower_noise(noise, len(order), seed, dt),
        _lower_trains(order, dt),
        _lower_renewals(order, dt),
        _lower_courses(currents, dt),
        _lower_noise_currents(fluctuating, len(order), seed, dt),
    )


def _stimulus(one: Listed) -> Any:
    return one.projection.source.stimulus  # pyright: ignore[reportAttributeAccessIssue]


def _bin(source: Source | Population, length: float, dt: float, name: str = "bin") -> int:
    return int(checks.steps(f"{source.name!r}", name, length, dt, minimum=1))


def _table(rows: list[tuple[int, ...]], columns: int) -> list[Any]:
    return list(np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, columns).T))


def _firsts(parts: list[np.ndarray]) -> np.ndarray:
    return np.cumsum([0, *(len(part) for part in parts)]).astype(np.int64)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *parts])


def _lower_noise(noise: list[Listed], nodes: int, seed: int, dt: float) -> VaryingNoise:
    rows, means = [], []
    for one in noise:
        p, stimulus = one.projection, _stimulus(one)
        (integer,), (port,) = one.weights(seed, 0, 1)
        stop, (bins, width) = p.target_start + p.target_size, stimulus.rate.shape
        rows.append((port, p.target_start, stop, integer, one.stream, _bin(p.source, stimulus.bin, dt), bins, width))
        means.append(means_of(p.source, stimulus.rate.ravel(), dt))  # pyright: ignore[reportArgumentType]
    first, places = first_of_nodes([one.target for one in noise], nodes), _firsts(means)[:-1]
    return VaryingNoise(*[first, *_table(rows, 8), places, *tables_of(_joined(means))])


def _lower_trains(order: list[Population | Source], dt: float) -> VaryingTrains:
    rows, parts = [], []
    for item in order:
        rates = np.zeros((0, 0))
        length = 1
        if isinstance(item, Source) and isinstance(item.stimulus, InhomogeneousPoisson):
            rates, length = stimulus_input(item, dt), _bin(item, item.stimulus.bin, dt)
        rows.append((length, *rates.shape))
        parts.append(rates.ravel() * dt / 1000.0 * 2.0**32)
    return VaryingTrains(*[*_table(rows, 3), _firsts(parts)[:-1], np.rint(_joined(parts)).astype(np.uint64)])


def _lower_renewals(order: list[Population | Source], dt: float) -> Renewals:
    parts = []
    for item in order:
        if isinstance(item, Source) and isinstance(item.stimulus, GammaTrains):
            parts.append(stimulus_input(item, dt).T)
        else:
            parts.append(np.zeros((0, 2)))
    rates, orders = np.concatenate(parts).T
    with np.errstate(divide="ignore"):  # a rate of 0 has endless intervals
        scale = 1000.0 / (rates * dt * orders)
    return Renewals(_firsts(parts)[:-1], np.ascontiguousarray(orders), scale)


def _lower_courses(currents: list[Listed], dt: float) -> Courses:
    rows, amplitudes, waves, count = [], [], [np.zeros((0, 4))], 0
    for one in currents:
        source: Any = one.projection.source
        stimulus, given = source.stimulus, stimulus_input(source, dt)
        if isinstance(stimulus, SampledCurrent):
            length = _bin(source, stimulus.bin, dt)
            rows.append((length, len(given), *flow_of(source, dt), source.size, sum(map(len, amplitudes))))
            amplitudes.append(given.ravel())
        elif isinstance(stimulus, SineCurrent):
            rows.append((1, 0, *flow_of(source, dt), source.size, count))
            amplitude, frequency, phase, offset = given
            columns = offset, amplitude, frequency * dt / 1000.0, phase / (2.0 * math.pi)
            waves.append(np.stack(columns, axis=1))
            count += source.size
        else:
            rows.append((0, 0, NEVER, NEVER, 0, 0))
    return Courses(*[*_table(rows, 6), _joined(amplitudes), np.concatenate(waves)])


def _lower_noise_currents(fluctuating: list[Listed], nodes: int, seed: int, dt: float) -> NoiseCurrents:
    rows, means, stds = [], [], []
    for one in fluctuating:
        p, stimulus = one.projection, _stimulus(one)
        weight = float(one.weights(seed, 0, 1)[0][0])
        mean, std = (np.broadcast_to(x, p.target_size).astype(np.float64) for x in (stimulus.mean, stimulus.std))
        largest = (np.abs(mean) + _LARGEST_DEVIATION * std).max()
        if largest * abs(weight) > _LARGEST:
            expected = f"currents of at most {_LARGEST / abs(weight):g} pA, with {_LARGEST_DEVIATION} deviations"
            raise ValidationError(f"current {p.source.name!r}", "std", float(std.max()), expected)
        interval, stop = _bin(p.source, stimulus.interval, dt, "interval"), p.target_start + p.target_size
        rows.append((*flow_of(p.source, dt), interval, p.target_start, stop, one.stream))  # pyright: ignore
        means.append(mean * weight)
        stds.append(std * weight)
    nodes_first, firsts = first_of_nodes([one.target for one in fluctuating], nodes), _firsts(means)[:-1]
    return NoiseCurrents(*[nodes_first, *_table(rows, 6), firsts, _joined(means), _joined(stds)])
