"""Amplitudes of currents become what each target receives, in whole quanta: the same on every device."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.engines.grid_cpu import kernel
from snn.engines.threads import run_together

_AMPLITUDE_BITS = 30
_SUM_BITS = 62


class Driving:
    """The currents of a Program.

    Parameters
    ----------
    tables : Driven
    inputs : list of ndarray
        What the source of each current brings; only its size counts.
    scratch : list of Scratch
        Space for each thread.

    Attributes
    ----------
    bits : list of int
        How many bits amplitudes of each current may have: sums of them times weights must stay in 62.
    """

    def __init__(self, tables: kernel.Driven, inputs: list[np.ndarray], scratch: list[kernel.Scratch]):
        self.tables, self.scratch = tables, scratch
        self.sources = [source.shape[-1] for source in inputs]
        self.bits = [self._bits(c) for c in range(len(inputs))]

    def drives(self, c: int, amplitudes: np.ndarray) -> np.ndarray:
        """Return what amplitudes (samples, sources) in pA bring to each target, int64 (samples, targets)."""
        drives = np.empty((len(amplitudes), int(self.tables.currents.size[c])), np.int64)  # pyright: ignore
        self.drive(c, amplitudes, drives, 0)
        return drives

    def drive(self, c: int, amplitudes: np.ndarray, drives: np.ndarray, first: int) -> None:
        """Write the same to ``drives[:, first:]``.

        Amplitudes become integers as fine as sums of them times weights leave room for, sample by sample.
        """
        largest = np.abs(amplitudes).max(axis=1, initial=0.0)
        shift = np.where(largest > 0, self.bits[c] - np.frexp(largest)[1], 0).astype(np.int64)
        integers = np.rint(np.ldexp(amplitudes, shift[:, None])).astype(np.int64)
        self._drive(self.tables, c, np.ascontiguousarray(integers), shift, drives, first)

    def weights(self, c: int) -> np.ndarray:
        """Return the integer weights from each source to each target, int64 (sources, targets)."""
        ones = np.eye(self.sources[c], dtype=np.int64)
        weights = np.empty((len(ones), int(self.tables.currents.size[c])), np.int64)  # pyright: ignore
        self._drive(self.tables, c, ones, np.zeros(len(ones), np.int64), weights, 0)
        return weights

    def _drive(
        self, tables: kernel.Driven, c: int, amplitudes: np.ndarray, shift: np.ndarray, drives: np.ndarray, first: int
    ) -> None:
        numbers, threads = np.arange(amplitudes.shape[1], dtype=np.int32), min(len(self.scratch), len(amplitudes))

        def work(share, counter):
            kernel.drive(tables, c, amplitudes, shift, drives, first, numbers, self.scratch[share], share, threads)

        run_together(work, threads)

    def _bits(self, c: int) -> int:
        tables: Any = self.tables
        gathers = tables.gathers
        sizes = tables._replace(
            synapses=tables.synapses._replace(pattern_weights=np.abs(tables.synapses.pattern_weights)),
            currents=tables.currents._replace(weights=np.abs(tables.currents.weights)),
            gathers=gathers and gathers._replace(weights=np.abs(gathers.weights)),
        )
        ones, drives = np.ones((1, self.sources[c]), np.int64), np.empty((1, int(tables.currents.size[c])), np.int64)
        self._drive(sizes, c, ones, np.zeros(1, np.int64), drives, 0)
        reach = int(drives.max(initial=0))
        return min(_AMPLITUDE_BITS, _SUM_BITS - reach.bit_length())
