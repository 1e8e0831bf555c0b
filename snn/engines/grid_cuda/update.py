"""The update of neurons: a thread a neuron, and the model's `step`."""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from snn import structs
from snn.cuda import device_part, in_kernels, on_device
from snn.engines.grid_cpu import update as on_cpu
from snn.engines.grid_cuda import varying
from snn.engines.grid_cuda.delivery import pool, speak
from snn.engines.grid_cuda.gathering import gather
from snn.engines.grid_cuda.tables import (
    ACTIVE_FROM,
    ACTIVE_UNTIL,
    COLUMN,
    GROUP,
    NODE,
    NUMBER,
    QUANTUM,
    SLOT,
    STRIDE,
)
from snn.neurons import step

_load, _store, _number_of = in_kernels(structs.load), in_kernels(structs.store), in_kernels(structs.number_of)
_take = in_kernels(on_cpu.take)


@on_device
def _step(group, sample, column, sums, first, stride, flows, flow, quanta, quantum, armed):
    """Advance one neuron of a group; returns whether it spikes. For the arguments see `grid_cpu.update.take`."""
    parameters, state, prototype = group
    arrivals = _take(prototype, sums, first, stride, flows, flow, quanta, quantum)
    new, spiked = step(_load(parameters, sample, column), _load(state, sample, column), arrivals, armed)
    _store(state, sample, column, new)
    return spiked


@on_device
def _value(group, sample, column, variable):
    """Return a state variable of one neuron."""
    return _number_of(_load(group.state, sample, column), variable)


def step_group(groups, g, *arguments):
    """Call `_step` on ``groups[g]``; groups are of different types, so compiled code takes them one by one."""
    return _step(groups[g], *arguments)


def value_of_group(groups, g, *arguments):
    """Call `_value` on ``groups[g]``."""
    return _value(groups[g], *arguments)


@overload(step_group)
def _step_group_compiled(groups, g, *arguments):
    if len(groups) == 1:
        return lambda groups, g, *arguments: _step(groups[0], *arguments)

    def choose(groups, g, *arguments):
        if g == 0:
            return _step(groups[0], *arguments)
        return step_group(groups[1:], g - 1, *arguments)

    return choose


@overload(value_of_group)
def _value_of_group_compiled(groups, g, *arguments):
    if len(groups) == 1:
        return lambda groups, g, *arguments: _value(groups[0], *arguments)

    def choose(groups, g, *arguments):
        if g == 0:
            return _value(groups[0], *arguments)
        return value_of_group(groups[1:], g - 1, *arguments)

    return choose


@device_part("probes")
def _record(tables, groups, memory, span, sample, unit, k):
    """Copy the recorded variables of a neuron after step `k`."""
    units, probes = tables.units, tables.probes
    node, i = units[unit, NODE], units[unit, NUMBER]
    for p in range(len(probes.node)):
        every = probes.every[p]
        if probes.node[p] == node and k % every == 0 and probes.start[p] <= i < probes.stop[p]:
            row, column = k // every - span.first // every - 1, probes.first[p] + i - probes.start[p]
            value = value_of_group(groups, units[unit, GROUP], sample, units[unit, COLUMN], probes.variable[p])
            memory.traces[sample, row, column] = value


@on_device
def update(tables, groups, memory, sizes, span, k, thread, threads):
    """Advance all neurons by step `k`, when what their synapses bring has arrived."""
    nodes, units, day = tables.nodes, tables.units, k % sizes.days * sizes.samples
    for item in range(thread, len(memory.going) * sizes.neurons, threads):
        sample, unit = memory.going[item // sizes.neurons], item % sizes.neurons
        node, i, group, column = (
            units[unit, NODE],
            np.int64(units[unit, NUMBER]),
            units[unit, GROUP],
            units[unit, COLUMN],
        )
        slot, stride, quantum = np.int64(units[unit, SLOT]), np.int64(units[unit, STRIDE]), units[unit, QUANTUM]
        base, flow = (day + sample) * sizes.slots, sample * sizes.neurons + unit
        place = base + slot
        pool(tables, memory, sizes, sample, node, i, base, unit)
        gather(tables, memory, sizes, sample, node, i, base, unit, k)
        varying.poisson_noise(tables, memory, span, sample, node, i, k, place, stride)
        varying.varying_noise(tables, memory, span, sample, node, i, k, place, stride)
        varying.switch_currents(tables, memory, sample, node, i, k, flow)
        varying.vary_currents(tables, memory, sample, node, i, k, flow)
        varying.noise_currents(tables, memory, span, sample, node, i, k, flow)
        armed = nodes[node, ACTIVE_FROM] < k and k <= nodes[node, ACTIVE_UNTIL]
        spiked = step_group(
            groups, group, sample, column, memory.sums, place, stride, memory.flows, flow, tables.quanta, quantum,
            armed,
        )  # fmt: skip
        if spiked:
            speak(tables, memory, sizes, span, sample, unit, k)
        _record(tables, groups, memory, span, sample, unit, k)
