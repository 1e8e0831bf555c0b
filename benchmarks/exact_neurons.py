"""The exact engine's spike trains of single neurons against 50 digits; a JSON line a family.

Random leaky neurons get some twenty input spikes of both signs, some 1e-4 ms apart, some at one and the same time, and
a constant current; time constants of synapses are often equal or close to that of the membrane, or longer. In half of
the neurons with synaptic currents the threshold is put close to a maximum of v, above or below it by 1e-9 mV or more. A
synapse of weight 0 from the neuron to itself makes the engine's windows of random length.

The same neuron is simulated with 50 digits (mpmath), by the solution as it stands in textbooks: v and its slope on a
raster of a tenth of the shortest time constant, maxima where the slope's sign changes, and the first crossing by
bracketing. Its trains must have as many spikes, at the same times.

How exact a time can be depends on how steeply v crosses the threshold. So the error is given in ms where the slope is
above 0.01 mV/ms or v jumps over the threshold, and else times the slope, in mV. After such a flat crossing the 50
digits go on from the time that the engine has found, since what follows is shifted as a whole.

The exit status is 1 where counts differ, or an error is above 1e-11 ms or 1e-13 mV.

Run: python benchmarks/exact_neurons.py --trains 300
"""

import argparse
import itertools
import json
import math
import sys
from typing import Any, NamedTuple

import mpmath
import numpy as np

import snn

DIGITS = 50
STEEP = 0.01  # mV/ms
MOST_MS, MOST_MV = 1e-11, 1e-13  # errors
OTHER = 1e-9  # mV: what is further from the threshold is not the same spike
INPUTS = 20
# How many time constants synapses have.
FAMILIES = {"delta": 0, "exponential": 1, "exponential two": 2, "alpha": 1, "alpha two": 2}
mpf = mpmath.mpf


class Case(NamedTuple):
    """A neuron and its input."""

    model: Any  # snn.LIF with numbers for parameters
    v: float  # at first, in mV
    times: np.ndarray  # of input spikes in ms, ascending
    weights: np.ndarray
    window: float  # ms
    duration: float  # ms


class Crossing(NamedTuple):
    """A spike: its time in ms, and v's slope there in mV/ms; infinite where v jumps."""

    time: Any
    slope: Any


class Errors(NamedTuple):
    """What a train comes to: spikes, flat ones, whether the count differs, and the largest errors."""

    spikes: int
    flat: int
    differs: bool
    ms: float
    mv: float


class State(NamedTuple):
    """v above rest in mV; i and i_rise in pA of every synapse."""

    u: Any
    currents: tuple[tuple[Any, Any], ...]


