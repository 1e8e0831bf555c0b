"""A network of staircase neurons on a graphics card."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.cuda import Device
from snn.engines.staircase_cpu import Outcome, Plan
from snn.engines.staircase_cpu.engine import too_many
from snn.engines.staircase_cpu.memory import PHASED, Log, fresh_counts
from snn.engines.staircase_cpu.memory import Memory as OnHost
from snn.engines.staircase_cuda.kernel import Memory, Tables, carry, carry_list, speak, targets_of
from snn.errors import BackendUnavailable, ResourceError
from snn.program.staircase import INPUT, LISTED, StaircaseProgram


class StaircaseCuda:
    """A StaircaseProgram on a graphics card, for a batch of samples; it comes to the very levels of `StaircaseCpu`.

    Parameters
    ----------
    program : StaircaseProgram
    batch : int
    device : str
        ``"cuda"``, or ``"cuda:1"`` and so on.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    ResourceError
        If the arrays do not fit into its memory.
    """

    def __init__(self, program: StaircaseProgram, batch: int, device: str):
        self.program, self.batch, self.device = program, batch, Device(device)
        neurons, sums, bests = len(program.fan_out), len(program.sums), program.sizes["bests"]
        tables = Tables(program.nodes, program.fans, program.wires, program.parameters, program.fan_out)
        needed = 8 * batch * (sums + 3 * neurons + bests + len(program.names)) + _bytes(tables)
        self.device.require(needed, f"{batch:,} samples of {neurons:,} staircase neurons")
        self.tables = self.device.upload(tables)
        self.before: np.ndarray | None
        self.reset()

    def reset(self) -> None:
        """Go back to the initial state, with nothing said."""
        batch, program = self.batch, self.program
        neurons, nodes = len(program.fan_out), len(program.names)
        sums = np.broadcast_to(program.sums, (batch, len(program.sums)))
        levels = np.broadcast_to(np.int64(0), (batch, neurons))
        nothing = np.zeros((batch, 0), np.int64)
        # What was said last is on the host for whoever asks; the card has what it goes on from.
        self.memory = OnHost(
            sums=sums,
            levels=levels,
            **fresh_counts(batch, 0, nodes),
            counters=nothing,
            bests=nothing,
            fresh=np.ones(batch, np.bool_),
        )
        on_card = Memory(
            sums=np.ascontiguousarray(sums),
            levels=np.ascontiguousarray(levels),
            changes=np.zeros((batch, neurons), np.int64),
            bests=np.zeros((batch, max(program.sizes["bests"], 1)), np.int64),
            spoken=np.zeros((batch, nodes), np.int64),
            operations=np.zeros(batch, np.int64),
            totals=np.zeros(neurons, np.int64),
        )
        self.on_card: Memory = self.device.upload(on_card)
        self.before, self.totals, self.at_rest = None, np.zeros(neurons, np.int64), True

    def begin(self, plan: Plan, keep: tuple[int, ...] | None) -> None:
        """Take up a plan, of which `advance` does the work; everything is kept here, whatever `keep` says.

        Raises
        ------
        BackendUnavailable
            If its schedule is not "phased".
        """
        if plan.schedule != PHASED:
            raise BackendUnavailable(
                f"settle: on {self.device.name} populations speak one after the other only; choose schedule='phased', "
                "or device='cpu'"
            )
        self.before = None if self.memory.fresh.all() else self.memory.levels
        self.plan, self.at_rest = plan, False

    @property
    def outcome(self) -> Outcome:
        """What this settling has come to; later ones do not change it."""
        return Outcome(self.program, self.memory, self.before, PHASED, self.totals)

    def advance(self) -> bool:
        """Go on until all samples are at rest.

        Raises
        ------
        ResourceError
            If a sample has emitted more events than the plan allows. Only `reset` helps then.
        """
        program, plan, device, card = self.program, self.plan, self.device, self.on_card
        nodes, fans = program.nodes, program.fans
        for counted in (card.spoken, card.operations, card.totals):
            device.overwrite(counted, np.zeros((), np.int64))
        counts: Any = device.upload(np.ascontiguousarray(plan.counts[-1]))
        for node in program.order:
            size = int(nodes.size[node])
            device.launch(speak, self.batch * size, self.tables, card, counts, int(node))
            for j in range(int(nodes.first_fan[node]), int(nodes.first_fan[node + 1])):
                if fans.kind[j] == LISTED:
                    device.launch(carry_list, 32 * self.batch * size, self.tables, card, j)
                    continue
                targets = targets_of(int(fans.kind[j]), fans.geometry[j], size)
                device.launch(carry, self.batch * targets, self.tables, card, j, targets)
        spoken = device.download(card.spoken)
        emitted = spoken[:, nodes.kind != INPUT].sum(axis=1)
        self.memory = self.memory._replace(
            sums=device.download(card.sums),
            levels=device.download(card.levels),
            spoken=spoken,
            emitted=emitted,
            operations=device.download(card.operations),
            last=np.where(spoken > 0, plan.said, 0.0).max(axis=1),
            fresh=np.zeros(self.batch, np.bool_),
        )
        self.totals = device.download(card.totals)
        if (emitted > plan.limit).any():
            raise ResourceError(too_many(self.outcome, int(np.argmax(emitted > plan.limit)), plan.limit))
        self.at_rest = True
        return True

    def log(self) -> Log:
        """Return the events of the last settling by sample, time and neuron: each neuron has spoken once at most."""
        levels = self.memory.levels
        changes = levels if self.before is None else levels - self.before
        sample, neuron = np.nonzero(changes)
        said = np.repeat(self.plan.said, self.program.nodes.size)[neuron]
        order = np.lexsort((neuron, said, sample))
        sample, neuron, said = sample[order], neuron[order], said[order]
        return Log(sample.astype(np.int32), neuron.astype(np.int32), said, changes[sample, neuron])


def _bytes(value: Any) -> int:
    """Return the bytes of all arrays in tuples of them."""
    return sum(map(_bytes, value)) if isinstance(value, tuple) else value.nbytes
