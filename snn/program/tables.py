"""The tables of a Program: each a NamedTuple of arrays, a row a thing, as the compiled engines read them.

A *node* is whatever spikes: the populations first, then the stimuli that are populations of trains. A *slice* is a
range of a node's neurons, and a *block*, the unit of work, has slices of one or several nodes. A *slot* is a place
where arriving weights are summed: block after block, slice after slice, port after port, neuron after neuron. A *bank*
is a run of at most 65,536 slots of one block, so that 16 bits tell a slot in it.

Synapses that are listed stand in `Synapses.words`, in rows: one for every bank and source neuron with synapses there.
A row is a sequence of *runs*, each behind two words:

- the number of synapses (1 .. 16383), and in the two upper bits the form of the run;
- the steps between the run before and this one: a run holds synapses of one delay, and they come in ascending order;
  for the first run, the steps from the smallest delay of its `Bundles` row.

What follows is for the form UNIFORM the weight that all share, int32 in two words, lower half first, and a word a
synapse, the slot in its bank; for WIDE three words a synapse, slot and weight; for NARROW two, the weight an int16. A
word that is 0 ends the row.

An engine that delivers all of a row at once has no use for runs: there a synapse is a key of 64 bits, delay (16), slot
in its bank (16), weight (32), in any order. Row i is then keys rows[i] .. rows[i + 1] - 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.poisson import PoissonTables

DENSE, CONV2D, SUM_POOL2D, MAX_POOL2D, ONE_TO_ONE = range(5)
KINDS = {
    "dense": DENSE,
    "conv2d": CONV2D,
    "sum_pool2d": SUM_POOL2D,
    "max_pool2d": MAX_POOL2D,
    "one_to_one": ONE_TO_ONE,
}

UNIFORM, WIDE, NARROW = range(3)
LONGEST_RUN = 2**14 - 1
BANK = 2**16  # slots
LONGEST_DELAY = 2**16 - 1  # steps

NEURONS, POISSON_TRAINS, SPIKE_TRAINS, VARYING_TRAINS, GAMMA_TRAINS = range(5)
NEVER = np.iinfo(np.int64).max


class Nodes(NamedTuple):
    """A row a node; all int64."""

    kind: np.ndarray  # NEURONS, or which trains
    size: np.ndarray  # neurons
    group: np.ndarray  # group of neurons of one model
    offset: np.ndarray  # first neuron's place in the group
    flow: np.ndarray  # first neuron's place among the currents that flow
    flowing: np.ndarray  # 1 where any ever do
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
    slot: np.ndarray  # first slot; those of the next port begin stop - start further on


class Blocks(NamedTuple):
    """A row a block; all int64."""

    first_slice: np.ndarray  # into `slices` (one row more)
    slices: np.ndarray
    first_bank: np.ndarray  # into `Banks` (one row more)


class Banks(NamedTuple):
    """A row a bank; all int64."""

    slot: np.ndarray  # first slot
    first_bundle: np.ndarray  # into `Bundles` (one row more)


class Bundles(NamedTuple):
    """A row for every source node and bank that listed synapses join; all int64."""

    source: np.ndarray  # node
    first_row: np.ndarray  # into Synapses.rows: one row a source neuron
    lead: np.ndarray  # no delay is smaller, in steps
    reach: np.ndarray  # no delay is larger


class Stages(NamedTuple):
    """Sets of nodes that depend on each other, in an order in which each needs only earlier ones; all int64."""

    first_block: np.ndarray  # blocks first_block[i] .. first_block[i + 1] - 1 are stage i's (one row more)
    window: np.ndarray  # steps that a stage's blocks may run without looking at one another


class Projections(NamedTuple):
    """A row a projection that follows a pattern; all int64."""

    kind: np.ndarray
    source: np.ndarray  # node
    port: np.ndarray  # of the target
    delay: np.ndarray  # steps
    first_weight: np.ndarray  # into Synapses.pattern_weights
    geometry: np.ndarray  # (projections, 12): see `snn.program.synapses.geometry`
    first_counter: np.ndarray  # max-pooling: spike counts of the sources ...
    first_best: np.ndarray  # ... and largest count of each target


class Synapses(NamedTuple):
    """Weights and lists of synapses; a weight is an int32 multiple of its port's quantum."""

    pattern_weights: np.ndarray  # int32: of projections without a list
    words: np.ndarray  # uint16: the rows of listed synapses (see above); uint64: their keys
    rows: np.ndarray  # int64: where in `words` each row begins, or -1; of keys, (rows + 1): where each begins


class Plastic(NamedTuple):
    """Listed synapses where each spike brings a share of the weights, from -1 to 1.

    These are those with short-term plasticity, and those to binary units, where a source's share is alternately 1 and
    -1. They stand in rows and bundles of their own, which no other table knows. What `Bundles.source` counts here are
    the projections, a row each of `source`, `alternating` and `first`.
    """

    words: np.ndarray  # see Synapses
    rows: np.ndarray
    bundles: Bundles
    banks: Banks
    source: np.ndarray  # int64: node
    alternating: np.ndarray  # int64: 1 for those of binary units
    first: np.ndarray  # int64, into what follows, float64 with an element for each neuron of the node:
    use: np.ndarray  # see `snn.synapses.tsodyks_markram.recover`
    rate_rec: np.ndarray
    rate_fac: np.ndarray


class Noise(NamedTuple):
    """Poisson input with a train of its own for every target; a row a projection."""

    port: np.ndarray
    start: np.ndarray  # targets from `start` on ...
    stop: np.ndarray  # ... up to the one before `stop` receive it
    weight: np.ndarray  # int64, multiples of the port's quantum
    stream: np.ndarray
    uniform: np.ndarray  # 1 where all targets have the same rate
    first_rate: np.ndarray  # into `rates`: for each target the row of `counts`
    rates: np.ndarray  # int32
    counts: PoissonTables


class Currents(NamedTuple):
    """Currents; a row a projection from one."""

    start: np.ndarray  # a constant current flows in steps k with start < k <= stop; -1 for others
    stop: np.ndarray
    size: np.ndarray  # targets: all neurons of the node
    first_drive: np.ndarray  # into the engine's array of what each target receives
    projection: np.ndarray  # row of Projections that says how amplitudes become drives; -1 for a list, of the synapses
    first_synapse: np.ndarray  # first_synapse[c] .. first_synapse[c + 1] - 1 (one row more)
    sources: np.ndarray  # int32
    targets: np.ndarray  # int32
    weights: np.ndarray  # int32


class Probes(NamedTuple):
    """What to record of the neurons' state; a row a probe, all int64."""

    node: np.ndarray
    variable: np.ndarray  # index into the group's state
    start: np.ndarray
    stop: np.ndarray
    every: np.ndarray  # steps
    first: np.ndarray  # column of the first neuron in the recorded array
