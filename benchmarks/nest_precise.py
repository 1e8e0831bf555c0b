"""The exact engine against NEST's neurons with precise spike times; one JSON line a model and parameter set.

`snn.LIF` with exponential synapses is compared with iaf_psc_exp_ps_lossless, which never misses a crossing, and with
delta synapses with iaf_psc_delta_ps. Both get the same small networks: neurons that differ in their constant currents,
random synapses of both signs among them and from spike trains whose times are on no grid. Every neuron must fire as
often in both, and every spike at the same time to within 1e-9 ms; else the exit status is 1.

What corresponds to what: NEST, too, has steps, but keeps where in a step a spike is, so its spikes are as exact as
those here. Its delays and t_ref are multiples of the step, which is 2^-7 ms, so that they are exact numbers; t_ref is
one step at least, and the lossless model takes one tau_syn for both signs that is not tau_m. A refractory neuron drops
delta input in both; what arrives at the very end of t_ref is dropped here, but not in NEST. Since a neuron with delta
synapses fires when something arrives, that would happen: wherever two ways through the network differ by t_ref. So
delays are even multiples of the step, and with delta synapses t_ref is an odd one. What arrives at one time is summed
before the test in both, but two ways that take equally long are one time here only if their sums of delays round alike.

A network magnifies differences from spike to spike, rounding among them: some of these come to 1e-9 ms within 300 ms,
though they begin with 1e-13 ms. So 200 ms are simulated, in which every neuron feels spikes that the network has made.

NEST (nest-simulator on PyPI) is not among this project's requirements.

Run: python benchmarks/nest_precise.py --seeds 100
"""

import argparse
import json
import sys
from typing import Any, NamedTuple

import nest
import numpy as np

import snn

MODELS = {"exponential": "iaf_psc_exp_ps_lossless", "delta": "iaf_psc_delta_ps"}
STEP = 2.0**-7  # ms
TICS = 2**7  # a ms, NEST's unit of time
SAME = 1e-9  # ms
NEURONS = 20
TRAINS = 20
# Parameters of snn.LIF; i_e is drawn between two shares of the current that drives v to the threshold.
SETS = [
    {"synapse": "exponential", "tau_m": 10.0, "tau_syn": 2.0, "t_ref": 2.0, "i_e": (0.5, 0.9)},
    {"synapse": "exponential", "tau_m": 20.0, "tau_syn": 0.5, "t_ref": 0.5, "i_e": (0.7, 1.2)},
    {"synapse": "exponential", "tau_m": 10.0, "tau_syn": 9.5, "t_ref": 5.0, "i_e": (0.0, 0.8)},
    {"synapse": "exponential", "tau_m": 8.0, "tau_syn": 25.0, "t_ref": 1.0, "i_e": (0.0, 0.8)},
    {"synapse": "delta", "tau_m": 10.0, "t_ref": 2.0 + STEP, "i_e": (0.5, 0.9)},
    {"synapse": "delta", "tau_m": 20.0, "t_ref": 0.5 + STEP, "i_e": (0.9, 1.3)},
    {"synapse": "delta", "tau_m": 5.0, "t_ref": 6.0 + STEP, "i_e": (0.0, 1.1)},
    {"synapse": "delta", "tau_m": 30.0, "t_ref": STEP, "i_e": (0.0, 0.5)},
]


class Synapses(NamedTuple):
    """Arrays, an entry a synapse."""

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray  # mV with delta synapses, else pA
    delays: np.ndarray  # in steps, all even


class Case(NamedTuple):
    """A network and its input."""

    parameters: dict  # of snn.LIF
    v: np.ndarray  # at first, in mV
    trains: list[np.ndarray]  # spike times in ms
    given: Synapses  # from the trains
    recurrent: Synapses


class Difference(NamedTuple):
    """Spikes of snn, neurons that fire more or less often in NEST, and max |dt| of the others' spikes in ms."""

    spikes: int
    differing: int
    dt: float