class Exact:
    """A neuron in mpmath's numbers, at a time.

    Parameters
    ----------
    case : Case
    threshold : mpmath.mpf, optional
        In place of the model's, in mV above rest.
    """

    def __init__(self, case: Case, threshold: Any = None):
        m = case.model
        self.a, self.b = 1 / mpf(m.tau_m), 1 / mpf(m.c_m)
        inhibition = m.tau_syn if m.tau_syn_inh is None else m.tau_syn_inh
        taus = () if m.synapse == "delta" else (m.tau_syn, inhibition)
        self.rates = tuple(1 / mpf(tau) for tau in taus)
        self.model, self.drive, self.t_ref = m, mpf(m.i_e), mpf(m.t_ref)
        self.threshold = mpf(m.v_threshold) - mpf(m.v_rest) if threshold is None else threshold
        self.state = State(mpf(case.v) - mpf(m.v_rest), ((mpf(0), mpf(0)),) * len(self.rates))
        self.time, self.free = mpf(0), mpf(-1)  # refractory until `free`
        self.raster = 1 / (10 * max(self.a, *self.rates, 0))

    def advance(self, state: State, t: Any) -> State:
        """Return the state t ms later."""
        a = self.a
        fall = mpmath.exp(-a * t)
        u, currents = state.u * fall + self.drive * self.b * (1 - fall) / a, []
        for s, (i, i_rise) in zip(self.rates, state.currents, strict=True):
            decay, rise = mpmath.exp(-s * t), mpmath.e * s * i_rise
            first = (fall - decay) / (s - a) if s != a else t * fall
            second = (first - t * decay) / (s - a) if s != a else t * t / 2 * fall
            u += self.b * (i * first + rise * second)
            currents.append(((i + rise * t) * decay, i_rise * decay))
        return State(u, tuple(currents))

    def hold(self, t: Any) -> None:
        """Let t ms of refractoriness pass."""
        self.state = State(self.state.u, self.advance(self.state, t).currents)

    def slope(self, state: State) -> Any:
        """Return du/dt."""
        return self.b * (self.drive + sum(i for i, _ in state.currents)) - self.a * state.u

    def pieces(self, t: Any) -> list[tuple[Any, State]]:
        """Return the times from 0 to t, and the states, of the raster and of the maxima between its points."""
        n = max(4, int(mpmath.ceil(t / self.raster)))
        points = [(t * k / n, self.advance(self.state, t * k / n)) for k in range(n + 1)]
        found = points[:1]
        for before, after in itertools.pairwise(points):
            if self.slope(before[1]) > 0 > self.slope(after[1]):
                top = between(lambda x: self.slope(self.advance(self.state, x)), before[0], after[0])
                found.append((top, self.advance(self.state, top)))
            found.append(after)
        return found

    def crossing(self, t: Any) -> Crossing | None:
        """Return the first crossing within t ms from now on, if there is one."""
        if self.state.u >= self.threshold:
            return Crossing(self.time, mpmath.inf)
        pieces = self.pieces(t)
        for (low, _), (high, state) in itertools.pairwise(pieces):
            if state.u >= self.threshold:
                at = between(lambda x: self.advance(self.state, x).u - self.threshold, low, high)
                return Crossing(self.time + at, self.slope(self.advance(self.state, at)))
        return None

    def receive(self, weight: float) -> None:
        """Let a spike arrive."""
        u, currents = self.state.u, list(self.state.currents)
        if self.model.synapse == "delta":
            u = u if self.time <= self.free else u + mpf(weight)
        else:
            which = int(weight < 0)
            i, i_rise = currents[which]
            alpha = self.model.synapse == "alpha"
            currents[which] = (i, i_rise + mpf(weight)) if alpha else (i + mpf(weight), i_rise)
        self.state = State(u, tuple(currents))

    def fire(self, time: Any) -> None:
        """Go to a time and fire."""
        m = self.model
        self.state, self.time = self.advance(self.state, time - self.time), time
        reset = mpf(m.v_reset) - mpf(m.v_rest)
        self.state = self.state._replace(u=reset if m.reset == "hard" else self.state.u - (self.threshold - reset))
        self.free = time + self.t_ref if self.t_ref > 0 else mpf(-1)

    def pass_time(self, until: Any, told: list[Any], spikes: list[Crossing]) -> None:
        """Go to a time, and add to `spikes`; after flat ones the neuron goes on from the times it is `told`."""
        while self.time < until:
            if self.time < self.free:
                t = min(self.free, until) - self.time
                self.hold(t)
                self.time += t
                continue
            found = self.crossing(until - self.time)
            if found is None:
                self.state = self.advance(self.state, until - self.time)
                self.time = until
                return
            k = len(spikes)
            spikes.append(found)
            near = k < len(told) and abs(told[k] - found.time) * found.slope < OTHER
            self.fire(told[k] if found.slope <= STEEP and near else found.time)


def between(function: Any, low: Any, high: Any) -> Any:
    """Return a root in a bracket."""
    at_low, at_high = function(low), function(high)
    if at_low == 0 or at_high == 0:
        return low if at_low == 0 else high
    return mpmath.findroot(function, (low, high), solver="anderson", maxsteps=500)


def exactly(case: Case, told: list[Any]) -> list[Crossing]:
    """Simulate with 50 digits."""
    neuron, spikes = Exact(case), []
    times, first = np.unique(case.times, return_index=True)
    for time, weights in zip(times, np.split(case.weights, first[1:]), strict=True):
        neuron.pass_time(mpf(time), told, spikes)
        for weight in weights:
            neuron.receive(weight)
    neuron.pass_time(mpf(case.duration), told, spikes)
    return spikes


def engine(case: Case) -> list[Any]:
    """Simulate with the exact engine; returns spike times to all their digits."""
    net = snn.Network()
    cell = net.population("cell", 1, case.model, initial={"v": case.v})
    trains = net.spike_trains("trains", [[time] for time in case.times])
    each = np.arange(len(case.times))
    net.connect(trains, cell, snn.Edges(each, np.zeros_like(each)), weight=case.weights)
    net.connect(cell, cell, snn.OneToOne(), weight=0.0, delay=case.window)
    found = snn.Simulation(net, engine="exact").run(case.duration).spikes["cell"]
    return [mpf(int(k)) * mpf(found.dt) + mpf(s) for k, s in zip(found.steps, found.offsets, strict=True)]


