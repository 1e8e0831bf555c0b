"""A network running: `Simulation` lowers it, advances an engine, and gathers what is recorded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from snn import checks
from snn.changes import Changes
from snn.engine_choice import check_device, start
from snn.errors import ResourceError, ValidationError
from snn.interrupts import held
from snn.network import Network
from snn.population import Neurons, Population, View, view_of
from snn.program.lower_staircase import is_staircase
from snn.progress import Report, progress
from snn.recording import Collector, Recording, Settled
from snn.settling import Settling
from snn.stimuli import Source


class Simulation:
    """A network with its state, at a time.

    What is added to the network afterwards is neither simulated nor recorded.

    Parameters
    ----------
    network : Network
    dt : float, optional
        Step of the grid engine in ms, 0.1 by default; the exact engine has none.
    engine : {"grid", "exact", "auto"}
        Grid: all neurons are updated in steps of dt; for dense activity. Exact: events at their exact times, nothing in
        between; for sparse activity and precise times. Auto: the one that is likely the faster (see `engine` and
        `reason` of the simulation); docs/engines.md compares them. Networks of
        staircase neurons run on the exact engine, and `settle`.
    device : {"cpu", "cuda", "cuda:1", ...}
        Where it runs: the processor, or a graphics card, the first or another one (docs/cuda.md). It never changes a
        result.
    threads : int
        On how many threads; it never changes a result.
    batch : int
        Samples: independent replicas of the network that differ in input, random numbers and, where `set` says so,
        parameters.
    first_sample : int
        Number of the first sample. Sample i of a batch that starts at 100 sees the same random numbers as sample
        100 + i of one that starts at 0, so that a batch may be split.
    seed : int, optional
        Seed of random input; the network's by default.
    weight_bits : {32, 24, 16}
        To how many bits weights are rounded, so that they err by at most 2^-31, 2^-23 or 2^-15 of the largest on their
        port. With 24 what arrives through dense and convolutional patterns mostly sums up in 32 bits, which takes half
        the time. With 16 a synapse that has a weight of its own takes 4 bytes of memory instead of 6.

    spikes : {"listed", "counted"}
        Whether the recording has every spike, or only how many each neuron emitted, which takes less time and memory
        (see `Recording.counts`).

    Raises
    ------
    ValidationError
        If an argument or the network does not fit the step.
    ResourceError
        If the memory does not suffice.
    BackendUnavailable
        If there is no such device, or it does not run such an engine.

    Examples
    --------
    >>> import snn
    >>> net = snn.Network(seed=1)
    >>> cell = net.population("cell", 1, snn.LIF(i_e=400.0))
    >>> recording = snn.Simulation(net, dt=0.1).run(100.0)
    >>> len(recording.spikes["cell"]) > 0
    True
    """

    def __init__(
        self,
        network: Network,
        *,
        dt: float | None = None,
        engine: str = "grid",
        device: str = "cpu",
        threads: int = 1,
        batch: int = 1,
        first_sample: int = 0,
        seed: int | None = None,
        weight_bits: int = 32,
        spikes: Literal["listed", "counted"] = "listed",
    ):
        if not isinstance(network, Network):
            raise ValidationError("Simulation", "network", network, "a snn.Network")
        checks.choice("Simulation", "engine", engine, ("grid", "exact", "auto"))
        checks.choice("Simulation", "spikes", spikes, ("listed", "counted"))
        stairs = is_staircase(network)
        if stairs and engine == "grid":
            raise ValidationError("Simulation", "engine", engine, '"exact": staircase neurons have no steps')
        check_device(device)
        threads = checks.integer("Simulation", "threads", threads, minimum=1)
        self.batch = checks.integer("Simulation", "batch", batch, minimum=1)
        first_sample = checks.integer("Simulation", "first_sample", first_sample, minimum=0)
        seed = network.seed if seed is None else checks.seed("Simulation", seed)
        self.network = network
        self._known = network.populations | network.sources  # what is added to the network later is not simulated
        self._size = _size(network)
        self._settling: Settling | None = None
        if stairs:
            self.engine, self.reason = "exact", "staircase neurons have no steps"
            self._settling = Settling(network, self.batch, threads, weight_bits, device)
            self.program: Any = self._settling.program
            return
        counting = spikes == "counted"
        try:
            chosen = start(network, engine, dt, device, threads, self.batch, seed, first_sample, weight_bits, counting)
        except MemoryError as error:
            raise ResourceError(str(error) or "the network does not fit into memory") from error
        self.engine, self.reason, self.program, self._engine = chosen.name, chosen.reason, chosen.program, chosen.engine
        self.dt: float = self.program.window if self.engine == "exact" else self.program.dt
        self._changes = Changes(network, self.program, self._engine, self.batch)
        self._collector = Collector(network, self.program, self._engine, self.batch, counting, chosen.counting)

    def __repr__(self) -> str:
        at = "" if self._settling is not None else f", at {self.time:g} ms"
        return f"<Simulation: {self.engine} engine, {self.batch} sample{'s'[: self.batch > 1]}{at}>"

    @property
    def time(self) -> float:
        """Time simulated so far in ms."""
        self._refuse_stairs("time")
        return self._engine.time

    @property
    def recording(self) -> Recording:
        """Everything recorded since the start or the last `reset`; also what an interrupted run had reached."""
        self._refuse_stairs("recording")
        self._collector.gather()
        return self._collector.recording()

    def run(self, duration: float, report: Report = None) -> Recording:
        """Go on for `duration` ms.

        Whatever ends a run early, `recording` has what was recorded up to `time`. An interrupt (Ctrl-C) takes effect
        at the end of the stretch that is being computed; another `run` goes on from there as if nothing had been.

        Parameters
        ----------
        duration : float
            In ms; on a grid a multiple of dt.
        report : "bar" or callable, optional
            Show a progress bar, or call ``report(done, duration)`` with both in ms now and then.

        Returns
        -------
        Recording
            Of this stretch; `recording` has all of it.

        Raises
        ------
        ValidationError
            If the duration is negative or, on a grid, not a multiple of dt.
        NumericalError
            If a neuron's state is not finite any more or, on the exact engine, neurons fire without bounds.
        """
        self._refuse_stairs("run")
        duration = checks.number("run", "duration", duration, minimum=0.0, unit="ms")
        goal: Any = self._engine.goal(duration)
        self._tell_of_changes()
        first, reached = self._engine.time, duration == 0.0
        self._collector.gather()
        begun = len(self._collector.parts)
        advance, finish = progress(report, duration)
        try:
            while not reached:
                with held():
                    try:
                        reached = self._engine.advance(goal)
                    finally:
                        self._collector.gather()
                advance(self._engine.time - first)
        finally:
            finish()
        return self._collector.recording(begun, first)

    def settle(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        schedule: Literal["phased", "coalescing", "free"] = "phased",
        times: ArrayLike | None = None,
        window: float = 0.0,
        max_events: int = 100_000_000,
        list_events: bool = False,
        keep: Sequence[str] | None = None,
    ) -> Settled:
        """Give a network of staircase neurons its input, and go on until no event is under way.

        Another call goes on from there: a second image arrives as what changes from the first to it. The schedule
        decides how many events there are on the way, never what the neurons have said in the end.

        Parameters
        ----------
        inputs : dict of str to array of int
            What the inputs (`snn.Network.counts`) count from now on, (*shape) for all samples or (batch, *shape); those
            not named stay as they are.
        schedule : {"phased", "coalescing", "free"}
            Phased: population after population, in an order in which each depends on earlier ones only; a neuron
            speaks once, when all its input has come, which takes the fewest events there can be. The others go by
            delays. Coalescing: what arrives at a neuron at one time is added up before it speaks. Free: every event
            arrives by itself, in the order of (time, source, synapse), and the neuron speaks at once.
        times : array (windows,), optional
            The input comes in windows, at these times in ms; `inputs` then have a leading axis of as many elements,
            what is counted from each time on.
        window : float
            In ms; with "coalescing" neurons speak at multiples of it only.
        max_events : int
            How many events the populations of a sample may emit: networks with cycles may never come to rest.
        list_events : bool
            Whether to list the events one by one.
        keep : sequence of str, optional
            Populations and inputs whose levels, sums and events are kept of every sample, where those of all are not
            wanted: it saves memory and time. Only the first settling after a `reset` can do so, if phased, and another
            one needs a `reset` before it.

        Returns
        -------
        Settled

        Raises
        ------
        ValidationError
            If an argument is refused, or sums could become larger than int64 holds; nothing has changed then.
        ResourceError
            If `max_events` is exceeded. `settled` then has what there was up to there, and `reset` starts anew.
        BackendUnavailable
            On a graphics card, if the schedule is not "phased".

        Examples
        --------
        >>> import snn
        >>> net = snn.Network()
        >>> half = net.population("half", 1, snn.Quantizer(step=2.0, low=0))
        >>> _ = net.connect(net.counts("input", 1), half, snn.OneToOne())
        >>> snn.Simulation(net, engine="exact").settle({"input": [7]}).levels["half"]
        array([[4]])
        """
        if self._settling is None:
            raise ValidationError("settle", "network", list(self.network.populations), "one of staircase neurons")
        return self._settling.settle(inputs, schedule, times, window, max_events, list_events, keep)

    @property
    def settled(self) -> Settled:
        """What the last `settle` has come to, or had come to when it was cut off."""
        if self._settling is None:
            raise ValidationError("settled", "network", list(self.network.populations), "one of staircase neurons")
        return self._settling.settled()

    def set(self, target: Neurons | Source, **values: ArrayLike) -> None:
        """Change parameters of a population, or of a slice of one, or the input of a stimulus from now on.

        Parameters
        ----------
        target : Population, View or Source
        **values : float or array
            For n neurons their model's parameters: a number, an array (n,), or one of every sample, (batch, n) or
            (batch, 1). For a stimulus its ``rate`` (Hz), ``amplitude`` (pA), likewise, or ``trains``: a list of arrays
            of times in ms, or one such list for every sample.

        Raises
        ------
        ValidationError
            If there is no such parameter or a value is refused; nothing is changed then.
        """
        self._refuse_stairs("set")
        self._own(target, Source if isinstance(target, Source) else Population, "set")
        if isinstance(target, Source):
            self._changes.of_source(target, values)
        else:
            self._changes.of_population(target, values)

    def state(self, neurons: Neurons, variable: str = "v") -> np.ndarray:
        """Return a copy of a state variable of a population, or of a slice of one, now, (batch, n)."""
        self._own(neurons, Population, "state")
        if self._settling is not None:
            return self._settling.state(neurons, variable)
        view, population = view_of(neurons), view_of(neurons).population
        names = self._engine.variables(population.name)
        if variable not in names:
            raise ValidationError("state", "variable", variable, f"one of {', '.join(names)}")
        return self._engine.variable(population.name, variable)[:, view.start : view.stop].copy()

    def reset(self, first_sample: int = 0) -> None:
        """Go back to time 0, the initial state and an empty recording; what `set` has changed stays."""
        if self._settling is not None:
            self._settling.reset()
            return
        self._engine.reset(checks.integer("reset", "first_sample", first_sample, minimum=0))
        self._collector.forget()

    def retire(self, samples: ArrayLike) -> None:
        """Simulate some samples no further until the next `reset`, which saves their time; the others do not notice.

        Parameters
        ----------
        samples : array_like of int
            Their places in the batch, 0 to batch - 1. From now on they have no spikes, their state stays as it is, and
            traces have NaN for them.

        Raises
        ------
        ValidationError
            If there is no such sample, or the engine is not the grid engine.
        """
        self._refuse_stairs("retire")
        if self.engine != "grid":
            raise ValidationError("retire", "engine", self.engine, '"grid"')
        chosen = np.asarray(samples)
        if chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= self.batch):
            raise ValidationError("retire", "samples", samples, f"integers of 0 to {self.batch - 1}")
        self._engine.retire(chosen.ravel().astype(np.int64))

    def _refuse_stairs(self, owner: str) -> None:
        """Refuse what networks of staircase neurons do not have."""
        if self._settling is not None:
            raise ValidationError(owner, "network", list(self.network.populations), "spiking neurons; see settle")

    def _tell_of_changes(self) -> None:
        """Warn once where the network has got what is not simulated."""
        now = _size(self.network)
        if now == self._size:
            return
        self._size = now
        warnings.warn(
            "what was added to the network since this Simulation was made is neither simulated nor recorded; "
            "make a new Simulation",
            stacklevel=3,
        )

    def _own(self, target: object, kind: type, owner: str) -> None:
        whole = target.population if isinstance(target, View) else target
        if not isinstance(whole, kind) or self._known.get(whole.name) is not whole:  # pyright: ignore
            names = ", ".join(name for name, one in self._known.items() if isinstance(one, kind)) or "none"
            raise ValidationError(owner, "target", target, f"one of this network's when the simulation began: {names}")


def _size(network: Network) -> tuple[Any, ...]:
    """Return what grows with everything that is added to a network."""
    kept = network.spikes_kept
    chosen = None if kept is None else sum(map(len, kept.values()))
    parts = network.populations, network.sources, network.projections, network.probes
    return *map(len, parts), chosen
