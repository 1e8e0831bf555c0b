"""Projections drawn at random by the distance between neurons."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from snn.arithmetic import expm1, fma, log
from snn.connectivity.kernels import Kernel, probability_at
from snn.connectivity.rules import flag, portion_of, portions_of
from snn.connectivity.sheets import Sheet, cells_near, distance_to, extent_of, make_sheet, positions_on
from snn.errors import ValidationError
from snn.jit import compiled
from snn.random import philox

_LOOKED_AT = 256  # targets from which the mean number of synapses is taken


@compiled
def _two_uniforms(seed, stream, target, draw):
    a, b, c, d = philox(seed, stream, target, draw, 0, 0)
    one, other = (a << np.uint64(21)) ^ (b >> np.uint64(11)), (c << np.uint64(21)) ^ (d >> np.uint64(11))
    return np.float64(one) * 2.0**-53, np.float64(other) * 2.0**-53


@compiled
def _draw(sheet, kernel, positions, first, last, no_autapses, expected, seed, stream):
    """Draw the sources of targets `first` .. `last - 1`; returns them, ascending, and each target's number.

    In a cell no probability is above p, the kernel's at the cell's nearest point. So its sources become candidates with
    the probability q = 1 - exp(-h) >= p, h = p / (1 - p), and candidates sources with the kernel's, divided by q. The
    candidates are found as the points of a Poisson process to which every source of the cell adds a length h: how far
    it is to the next is drawn once, and holds across cells.
    """
    sources, cells = len(sheet.order), len(sheet.begins) - 1
    near, distances = np.empty(cells, np.int64), np.empty(cells, np.float64)
    out, degree, filled = np.empty(sources + expected, np.int64), np.zeros(last - first, np.int64), 0
    for target in range(first, last):
        if filled + sources > len(out):
            out = np.concatenate((out, np.empty(sources + len(out) // 8, np.int64)))
        x, y, begun = positions[target, 0], positions[target, 1], filled
        draw = 0
        distance, choice = _two_uniforms(seed, stream, target, draw)
        distance = -log(1.0 - distance)
        for k in range(cells_near(sheet, x, y, kernel.reach, near, distances)):
            place, end = sheet.begins[near[k]], sheet.begins[near[k] + 1]
            p = probability_at(kernel, distances[k])
            if place == end or p == 0.0:
                continue
            h = p / max(1.0 - p, 1e-3)  # from 37 on q is 1, and no distance drawn is as long
            q = -expm1(-h)
            while distance < h * (end - place):
                place = min(place + np.int64(distance / h), end - 1)
                source = sheet.order[place]
                chosen = choice * q < probability_at(kernel, distance_to(sheet, place, x, y))
                if chosen and not (no_autapses and source == target):
                    out[filled] = source
                    filled += 1
                place += 1
                draw += 1
                distance, choice = _two_uniforms(seed, stream, target, draw)
                distance = -log(1.0 - distance)
            distance = fma(-h, np.float64(end - place), distance)
        out[begun:filled].sort()
        degree[target - first] = filled - begun
    return out[:filled], degree


@compiled
def _mean_degree(sheet, kernel, positions, looked_at):
    """Return the mean number of synapses onto a target, taken from a few."""
    cells = len(sheet.begins) - 1
    near, distances, total = np.empty(cells, np.int64), np.empty(cells, np.float64), 0.0
    for i in range(looked_at):
        target = i * len(positions) // looked_at
        x, y = positions[target, 0], positions[target, 1]
        for k in range(cells_near(sheet, x, y, kernel.reach, near, distances)):
            for place in range(sheet.begins[near[k]], sheet.begins[near[k] + 1]):
                total += probability_at(kernel, distance_to(sheet, place, x, y))
    return total / looked_at


class DistanceDependent:
    """Every pair is connected with a probability that depends on its distance, on its own.

    The neurons lie on a sheet (Senk et al., "Connectivity concepts in neuronal network modeling", PLOS Comput Biol 18,
    2022). The synapses are ordered by target, then source; how many there will be is not known in advance, so their
    weights and delays are numbers or distributions.

    Sources are sorted into cells, and a target looks only at the cells that its kernel reaches and, in these, only at
    a few more sources than it connects to: time grows with targets times cells within reach plus synapses, memory
    with neurons. A cutoff keeps the cells few.

    Parameters
    ----------
    kernel : GaussianKernel, ExponentialKernel or DiscKernel
        Probability by distance.
    sources : array (sources, 2)
        x and y of each source, from 0 to `extent`; for a slice ``exc[:100]`` of a population these are
        ``positions[:100]``. See `snn.grid_positions` and `snn.random_positions`.
    targets : array (targets, 2), optional
        Of each target; by default those of the sources.
    extent : (float, float)
        Width and height of the sheet, in any unit of length.
    periodic : bool
        Whether the sheet is closed to a torus: the distance over an edge counts where it is shorter.
    autapses : bool
        Whether a neuron and itself are a pair, where source and target are the same population.

    Raises
    ------
    ValidationError
        If positions are not (n, 2) or not on the sheet, or another argument is not what it should be.

    Examples
    --------
    >>> import snn
    >>> net = snn.Network(seed=1)
    >>> cells = net.population("cells", (20, 20), snn.LIF())
    >>> near = snn.GaussianKernel(p_max=0.5, sigma=0.1, cutoff=0.3)
    >>> rule = snn.DistanceDependent(near, snn.grid_positions(cells.shape), autapses=False)
    >>> _ = net.connect(cells, cells, rule, weight=0.5, delay=1.5)
    """

    kind = "sparse"
    weights = None

    def __init__(
        self,
        kernel: Kernel,
        sources: object,
        targets: object = None,
        *,
        extent: tuple[float, float] = (1.0, 1.0),
        periodic: bool = True,
        autapses: bool = True,
    ):
        owner = "DistanceDependent"
        if not isinstance(kernel, Kernel):
            raise ValidationError(owner, "kernel", kernel, "a kernel such as snn.GaussianKernel(p_max=0.1, sigma=0.1)")
        self.kernel = kernel
        self.extent = extent_of(owner, extent)
        self.sources = positions_on(owner, "sources", sources, self.extent)
        self.targets = self.sources if targets is None else positions_on(owner, "targets", targets, self.extent)
        self.periodic = flag(owner, "periodic", periodic)
        self.autapses = flag(owner, "autapses", autapses)

    @cached_property
    def _sheet(self) -> Sheet:
        return make_sheet(self.sources, self.extent, self.periodic, self.kernel.constants.width)

    @cached_property
    def _degree(self) -> float:
        few = min(len(self.targets), _LOOKED_AT)
        return _mean_degree(self._sheet, self.kernel.constants, self.targets, few)

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse populations that do not have as many neurons as there are positions."""
        for name, positions, size in (("sources", self.sources, sources), ("targets", self.targets, targets)):
            if len(positions) != size:
                given, expected = f"{len(positions)} positions", f"{size}, one for each neuron"
                raise ValidationError("DistanceDependent", name, given, expected)

    def count(self, sources: int, targets: int, same: bool = False) -> None:
        """Return None, since chance decides."""

    def expected(self, sources: int, targets: int, same: bool = False) -> float:
        """Return the mean number of synapses, about; autapses count, whether drawn or not."""
        return targets * self._degree

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: ranges of targets."""
        return portions_of(targets, self._degree)

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        first, last = portion_of(targets, self.portions(sources, targets, same), portion)
        skip, about = same and not self.autapses, int(self._degree * (last - first))
        drawn, degree = _draw(self._sheet, self.kernel.constants, self.targets, first, last, skip, about, seed, stream)
        return drawn, np.repeat(np.arange(first, last), degree)
