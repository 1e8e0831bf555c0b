"""`snn.LIF` against NEST's iaf_psc_delta, iaf_psc_exp and iaf_psc_alpha on random neurons; one JSON line.

Both get the same parameters, spike trains and currents on the same grid, and must give the same spikes, step by step,
and the same v but for rounding. NEST (nest-simulator on PyPI) is not among this project's requirements.

What corresponds to what: a spike through a connection of delay d acts at its time + d in both. A NEST current acts
through a connection, too, so one from `start` to `stop` through a delay of d flows from start + d to stop + d. NEST's
weights are doubles, so all weights and amplitudes here are multiples of 2^-12, which 32 bits hold exactly.

Run: python benchmarks/nest_equality.py --cases 200
"""

import argparse
import json
import math
from typing import NamedTuple

import nest
import numpy as np
from numpy.typing import ArrayLike

import snn

MODELS = {"delta": "iaf_psc_delta", "exponential": "iaf_psc_exp", "alpha": "iaf_psc_alpha"}


class Case(NamedTuple):
    """A neuron and its input; times are in steps of dt."""

    dt: float  # ms
    parameters: dict  # of snn.LIF
    trains: list[np.ndarray]  # spike times
    weights: list[float]  # a train; mV with delta synapses, else pA
    delays: list[int]  # a train, in steps
    onsets: list[int]  # when the current takes its next value
    amplitudes: list[float]  # pA
    current_delay: int


class Response(NamedTuple):
    """Steps of spikes, and v in mV after steps 1, 2, ..."""

    spikes: np.ndarray
    v: np.ndarray


class Difference(NamedTuple):
    """Spikes of snn, spikes that only one of the two has, and max |dv| in mV."""

    spikes: int
    differing: int
    v: float


def random_case(rng: np.random.Generator, dt: float, steps: int, **parameters: object) -> Case:
    """Draw a neuron that fires some tens of times a second, and its input over `steps` steps.

    Parameters
    ----------
    rng : numpy.random.Generator
    dt : float
        Step in ms.
    steps : int
    **parameters
        Of `snn.LIF`, in place of random ones.
    """
    chosen = {
        "synapse": str(rng.choice(list(MODELS))),
        "tau_m": rng.uniform(5.0, 20.0),
        "c_m": rng.uniform(50.0, 500.0),
        "v_rest": rng.uniform(-75.0, -60.0),
        "t_ref": dt * rng.integers(0, 40),
        "tau_syn": rng.uniform(0.3, 10.0),
    } | parameters
    height = rng.uniform(5.0, 20.0)  # of the threshold over rest, in mV
    rheobase = height * chosen["c_m"] / chosen["tau_m"]  # pA
    chosen = {
        "v_threshold": chosen["v_rest"] + height,
        "v_reset": chosen["v_rest"] + rng.uniform(-5.0, 0.8 * height),
        "i_e": rheobase * rng.uniform(1.3, 1.8),
    } | chosen
    if chosen["synapse"] != "delta" and rng.random() < 0.5:
        chosen = {"tau_syn_inh": rng.uniform(0.3, 10.0)} | chosen
    ex = _weight_of_1_mv(chosen, chosen["tau_syn"])
    inh = _weight_of_1_mv(chosen, chosen.get("tau_syn_inh", chosen["tau_syn"]))
    return Case(
        dt,
        chosen,
        [np.unique(rng.integers(1, steps, round(rate * steps * dt / 1000.0))) for rate in (300.0, 150.0, 200.0)],
        [
            _dyadic(ex * rng.uniform(0.2, 2.0)),
            _dyadic(ex * rng.uniform(1.0, 4.0)),
            _dyadic(-inh * rng.uniform(0.5, 3.0)),
        ],
        rng.integers(1, 30, 3).tolist(),
        np.sort(rng.choice(np.arange(1, steps - 30), 4, replace=False)).tolist(),
        [_dyadic(rheobase * share) for share in (*rng.uniform(-0.3, 0.6, 3), 0.0)],
        int(rng.integers(1, 30)),
    )


def _weight_of_1_mv(parameters: dict, tau: float) -> float:
    """Return the weight whose charge, were there no leak, would change v by 1 mV."""
    charge = {"delta": parameters["c_m"], "exponential": tau, "alpha": math.e * tau}  # of weight 1, in fC
    return parameters["c_m"] / charge[parameters["synapse"]]


