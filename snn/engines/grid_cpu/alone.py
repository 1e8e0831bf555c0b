"""Slices that nothing reaches but constant currents, such as the first layer of a converted network.

They run strip by strip through many steps, where others run step by step through all neurons.
"""

from __future__ import annotations

import numpy as np

from snn.engines.grid_cpu.update import update_alone
from snn.jit import internal
from snn.lanes import MARKS, list_marked
from snn.program import Program
from snn.program.tables import NEURONS

STEPS = 64  # at a time: the marks of so many are kept


def which_alone(program: Program) -> np.ndarray:
    """Return for each block whether its slices are alone, uint8."""
    nodes, plastic = program.nodes, program.plastic
    reached = (nodes.kind != NEURONS) | np.isin(np.arange(len(nodes.kind)), program.probes.node)
    for first in (nodes.first_incoming, nodes.first_noise):
        reached |= np.diff(first) > 0
    bundles = np.diff(program.banks.first_bundle)
    if program.varying.anything or len(plastic.source):
        reached[:] = True
    found = np.zeros(len(program.blocks.first_bank) - 1, np.uint8)
    for block in range(len(found)):
        first, end = program.blocks.first_slice[block : block + 2]
        mine = program.slices.node[program.blocks.slices[first:end]]
        listed = bundles[slice(*program.blocks.first_bank[block : block + 2])].any()
        found[block] = len(mine) > 0 and not listed and not reached[mine].any()
    return found


def marks_for(program: Program, alone: np.ndarray) -> int:
    """Return how many words the marks of a slice in a step need."""
    if not alone.any():
        return 0
    return int(-(-(program.slices.stop - program.slices.start).max() // MARKS))


@internal
def switch_currents(tables, memory, sample, s, k):
    """Turn currents of slice `s` on and off that begin or end with step `k`."""
    nodes, slices, currents = tables.nodes, tables.slices, tables.currents
    node, start, stop = slices.node[s], slices.start[s], slices.stop[s]
    for c in range(nodes.first_current[node], nodes.first_current[node + 1]):
        sign = np.int64(k == currents.start[c] + 1) - np.int64(k - 1 == currents.stop[c])
        if sign:
            flow, drive = nodes.flow[node], currents.first_drive[c]
            flows, drives = memory.flows[sample, flow + start : flow + stop], memory.drives[sample]
            drives = drives[drive + start : drive + stop]
            for i in range(len(flows)):  # of arrays that begin at 0, which the compiler can vectorise
                flows[i] += sign * drives[i]


@internal
def _steady(tables, node, k, last):
    """Return the last step up to which currents into a node flow as in step `k`."""
    currents = tables.currents
    last = min(last, k + STEPS - 1)
    for c in range(tables.nodes.first_current[node], tables.nodes.first_current[node + 1]):
        for change in (currents.start[c], currents.stop[c]):
            if k <= change < last:
                last = change
    return last


@internal
def run_alone(tables, groups, memory, span, sample, block, first, last, scratch):
    """Run a block of one sample through steps `first` .. `last`, if its slices are alone.

    Returns
    -------
    int
        1, or 0 where they are not.
    """
    if not tables.alone[block]:
        return 0
    nodes, slices, marks, ids = tables.nodes, tables.slices, scratch.marks, memory.ids[sample]
    for i in range(tables.blocks.first_slice[block], tables.blocks.first_slice[block + 1]):
        s, k = tables.blocks.slices[i], first
        node, start, stop = slices.node[s], slices.start[s], slices.stop[s]
        unit = tables.quanta[nodes.quantum[node] + nodes.ports[node]]
        while k <= last:
            switch_currents(tables, memory, sample, s, k)
            steps = _steady(tables, node, k, last) - k + 1
            update_alone(
                groups, nodes.group[node], sample, nodes.offset[node], start, stop, memory.flows[sample],
                nodes.flow[node] + start, unit, k, steps, nodes.active_from[node], nodes.active_until[node],
                scratch.currents, scratch.flags, marks,
            )  # fmt: skip
            row = k - span.first - 1 + span.history
            place = memory.ends[sample, s, row]
            for step in range(steps):
                for w in range(-(-(stop - start) // MARKS)):
                    if marks[step, w]:
                        place = list_marked(ids, place, start + MARKS * w, marks[step, w])
                memory.ends[sample, s, row + 1 + step] = place
            k += steps
    return 1