def random_case(rng: np.random.Generator, family: str) -> Case:
    """Draw a neuron and its input."""
    synapse, taus = family.split()[0], FAMILIES[family]
    tau_m, c_m, height = 10.0 ** rng.uniform(0.6, 1.5), rng.uniform(50.0, 500.0), rng.uniform(5.0, 20.0)
    v_rest, duration = rng.uniform(-75.0, -60.0), rng.uniform(50.0, 100.0)
    ratios = [1.0, 1.0 + 1e-6, 1.0 - 1e-6, 0.999, 0.5, 2.5, rng.uniform(0.05, 0.9), rng.uniform(0.05, 0.9)]
    tau_syn = tau_m * float(rng.choice(ratios))
    values: dict[str, Any] = {"synapse": synapse} | ({"tau_syn": tau_syn} if taus else {})
    if taus == 2:
        values["tau_syn_inh"] = float(rng.choice([tau_m, tau_syn]) * rng.choice(ratios))
    model = snn.LIF(
        tau_m=tau_m,
        c_m=c_m,
        v_rest=v_rest,
        v_threshold=v_rest + height,
        v_reset=v_rest + rng.uniform(-5.0, 0.6 * height),
        t_ref=float(rng.choice([0.0, 0.5, rng.uniform(0.1, 8.0)])),
        i_e=height * c_m / tau_m * float(rng.choice([0.0, rng.uniform(0.0, 1.0), rng.uniform(0.9, 1.3)])),
        reset=str(rng.choice(["hard", "soft"])),
        **values,
    )
    times = np.sort(rng.uniform(0.1, 0.9 * duration, INPUTS))
    times[[3, 8, 13]] = times[[2, 7, 12]] + 1e-4
    times[[5, 15]] = times[[4, 14]]
    order = np.argsort(times, kind="stable")
    # The weight that moves v by a mV or so. A current does so while both it and v last; alpha ones carry e times more.
    mv = {"delta": 1.0, "exponential": math.e, "alpha": 1.0}[synapse]
    if synapse != "delta":
        mv *= c_m * (1.0 / tau_m + 1.0 / tau_syn)
    weights = mv * height * rng.uniform(0.2, 1.0, INPUTS) * np.where(rng.random(INPUTS) < 0.3, -1.0, 1.0)
    v = v_rest + rng.uniform(-0.5, 0.95) * height
    case = Case(model, v, times[order], weights, 10.0 ** rng.uniform(-0.5, 1.2), duration)
    return grazing(rng, case) if taus and rng.random() < 0.5 else case


def grazing(rng: np.random.Generator, case: Case) -> Case:
    """Return the case with the threshold close to a maximum that v, without threshold, is the first to reach."""
    neuron, highest, tops = Exact(case, mpmath.inf), mpf(case.v) - mpf(case.model.v_rest), []
    for time, weight in zip(case.times, case.weights, strict=True):
        pieces = neuron.pieces(mpf(time) - neuron.time)
        for k in range(1, len(pieces) - 1):
            before, here, after = (pieces[k + side][1].u for side in (-1, 0, 1))
            if here > max(highest, before, after):
                highest = here
                tops.append(here)
        neuron.state, neuron.time = pieces[-1][1], mpf(time)
        neuron.receive(weight)
    least = max(case.model.v_reset, case.v) - case.model.v_rest + 1.0  # mV
    tops = [float(top) for top in tops if top > least]
    if not tops:
        return case
    values = {name: value for name, value in vars(case.model).items() if value is not None}
    distance = float(rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-9.0, 0.0))
    values["v_threshold"] = case.model.v_rest + float(rng.choice(tops)) + distance
    return case._replace(model=snn.LIF(**values))


def compare(case: Case) -> Errors:
    """Simulate a case with both."""
    mine = engine(case)
    exact = exactly(case, mine)
    if len(mine) != len(exact):
        return Errors(len(exact), 0, True, 0.0, 0.0)
    pairs = [(abs(a - b.time), b.slope) for a, b in zip(mine, exact, strict=True)]
    steep = [float(error) for error, slope in pairs if slope > STEEP]
    flat = [float(error * slope) for error, slope in pairs if slope <= STEEP]
    return Errors(len(exact), len(flat), False, max(steep, default=0.0), max(flat, default=0.0))


def measure(family: str, trains: int, seed: int) -> dict[str, Any]:
    """Return a line of the report."""
    rng = np.random.default_rng([seed, sorted(FAMILIES).index(family)])
    with mpmath.workdps(DIGITS):
        found = [compare(random_case(rng, family)) for _ in range(trains)]
    return {
        "family": family,
        "trains": trains,
        "spikes": sum(one.spikes for one in found),
        "flat_spikes": sum(one.flat for one in found),
        "differing_counts": sum(one.differs for one in found),
        "error_ms": max(one.ms for one in found),
        "error_mv": max(one.mv for one in found),
    }


def main() -> None:
    """Print a line a family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trains", type=int, default=300, help="a family")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed = False
    for family in given.families.split(","):
        line = measure(family, given.trains, given.seed)
        print(json.dumps(line), flush=True)
        failed |= line["differing_counts"] > 0 or line["error_ms"] > MOST_MS or line["error_mv"] > MOST_MV
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