def _dyadic(value: float) -> float:
    return round(value * 2**12) / 2**12


def in_snn(case: Case, steps: int) -> Response:
    """Simulate with snn."""
    net = snn.Network()
    cell = net.population("cell", 1, snn.LIF(**case.parameters), initial={"v": case.parameters["v_rest"]})
    trains = net.spike_trains("trains", [train * case.dt for train in case.trains])
    for i, (weight, delay) in enumerate(zip(case.weights, case.delays, strict=True)):
        net.connect(trains, cell, snn.Edges([i], [0]), weight=weight, delay=delay * case.dt)
    begins = [(onset + case.current_delay) * case.dt for onset in case.onsets]
    for i, (start, stop) in enumerate(zip(begins, [*begins[1:], math.inf], strict=True)):
        current = net.current(f"current_{i}", [case.amplitudes[i]], start=start, stop=stop)
        net.connect(current, cell, snn.OneToOne())
    net.record(cell, "v", every=case.dt)
    recording = snn.Simulation(net, dt=case.dt).run(steps * case.dt)
    return Response(recording.spikes["cell"].steps, recording.traces[0].values[0, :, 0])


def in_nest(case: Case, steps: int) -> Response:
    """Simulate with NEST: the current by a dc_generator up to its second onset, by a step_current_generator after."""
    p, dt = case.parameters, case.dt
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = dt
    values = {"E_L": p["v_rest"], "V_m": p["v_rest"], "V_th": p["v_threshold"], "V_reset": p["v_reset"]}
    values |= {"C_m": p["c_m"], "I_e": p["i_e"], "tau_m": p["tau_m"], "t_ref": p["t_ref"]}
    if p["synapse"] != "delta":
        values |= {"tau_syn_ex": p["tau_syn"], "tau_syn_in": p.get("tau_syn_inh", p["tau_syn"])}
    cell = nest.Create(MODELS[p["synapse"]], params=values)

    def times(at: ArrayLike) -> list[float]:
        return np.round(np.asarray(at) * dt, 9).tolist()

    for train, weight, delay in zip(case.trains, case.weights, case.delays, strict=True):
        source = nest.Create("spike_generator", params={"spike_times": times(train)})
        nest.Connect(source, cell, syn_spec={"weight": weight, "delay": delay * dt})
    (start, stop), (first, *later) = times(case.onsets[:2]), case.amplitudes
    constant = nest.Create("dc_generator", params={"amplitude": first, "start": start, "stop": stop})
    course = {"amplitude_times": times(case.onsets[1:]), "amplitude_values": later}
    for source in (constant, nest.Create("step_current_generator", params=course)):
        nest.Connect(source, cell, syn_spec={"delay": case.current_delay * dt})
    meter = nest.Create("multimeter", params={"interval": dt, "record_from": ["V_m"]})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, cell)
    nest.Connect(cell, recorder)
    nest.Simulate((steps + 30) * dt)  # recorders lag behind by a delay
    at, v = (np.asarray(meter.events[name]) for name in ("times", "V_m"))
    spikes = np.sort(np.rint(np.asarray(recorder.events["times"]) / dt).astype(int))
    return Response(spikes[spikes <= steps], v[np.argsort(at)][:steps])


def compare(case: Case, steps: int) -> Difference:
    """Simulate a case with both."""
    mine, theirs = in_snn(case, steps), in_nest(case, steps)
    differing = len(np.setxor1d(mine.spikes, theirs.spikes))
    return Difference(len(mine.spikes), differing, float(np.max(np.abs(mine.v - theirs.v))))


def main() -> None:
    """Print one line for all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--duration", type=float, default=1000.0, help="in ms")
    options = parser.parse_args()
    rng, found = np.random.default_rng(options.seed), []
    for i in range(options.cases):
        dt = (0.1, 0.125)[i % 2]
        steps = round(options.duration / dt)
        found.append(compare(random_case(rng, dt, steps), steps))
    result = {
        "benchmark": "nest_equality",
        "nest": nest.__version__,
        "cases": len(found),
        "duration_ms": options.duration,
        "spikes": sum(one.spikes for one in found),
        "fewest_spikes": min(one.spikes for one in found),
        "differing_spikes": sum(one.differing for one in found),
        "max_dv_mv": max(one.v for one in found),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
