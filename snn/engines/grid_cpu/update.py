"""The update of neurons: a straight loop around the model's `step`."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.jit import internal, prefer_wide_vectors, with_plain_form
from snn.lanes import MARKS, fill_up, list_flagged, marks_of
from snn.neurons import step
from snn.random import STRIP
from snn.structs import fetch, head, load, only, store, tail


def _plain_take(prototype, sums, first, stride, flows, flow, quanta, port):
    last = len(prototype) - 1
    totals = [float(sums[first + i * stride]) for i in range(last)] + [float(flows[flow])]
    sums[first : first + last * stride : stride] = 0
    return type(prototype)(*(total * quanta[port + i] for i, total in enumerate(totals)))


@with_plain_form(_plain_take)
def take(typing_context, prototype, sums, first, stride, flows, flow, quanta, port):
    """Return what arrived at one neuron, and clear its sums.

    For port i it is ``sums[first + i stride] * quanta[port + i]``, which is exact; the last field, the current, is
    ``flows[flow]`` in its quanta.
    """

    def generate(context, builder, signature, arguments):
        # Raw addresses: an index that might be negative would keep the loop from being vectorised.
        def place(position, index):
            data = context.make_array(signature.args[position])(context, builder, arguments[position]).data
            return builder.gep(data, [index])

        _, _, first, stride, _, flow, _, port = arguments
        items = []
        for i in range(len(prototype)):
            number = ir.Constant(ir.IntType(64), i)
            last = i == len(prototype) - 1
            source = place(4, flow) if last else place(1, builder.add(first, builder.mul(stride, number)))
            total, unit = builder.load(source), builder.load(place(6, builder.add(port, number)))
            if not last:
                builder.store(ir.Constant(ir.IntType(64), 0), source)
            items.append(builder.fmul(builder.sitofp(total, ir.DoubleType()), unit))
        return context.make_tuple(builder, signature.return_type, items)

    integer = types.intp
    return prototype(prototype, sums, integer, integer, flows, integer, quanta, integer), generate


@internal
def update(
    group, sample, offset, start, stop, sums, slot, flows, flow, pace, quanta, quantum, armed, flags, ids, place
):
    """Advance neurons `start` .. `stop` - 1 of one node by one step, and list those that spike.

    Parameters
    ----------
    group : Group
        Parameters and state.
    sample, offset : int
        Row of the state, and column of the node's first neuron.
    sums, slot : ndarray of int64, int
        Sums of one sample, which are cleared, and first slot of the slice.
    flows, flow, pace : ndarray of int64, int, int
        Currents that flow, where those of a strip of neurons begin, and how much further on those of the next one do.
    quanta, quantum : ndarray of float64, int
        Units of the sums, and place of the node's first port.
    armed : bool
        Whether the node may fire in this step.
    flags : ndarray of uint8
        Space for a strip of neurons.
    ids, place : ndarray of int32, int
        Where the numbers of the neurons that spike go.

    Returns
    -------
    int
        One past the last place filled.
    """
    prefer_wide_vectors()
    parameters, old, arriving = fetch(group.parameters), fetch(group.state), fetch(group.arrivals)
    stride = stop - start
    for low in range(start, stop, STRIP):  # after each strip, a look at which neurons have spiked
        high = min(low + STRIP, stop)
        for i in range(low, high):
            column = offset + i
            arrivals = take(arriving, sums, slot + i - start, stride, flows, flow + i - low, quanta, quantum)
            state, spiked = step(load(parameters, sample, column), load(old, sample, column), arrivals, armed)
            store(old, sample, column, state)
            flags[i - low] = spiked
        flow += pace
        place = list_flagged(ids, place, low, flags, high - low)
    return place


@internal
def update_alone(
    group,
    sample,
    offset,
    start,
    stop,
    flows,
    flow,
    unit,
    first,
    steps,
    active_from,
    active_until,
    currents,
    flags,
    marks,
):
    """Advance neurons that nothing but a constant current reaches, strip after strip, each by several steps.

    So the state of a strip stays in the first-level cache.

    Parameters
    ----------
    group, sample, offset, start, stop
        As for `update`.
    flows, flow, unit : ndarray of int64, int, float
        Currents that flow, where those of the slice begin, and their unit.
    first, steps, active_from, active_until : int
        From step `first` on so many; the neurons may fire in steps k with active_from < k <= active_until.
    currents, flags : ndarray of float64, ndarray of uint8
        Space for a strip of neurons.
    marks : ndarray of uint64 (steps, words)
        Takes a bit for each neuron that spikes, step by step.
    """
    prefer_wide_vectors()
    parameters, old, arriving = fetch(group.parameters), fetch(group.state), fetch(group.arrivals)
    port = len(arriving) - 1
    for low in range(start, stop, STRIP):
        high, word = min(low + STRIP, stop), (low - start) // MARKS
        for i in range(low, high):
            currents[i - low] = flows[flow + i - start] * unit
        for row in range(steps):
            armed = active_from < first + row <= active_until
            for i in range(low, high):
                column = offset + i
                arrivals = only(arriving, port, currents[i - low])
                state, spiked = step(load(parameters, sample, column), load(old, sample, column), arrivals, armed)
                store(old, sample, column, state)
                flags[i - low] = spiked
            for w in range(fill_up(flags, high - low)):
                marks[row, word + w] = marks_of(flags, MARKS * w)


def _by_group(function):
    """Return a function that calls another on ``groups[g]``.

    Groups are of different types, so compiled code takes them one by one.
    """

    def call(groups, g, *arguments):
        return function(groups[g], *arguments)

    @overload(call)
    def _compiled(groups, g, *arguments):
        if len(groups) == 1:
            return lambda groups, g, *arguments: function(head(groups), *arguments)

        def choose(groups, g, *arguments):
            if g == 0:
                return function(head(groups), *arguments)
            return call(tail(groups), g - 1, *arguments)

        return choose

    return call


update_group, update_alone_group = _by_group(update), _by_group(update_alone)


def read(columns, i, row, column):
    """Return one number of the i-th array of a tuple."""
    return float(columns[i][row, column])


@overload(read)
def _read_compiled(columns, i, row, column):
    if len(columns) == 1:
        return lambda columns, i, row, column: float(head(columns)[row, column])

    def choose(columns, i, row, column):
        if i == 0:
            return float(head(columns)[row, column])
        return read(tail(columns), i - 1, row, column)

    return choose


def read_state(groups, g, i, row, column):
    """Return one number of the i-th state variable of ``groups[g]``."""
    return read(groups[g].state, i, row, column)


@overload(read_state)
def _read_state_compiled(groups, g, i, row, column):
    if len(groups) == 1:
        return lambda groups, g, i, row, column: read(head(groups).state, i, row, column)

    def choose(groups, g, i, row, column):
        if g == 0:
            return read(head(groups).state, i, row, column)
        return read_state(tail(groups), g - 1, i, row, column)

    return choose
