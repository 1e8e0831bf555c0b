"""A Program's tables as the device's time loop reads them, and what it writes.

A *unit* is a neuron or a train, counted node after node, populations first. An *outlet* is a way for spikes out of a
node: a bundle of listed or plastic synapses, or one projection that follows a pattern. When a unit spikes an *entry*
for each of its outlets is put on the list of what the next step delivers, and each of its *pieces* on another.

A step is short, and most of it is waiting: for a number that says where the next one is, and for the addresses of
arrays. So tables are few, with a row a thing, and are `ABSENT` where a network has no use for what reads them, which is
then not compiled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.poisson import PoissonTables
from snn.program.tables import Probes
from snn.program.varying import Varying

LISTED, PLASTIC = 5, 6  # kinds of outlets, beside those of patterns
PIECE = 128  # synapses of an entry that one team of threads takes on


# Columns of `nodes`, int64; see `snn.program.tables.Nodes` for those of the same names.
KIND, ACTIVE_FROM, ACTIVE_UNTIL, FIRST_NOISE, FIRST_CURRENT, STREAM = range(6)
FIRST_OUTLET = 6  # outlets from here up to that of the next row are the node's; likewise:
FIRST_POOL = 7  # into `pools`
FIRST_RATE = 8  # of Poisson trains, into `rates`
FIRST_GATHER = 9  # into `gathers`
BITS = 10  # the first word of its spikes among those of a sample and day; -1 where nobody gathers them

# Columns of `units`, int32.
NODE = 0
NUMBER = 1  # in its node
GROUP = 2
COLUMN = 3  # in its group
SLOT = 4  # of its first port
STRIDE = 5  # from one port's slot to the next one's
QUANTUM = 6  # place of its first port in `quanta`

# Columns of `outlets`, int64.
OUTLET_KIND = 0
LATE = 1  # 1 for neurons, whose spikes of one step are delivered in the next; 0 for trains
FIRST_ROW = 2  # listed synapses: into Rows.first
OUTLET_SLOT = 3  # of their bank
PROJECTION = 4  # of `Plastic`
FIRST_STATE = 5  # plastic synapses: into `last`, `u` and `x`

# Columns of `gathers`, int64.
GATHER_PORT, GATHER_DELAY = range(2)
GATHER_BITS = 2  # of its source, see above
GATHER_WEIGHT = 3  # the first of its weights
GATHER_WINDOW = 4  # twelve numbers: see `snn.engines.grid_cuda.gathering.window_of`

# Columns of `noise`, int64; see `snn.program.tables.Noise`.
NOISE_PORT, NOISE_START, NOISE_STOP, NOISE_WEIGHT, NOISE_STREAM, NOISE_RATE = range(6)

# Columns of `entries`, int64: two numbers of 32 bits each, the first in the lower half.
PIECE_AND_COUNT = 0  # the first of its pieces, and how many synapses it has
FIRST_SYNAPSE = 1  # one number: of those that are listed
OUTLET_AND_SAMPLE = 2
SOURCE_AND_SHARE = 3

# Places in `marks`, int64, each with a cache line of its own.
PENDING = 0, 16  # entries of even and odd steps, times 2^32, plus their pieces
SPIKES = 32  # how many there are in the span
REACHED = 48  # the last step done
TICKS = 64  # of a clock, spent by one thread in arrivals, at the barrier, in updates, and there


class Rows(NamedTuple):
    """Listed and plastic synapses: keys first[row] .. first[row + 1] - 1 are those of a source in a bank."""

    keys: np.ndarray  # uint64: see `snn.program.tables`
    first: np.ndarray  # int64 (rows + 1)


class Patterns(NamedTuple):
    """A row an outlet, int64: what those of patterns have beside that; see `snn.program.tables.Projections`."""

    target: np.ndarray  # first unit of the target
    port: np.ndarray
    delay: np.ndarray
    first_weight: np.ndarray
    geometry: np.ndarray
    first_counter: np.ndarray
    first_best: np.ndarray
    gathered: np.ndarray  # 1 where targets gather what spikes bring, and nothing is delivered


class Shares(NamedTuple):
    """Parameters of plastic synapses: see `snn.program.tables.Plastic`."""

    alternating: np.ndarray
    first: np.ndarray
    use: np.ndarray
    rate_rec: np.ndarray
    rate_fac: np.ndarray


class Currents(NamedTuple):
    """A row a current; see `snn.program.tables.Currents` for those of the same names."""

    start: np.ndarray
    stop: np.ndarray
    first_drive: np.ndarray
    projection: np.ndarray  # 0 or more for one-to-one, whose weights are those of a pattern; else -1
    first_weight: np.ndarray
    first_synapse: np.ndarray  # of currents that vary; others come to the device as what each neuron receives
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class RandomCounts(NamedTuple):
    """Poisson input whose rate is constant."""

    noise: np.ndarray  # int64: see above
    rates: np.ndarray  # int32
    counts: PoissonTables


class Tables(NamedTuple):
    """All of them; see above, and `snn.program`."""

    nodes: np.ndarray
    units: np.ndarray
    outlets: np.ndarray
    rows: Rows
    weights: np.ndarray  # int32: of patterns
    patterns: Patterns | tuple[()]
    plastic: Shares | tuple[()]
    gathers: np.ndarray | tuple[()]  # int64: outlets that are gathered, by target; see above
    pools: np.ndarray | tuple[()]  # int64: outlets that pool by maximum, by target
    trains: np.ndarray | tuple[()]  # int64: the nodes that are populations of trains
    noise: RandomCounts | tuple[()]
    currents: Currents | tuple[()]
    varying: Varying | tuple[()]
    probes: Probes | tuple[()]
    quanta: np.ndarray


class Sizes(NamedTuple):
    """Numbers that places in one-dimensional arrays are computed from."""

    samples: int
    neurons: int
    units: int
    slots: int
    flows: int
    days: int  # steps whose sums are kept
    words: int  # of bits of a sample
    bit_days: int  # steps whose bits are kept
    rows: int  # steps of a span, at most
    entries: int  # room for them
    pieces: int  # room for them
    counters: int
    room: int  # for spikes


class Memory(NamedTuple):
    """What the time loop writes."""

    going: np.ndarray  # int64: the samples that are simulated
    sums: np.ndarray  # int64 (days x samples x slots)
    bits: np.ndarray  # uint64 (bit days x samples x words): who has spiked, of those that are gathered
    flows: np.ndarray  # int64 (samples x neurons)
    marks: np.ndarray  # int64: see above
    piece_entry: np.ndarray  # int32 (2 x pieces): the entry of each piece
    entries: np.ndarray  # int64 (2 x entries, 4): see above
    last: np.ndarray  # as in grid_cpu.plastic, (samples, plastic rows)
    u: np.ndarray
    x: np.ndarray
    counters: np.ndarray  # int64 (samples x sources of max-pooling)
    counted: np.ndarray  # int64 (days x samples x such sources): what is to be added to `counters` in each step
    bests: np.ndarray  # int64 (samples, targets of max-pooling)
    spikes: np.ndarray | tuple[()]  # int64: (sample x rows + row) x units + unit; absent where spikes are counted
    tally: np.ndarray | tuple[()]  # int64 (samples x units): how often each has spiked in the span; or absent
    drives: np.ndarray  # int64 (targets of currents, then of noise currents; samples)
    rates: np.ndarray  # uint64 (samples or 1, trains)
    traces: np.ndarray  # float64 (samples, rows, recorded variables)
    next_steps: np.ndarray  # as in grid_cpu.kernel
    next_times: np.ndarray
    draws: np.ndarray
    shifts: np.ndarray
    given: np.ndarray  # int64: given spikes of a span, sample x units + unit, by step
    given_first: np.ndarray  # int64 (rows + 1)


class Span(NamedTuple):
    """The steps of one call: from first + 1 to `last`, of samples from first_sample on."""

    first: int
    last: int
    seed: int
    first_sample: int
