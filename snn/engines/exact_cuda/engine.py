"""The exact engine on a graphics card: memory for a batch of samples, which run side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.cuda import Device
from snn.engines.exact_cpu.exact import MOST, Exact
from snn.engines.exact_cpu.memory import FINE, FREE, GROW, RELEASE, RUNAWAY, WAKE, WITHIN, Neurons
from snn.engines.exact_cuda.kernel import run
from snn.engines.exact_cuda.memory import (
    ARRIVALS,
    ARRIVING,
    AT,
    CODE,
    FILED,
    FULL,
    PHASE,
    RECORDED,
    RECORDS,
    SLIPS,
    WHERE,
    WHO,
    Goal,
    Group,
    Tables,
    make_groups,
    make_memory,
    make_sizes,
    slips_with_room,
)
from snn.errors import ResourceError
from snn.program.exact import ExactProgram


class ExactCuda(Exact):
    """An `ExactProgram` on a graphics card, for a batch of independent samples: the very spikes of `ExactCpu`.

    Parameters
    ----------
    program : ExactProgram
        Lowered for one thread.
    batch, seed, first_sample : int
        As of `snn.engines.grid_cpu.GridCpu`.
    device : str
        ``"cuda"``, or ``"cuda:1"`` and so on.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    ResourceError
        If the arrays do not fit into its memory, or it cannot hold the kernel.
    """

    def __init__(self, program: ExactProgram, batch: int, seed: int, first_sample: int, device: str):
        super().__init__(program, batch, seed)
        self.device = Device(device)
        first = np.array([group.first for group in program.groups], np.int64)
        tables = Tables(float(program.window), int(seed), program.runs, program.trains, first)
        self.sizes = make_sizes(program, batch, MOST)
        rows = sum(8 * 8 * batch * len(group.state[0]) for group in program.groups)
        memory = make_memory(self.sizes)
        self._require(rows + _bytes(tables) + _bytes(memory))
        self.device_tables = self.device.upload(tables)
        self.reset(first_sample)

    def _require(self, needed: int) -> None:
        synapses = len(self.program.runs.addresses)
        what = f"{self.batch:,} samples of {self.program.neurons:,} neurons and {synapses:,} synapses"
        self.device.require(needed, what)

    def reset(self, first_sample: int) -> None:
        """Go back to time 0 and the initial state; parameters stay as they are set."""
        self.first_sample, self.told = first_sample, 0
        on_host = make_groups(self.program, self.parameters, self.batch)
        self.rows = [group.rows.reshape(self.batch, group.size, -1) for group in on_host]
        self._begin([tuple(_of_sample(group, self.batch, sample) for group in on_host) for sample in range(self.batch)])
        self.device_groups: list[Group] = [self.device.upload(group) for group in on_host]
        self.memory = self.device.upload(make_memory(self.sizes))
        self.counts = np.zeros(8, np.int64)
        # Nothing can happen in the window before the first one, in which there is only input to find.
        self.counts[AT], self.counts[PHASE] = -1, WITHIN
        self.stale = [False] * len(on_host)

    def _run(self, until: int, stop: float) -> None:
        goal = Goal(int(until), float(stop), self.first_sample)
        while True:
            self.counts[CODE], self.counts[FULL] = FINE, 0
            self.device.overwrite(self.memory.counts, self.counts)
            run(self.device, self.device_tables, tuple(self.device_groups), self.memory, self.sizes, goal)
            self.counts = self.device.download(self.memory.counts)
            self.stale = [True] * len(self.stale)
            code = int(self.counts[CODE])
            self._drain()
            if code == RUNAWAY:
                self._fail(int(self.counts[AT]), int(self.counts[WHO]), int(self.counts[WHERE]))
            if code == GROW:
                self._grow()
            if code == FINE:
                return

    def _drain(self) -> None:
        """Take over what has been recorded, and leave on the device what is still to be filed."""
        filed = int(self.counts[FILED])
        recorded = filed if self.counts[CODE] == RUNAWAY else int(self.counts[RECORDED])
        columns = [getattr(self.memory, name) for name in RECORDS]
        if recorded > self.told:
            new = [self.device.download(column[self.told : recorded]) for column in columns]
            order = np.argsort(new[-1], kind="stable")
            ends = np.searchsorted(new[-1][order], np.arange(1, self.batch))
            split = zip(*(np.split(column[order], ends) for column in new[:-1]), strict=True)
            self.kept = [
                tuple(map(np.concatenate, zip(old, more, strict=True)))
                for old, more in zip(self.kept, split, strict=True)
            ]
        left = recorded - filed
        if left and filed:
            for column in columns:
                self.device.overwrite(column[:left], self.device.download(column[filed:recorded]))
        self.told, self.counts[RECORDED], self.counts[FILED] = left, left, 0

    def _grow(self) -> None:
        """Make room for what a day or a window has too much of; what was filed last is filed again."""
        pending = self.device.download(self.memory.pending)
        slips, arrivals = int((pending >> 32).max()), int((pending & ARRIVALS).max())
        sizes = self.sizes._replace(
            slips=2 * slips if slips > self.sizes.slips else self.sizes.slips,
            arrivals=2 * arrivals if arrivals > self.sizes.arrivals else self.sizes.arrivals,
        )
        if sizes.days * sizes.slips >= 2**31 or sizes.arrivals >= 2**31:
            raise ResourceError(f"{slips:,} events on their way are more than the device's lists can count")
        extra = 28 * sizes.days * sizes.slips + 16 * sizes.arrivals
        self._require(extra)
        grown: dict[str, Any] = {}
        if sizes.slips > self.sizes.slips:
            columns = self.device.download(tuple(getattr(self.memory, name) for name in SLIPS))
            wider = slips_with_room(self.sizes, columns, sizes.slips)
            grown |= {name: self.device.upload(column) for name, column in zip(SLIPS, wider, strict=True)}
        if sizes.arrivals > self.sizes.arrivals:
            for name in ARRIVING:  # between windows nothing stands there
                grown[name] = self.device.upload(np.zeros(sizes.arrivals, getattr(self.memory, name).dtype))
        self.device.overwrite(self.memory.pending, self.device.download(self.memory.kept))
        self.memory, self.sizes = self.memory._replace(**grown), sizes

    # ---- the rows on the host

    def _fetch(self, group: int) -> None:
        if self.stale[group]:
            self.rows[group][...] = self.device.download(self.device_groups[group].rows).reshape(self.rows[group].shape)
            self.stale[group] = False

    def _changed(self, group: int) -> None:
        """Take over parameters and rows; every neuron may fire at once until it has been looked at."""
        parameters = self.device.upload(self.parameters[group])
        self.device_groups[group] = self.device_groups[group]._replace(parameters=parameters)
        for rows, on_device in zip(self.rows, self.device_groups, strict=True):
            rows[..., WAKE] = np.where(rows[..., RELEASE] == FREE, self.window_number, rows[..., WAKE])
            self.device.overwrite(on_device.rows, rows.reshape(on_device.rows.shape))


def _of_sample(group: Group, batch: int, sample: int) -> Neurons:
    """Return the part of a group that is one sample's."""
    rows = group.rows.reshape(batch, group.size, -1)[sample]
    return Neurons(group.parameters, rows, group.state, group.arrivals, group.first)


def _bytes(value: Any) -> int:
    """Return the bytes of all arrays in tuples of them."""
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    return getattr(value, "nbytes", 0)
