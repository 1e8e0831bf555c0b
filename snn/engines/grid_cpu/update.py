"""The update of neurons: a straight loop around the model's `step`."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.jit import internal, with_plain_form
from snn.lanes import MARKS, list_marked
from snn.neurons import step
from snn.random import STRIP
from snn.structs import fetch, head, load, store, tail


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
    group, sample, offset, start, stop, sums, slot, flows, flow, pace, quanta, quantum, armed, flags, eights, ids, place
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
    flags, eights : ndarray of uint8, ndarray of uint64
        Space for a strip of neurons, seen one by one and eight at a time.
    ids, place : ndarray of int32, int
        Where the numbers of the neurons that spike go.

    Returns
    -------
    int
        One past the last place filled.
    """
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
        for i in range(high - low, (high - low + MARKS - 1) // MARKS * MARKS):
            flags[i] = 0
        for pair in range((high - low + MARKS - 1) // MARKS):
            if eights[2 * pair] | eights[2 * pair + 1]:
                place = list_marked(ids, place, low + MARKS * pair, flags, MARKS * pair)
    return place


def update_group(groups, g, *arguments):
    """Call `update` on ``groups[g]``; groups are of different types, so compiled code takes them one by one."""
    return update(groups[g], *arguments)


@overload(update_group)
def _update_group_compiled(groups, g, *arguments):
    if len(groups) == 1:
        return lambda groups, g, *arguments: update(head(groups), *arguments)

    def choose(groups, g, *arguments):
        if g == 0:
            return update(head(groups), *arguments)
        return update_group(tail(groups), g - 1, *arguments)

    return choose


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