def random_case(rng: np.random.Generator, duration: float, **parameters: Any) -> Case:
    """Draw a network whose neurons fire some tens of times a second.

    Parameters
    ----------
    rng : numpy.random.Generator
    duration : float
        Of the input, in ms.
    **parameters
        An element of `SETS`.
    """
    c_m, v_rest, height = rng.uniform(100.0, 400.0), rng.uniform(-75.0, -60.0), rng.uniform(8.0, 20.0)
    least, most = parameters["i_e"]
    chosen = parameters | {
        "c_m": c_m,
        "v_rest": v_rest,
        "v_threshold": v_rest + height,
        "v_reset": v_rest + rng.uniform(-5.0, 0.5 * height),
        "i_e": height * c_m / parameters["tau_m"] * rng.uniform(least, most, NEURONS),
    }
    # The weight that moves v by some mV; a current does so while both it and v last.
    mv = 1.0 if parameters["synapse"] == "delta" else c_m * (1.0 / parameters["tau_m"] + 1.0 / parameters["tau_syn"])

    def synapses(sources: int, each: int, sign: np.ndarray, size: float) -> Synapses:
        """Connect every target to `each` others; the sign is the source's."""
        targets = np.repeat(np.arange(NEURONS), each)
        chosen = (targets + rng.integers(1, sources, len(targets))) % sources  # not to themselves
        weights = sign[chosen] * rng.uniform(0.3, 1.0, len(targets)) * size * mv
        delays = 2 * rng.integers(round(0.4 / STEP), round(2.0 / STEP), len(targets))
        return Synapses(chosen, targets, weights, delays)

    signs = np.where(np.arange(NEURONS) % 4 == 3, -1.5, 1.0)
    return Case(
        chosen,
        v_rest + rng.uniform(0.0, 0.95 * height, NEURONS),
        [np.unique(rng.uniform(0.5, duration, rng.poisson(0.04 * duration))) for _ in range(TRAINS)],
        synapses(TRAINS, 5, rng.permutation(signs), 0.35 * height),
        synapses(NEURONS, 4, rng.permutation(signs), 0.25 * height),
    )


def in_snn(case: Case, duration: float) -> list[np.ndarray]:
    """Simulate with snn; returns spike times in ms, an array a neuron."""
    net = snn.Network()
    cells = net.population("cells", NEURONS, snn.LIF(**case.parameters), initial={"v": case.v})
    trains = net.spike_trains("trains", case.trains)
    for source, synapses in ((trains, case.given), (cells, case.recurrent)):
        edges = snn.Edges(synapses.sources, synapses.targets)
        net.connect(source, cells, edges, weight=synapses.weights, delay=synapses.delays * STEP)
    found = snn.Simulation(net, engine="exact").run(duration).spikes["cells"]
    return [found.train(i) for i in range(NEURONS)]


def in_nest(case: Case, duration: float) -> list[np.ndarray]:
    """Simulate with NEST; returns spike times in ms, an array a neuron."""
    p = case.parameters
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(tics_per_ms=TICS, resolution=STEP)
    values = {"E_L": p["v_rest"], "V_th": p["v_threshold"], "V_reset": p["v_reset"], "C_m": p["c_m"]}
    values |= {"tau_m": p["tau_m"], "t_ref": p["t_ref"]}
    if p["synapse"] == "exponential":
        values |= {"tau_syn_ex": p["tau_syn"], "tau_syn_in": p["tau_syn"]}
    cells = nest.Create(MODELS[p["synapse"]], NEURONS, params=values)
    cells.set({"V_m": case.v.tolist(), "I_e": p["i_e"].tolist()})
    trains = nest.Create("spike_generator", TRAINS)
    trains.set([{"spike_times": train.tolist(), "precise_times": True} for train in case.trains])
    for source, synapses in ((trains, case.given), (cells, case.recurrent)):
        ends = (np.array(nodes.tolist())[at] for nodes, at in ((source, synapses.sources), (cells, synapses.targets)))
        how = {"weight": synapses.weights, "delay": synapses.delays * STEP}
        nest.Connect(*ends, conn_spec="one_to_one", syn_spec=how)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(duration + 2.0)  # recorders lag behind by a delay
    times, senders = (np.asarray(recorder.events[name]) for name in ("times", "senders"))
    kept = times <= duration
    return [np.sort(times[kept & (senders == cell)]) for cell in cells.tolist()]


def compare(case: Case, duration: float) -> Difference:
    """Simulate a case with both."""
    mine, theirs = in_snn(case, duration), in_nest(case, duration)
    alike = [(a, b) for a, b in zip(mine, theirs, strict=True) if len(a) == len(b)]
    dt = max((float(np.max(np.abs(a - b), initial=0.0)) for a, b in alike), default=0.0)
    return Difference(sum(map(len, mine)), NEURONS - len(alike), dt)


def main() -> None:
    """Print a line for every set of parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="networks a set of parameters")
    parser.add_argument("--duration", type=float, default=200.0, help="in ms")
    options = parser.parse_args()
    failed = False
    for number, parameters in enumerate(SETS):
        rngs = [np.random.default_rng([number, seed]) for seed in range(options.seeds)]
        found = [compare(random_case(rng, options.duration, **parameters), options.duration) for rng in rngs]
        result = {
            "benchmark": "nest_precise",
            "nest": nest.__version__,
            "model": MODELS[parameters["synapse"]],
            "parameters": {name: value for name, value in parameters.items() if name != "synapse"},
            "networks": len(found),
            "duration_ms": options.duration,
            "spikes": sum(one.spikes for one in found),
            "fewest_spikes": min(one.spikes for one in found),
            "differing_counts": sum(one.differing for one in found),
            "max_dt_ms": max(one.dt for one in found),
        }
        print(json.dumps(result), flush=True)
        failed |= result["differing_counts"] > 0 or result["max_dt_ms"] > SAME
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
