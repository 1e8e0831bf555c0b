"""The update of neurons: a straight loop around the model's `step`."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types

from snn.groups import GroupFunctions
from snn.jit import internal, prefer_wide_vectors, with_plain_form
from snn.lanes import MARKS, fill_up, list_flagged, marks_of
from snn.neurons import step
from snn.random import STRIP
from snn.structs import fetch, load, number_of, only, store

functions = GroupFunctions()
_int = types.intp
_sums, _quanta, _flags, _ids, _marks, _traces = (
    types.Array(kind, dimensions, "C")
    for kind, dimensions in (
        (types.int64, 1),
        (types.float64, 1),
        (types.uint8, 1),
        (types.int32, 1),
        (types.uint64, 2),
        (types.float64, 3),
    )
)


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


@functions.of(
    _int, _int, _int, _int, _int, _sums, _int, _sums, _int, _int, _quanta, _int, types.boolean, _flags, _ids, _int
)
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


@functions.of(
    types.none, _int, _int, _int, _int, _sums, _int, types.float64, _int, _int, _int, _int, _quanta, _flags, _marks
)
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


@functions.of(types.none, _int, _int, _int, _traces, _int, _int, _int)
@internal
def record(group, variable, sample, column, traces, row, first, count):
    """Copy a state variable of so many neurons from `column` on to ``traces[sample, row, first : ...]``."""
    state = fetch(group.state)
    for i in range(count):
        traces[sample, row, first + i] = number_of(load(state, sample, column + i), variable)
