"""The tables of a Program: each a NamedTuple of arrays, a row a thing, as the compiled engines read them.

A *node* is whatever spikes: the populations first, then the stimuli that are populations of trains. A *slice* is a
range of a node's neurons, the unit of work. A *slot* is a place where arriving weights are summed: node after node,
port after port, neuron after neuron.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DENSE, CONV2D, SUM_POOL2D, MAX_POOL2D, ONE_TO_ONE, SPARSE = range(6)
KINDS = {
    "dense": DENSE,
    "conv2d": CONV2D,
    "sum_pool2d": SUM_POOL2D,
    "max_pool2d": MAX_POOL2D,
    "one_to_one": ONE_TO_ONE,
    "sparse": SPARSE,
}

NEURONS, POISSON_TRAINS, SPIKE_TRAINS = range(3)
NEVER = np.iinfo(np.int64).max


class Nodes(NamedTuple):
    """A row a node; all int64."""

    kind: np.ndarray  # NEURONS, POISSON_TRAINS or SPIKE_TRAINS
    size: np.ndarray  # neurons
    group: np.ndarray  # group of neurons of one model
    offset: np.ndarray  # first neuron's place in the group
    slot: np.ndarray  # first slot
    ports: np.ndarray  # number of ports that events arrive at; the current's port follows them
    quantum: np.ndarray  # place of the first port in Program.quanta
    active_from: np.ndarray  # the neurons may fire in steps k with active_from < k <= active_until
    active_until: np.ndarray
    first_slice: np.ndarray  # slices first_slice[i] .. first_slice[i + 1] - 1 are node i's (one row more)
    first_incoming: np.ndarray  # likewise into Program.incoming
    first_noise: np.ndarray  # likewise into Noise
    first_current: np.ndarray  # likewise into Currents
    stream: np.ndarray  # stream of random numbers, for trains


class Slices(NamedTuple):
    """A row a slice; all int64."""

    node: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class Stages(NamedTuple):
    """Sets of nodes that depend on each other, in an order in which each needs only earlier ones; all int64."""

    first_slice: np.ndarray  # into `slices` (one row more)
    slices: np.ndarray
    window: np.ndarray  # steps that a stage's slices may run without looking at one another


class Projections(NamedTuple):
    """A row a projection; the arrays it points into are in `Synapses`."""

    kind: np.ndarray
    source: np.ndarray  # node
    slot: np.ndarray  # first slot of the target's port; of its node, for lists of synapses
    first_delay: np.ndarray
    delays: np.ndarray  # number of different delays
    first_weight: np.ndarray
    first_row: np.ndarray
    geometry: np.ndarray  # (projections, 12): see `snn.program.synapses.geometry`
    first_counter: np.ndarray  # max-pooling: spike counts of the sources ...
    first_best: np.ndarray  # ... and largest count of each target


class Synapses(NamedTuple):
    """Weights and lists of synapses, those of all projections one after the other.

    Weights are int32 multiples of their port's quantum.
    """

    pattern_weights: np.ndarray  # of projections without a list
    weights: np.ndarray  # of lists ...
    targets: np.ndarray  # ... and their targets, int32: slots from the target node's first
    rows: np.ndarray  # int64: entries rows[i] .. rows[i + 1] - 1 of a list are those of (slice, delay, source) i
    delays: np.ndarray  # int64, steps


class Noise(NamedTuple):
    """Poisson input with a train of its own for every target; a row a projection."""

    slot: np.ndarray
    weight: np.ndarray  # int64, multiples of the port's quantum
    stream: np.ndarray
    uniform: np.ndarray  # 1 where all targets have the same rate
    first_rate: np.ndarray  # into `rates`: for each target the row of `thresholds`
    rates: np.ndarray  # int32
    thresholds: np.ndarray  # uint32 (rates, counts): see `snn.random.poisson_thresholds`
    counts: np.ndarray  # how many thresholds of each row there are


class Currents(NamedTuple):
    """Constant currents; a row a projection from one."""

    slot: np.ndarray
    size: np.ndarray
    start: np.ndarray  # the current flows in steps k with start < k <= stop
    stop: np.ndarray
    first_drive: np.ndarray  # into the engine's array of what each target receives
    projection: np.ndarray  # row of Projections that says how amplitudes become drives


class Probes(NamedTuple):
    """What to record of the neurons' state; a row a probe, all int64."""

    node: np.ndarray
    variable: np.ndarray  # index into the group's state
    start: np.ndarray
    stop: np.ndarray
    every: np.ndarray  # steps
    first: np.ndarray  # column of the first neuron in the recorded array
