"""How far nonlinear neurons are from the solution of their equations, here and in NEST; a JSON line a model.

Random neurons get the same spike trains and step currents on the same grid. The reference solves the equations, written
down once more below, by SciPy's DOP853 to 1e-12, from one arrival or spike to the next. Spikes follow the semantics of
the grid: where v has a peak it is reset when it gets there, and the spike is stamped at the step's end; where v has a
threshold, or a spike is a maximum of v, the grid's points are looked at.

What corresponds to what in NEST is said in nest_equality.py; NEST (nest-simulator on PyPI) is not among this project's
requirements. Two distances are given: spikes that only one of the two trains has, and the error of v at the grid's
points, its median and its largest, while the spikes are those of the reference.

Run: python benchmarks/nest_accuracy.py --cases 10
"""

import argparse
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

import snn

DT = 0.1  # ms


class Case(NamedTuple):
    """A neuron and its input; times are in steps."""

    model: snn.neurons.Model
    initial: dict[str, float]
    trains: list[np.ndarray]
    weights: list[float]
    onsets: np.ndarray  # when the current takes its next value
    amplitudes: list[float]  # pA


class Response(NamedTuple):
    """Steps of spikes, and v in mV after steps 1, 2, ..."""

    spikes: np.ndarray
    v: np.ndarray


class Family(NamedTuple):
    """A model's counterpart in NEST, its equations, and random parameters."""

    nest: str
    names: dict[str, str]  # ours to NEST's
    draw: Callable  # rng -> (model, weights for excitation and inhibition, amplitude of currents)
    initial: Callable  # model -> state of the equations, v first
    rates: Callable  # (model, state, current) -> its rates of change


def dyadic(value: float) -> float:
    """Round to what 32 bits hold exactly."""
    return round(value * 2**12) / 2**12


# ---- the equations


def conductances(p: Any, v: float, ex: float, inh: float) -> float:
    """Return the synaptic current."""
    return ex * (p.e_ex - v) + inh * (p.e_in - v)


def leaky_rates(p: Any, y: np.ndarray, current: float) -> list[float]:
    """Return dv/dt, dg_ex/dt, dg_in/dt."""
    v, ex, inh = y
    i = p.g_l * (p.v_rest - v) + conductances(p, v, ex, inh) + p.i_e + current
    return [i / p.c_m, -ex / p.tau_syn, -inh / p.tau_syn_inh]


def adex_rates(p: Any, y: np.ndarray, current: float) -> list[float]:
    """Return dv/dt, dg_ex/dt, dg_in/dt, dw/dt."""
    v, ex, inh, w = y
    upswing = p.g_l * p.delta_t * math.exp(min((v - p.v_threshold) / p.delta_t, 200.0))
    i = p.g_l * (p.v_rest - v) + upswing - w + conductances(p, v, ex, inh) + p.i_e + current
    return [i / p.c_m, -ex / p.tau_syn, -inh / p.tau_syn_inh, (p.a * (v - p.v_rest) - w) / p.tau_w]


def izhikevich_rates(p: Any, y: np.ndarray, current: float) -> list[float]:
    """Return dv/dt, du/dt."""
    v, u = y
    return [0.04 * v * v + 5.0 * v + 140.0 - u + p.i_e + current, p.a * (p.b * v - u)]


def gate_rates(v: float) -> list[tuple[float, float]]:
    """Return alpha and beta of m, h and n, v being relative to v_t."""

    def ratio(x: float) -> float:
        return x / math.expm1(x) if x else 1.0

    return [
        (1.28 * ratio((13.0 - v) / 4.0), 1.4 * ratio((v - 40.0) / 5.0)),
        (0.128 * math.exp((17.0 - v) / 18.0), 4.0 / (1.0 + math.exp((40.0 - v) / 5.0))),
        (0.16 * ratio((15.0 - v) / 5.0), 0.5 * math.exp((10.0 - v) / 40.0)),
    ]


def hodgkin_huxley_rates(p: Any, y: np.ndarray, current: float) -> list[float]:
    """Return dv/dt, dg_ex/dt, dg_in/dt, dm/dt, dh/dt, dn/dt."""
    v, ex, inh, m, h, n = y
    i = p.g_l * (p.v_rest - v) + p.g_na * m**3 * h * (p.e_na - v) + p.g_k * n**4 * (p.e_k - v)
    i += conductances(p, v, ex, inh) + p.i_e + current
    gates = zip((m, h, n), gate_rates(v - p.v_t), strict=True)
    return [
        i / p.c_m,
        -ex / p.tau_syn,
        -inh / p.tau_syn_inh,
        *(alpha * (1.0 - x) - beta * x for x, (alpha, beta) in gates),
    ]


# ---- random neurons


def draw_leaky(rng: np.random.Generator) -> tuple:
    """Draw a neuron near NEST's."""
    model = snn.ConductanceLIF(
        c_m=rng.uniform(150.0, 350.0),
        g_l=rng.uniform(10.0, 25.0),
        t_ref=DT * rng.integers(0, 30),
        tau_syn=rng.uniform(0.2, 5.0),
        tau_syn_inh=rng.uniform(1.0, 10.0),
        i_e=rng.uniform(200.0, 400.0),
    )
    return model, 30.0 / model.tau_syn, 15.0 / model.tau_syn_inh, 300.0


def draw_adex(rng: np.random.Generator) -> tuple:
    """Draw a neuron near NEST's."""
    model = snn.AdEx(
        c_m=rng.uniform(150.0, 350.0),
        g_l=rng.uniform(10.0, 35.0),
        delta_t=rng.uniform(0.8, 3.0),
        a=rng.uniform(0.0, 6.0),
        b=rng.uniform(10.0, 100.0),
        tau_w=rng.uniform(50.0, 200.0),
        t_ref=DT * rng.integers(0, 20) * rng.integers(0, 2),
        tau_syn=rng.uniform(0.2, 5.0),
        tau_syn_inh=rng.uniform(1.0, 10.0),
        i_e=rng.uniform(500.0, 900.0),
    )
    return model, 30.0 / model.tau_syn, 15.0 / model.tau_syn_inh, 300.0


def draw_izhikevich(rng: np.random.Generator, **fixed: float) -> tuple:
    """Draw a neuron between those of the paper."""
    drawn = {"a": rng.uniform(0.02, 0.1), "b": rng.uniform(0.2, 0.25), "c": rng.uniform(-65.0, -50.0)}
    model = snn.Izhikevich(**drawn | {"d": rng.uniform(2.0, 8.0), "i_e": rng.uniform(5.0, 12.0)} | fixed)
    return model, 1.5, 1.0, 4.0


def draw_quadratic(rng: np.random.Generator) -> tuple:
    """Draw an Izhikevich neuron without recovery variable, the one quadratic neuron that NEST has."""
    return draw_izhikevich(rng, a=0.0, b=0.0, d=0.0, i_e=rng.uniform(16.5, 18.0))


def draw_hodgkin_huxley(rng: np.random.Generator) -> tuple:
    """Draw a neuron near NEST's."""
    model = snn.HodgkinHuxley(
        c_m=rng.uniform(150.0, 250.0),
        g_na=rng.uniform(15_000.0, 25_000.0),
        g_k=rng.uniform(5_000.0, 7_000.0),
        tau_syn=rng.uniform(1.0, 6.0),
        tau_syn_inh=rng.uniform(3.0, 12.0),
        i_e=rng.uniform(100.0, 400.0),
    )
    return model, 10.0, 10.0, 200.0


def at_rest(model: Any) -> list[float]:
    """Return where a Hodgkin-Huxley neuron starts."""
    return [model.v_rest, 0.0, 0.0, *(a / (a + b) for a, b in gate_rates(model.v_rest - model.v_t))]


MEMBRANE = {"c_m": "C_m", "g_l": "g_L", "v_rest": "E_L", "t_ref": "t_ref", "i_e": "I_e", "e_ex": "E_ex", "e_in": "E_in"}
MEMBRANE |= {"tau_syn": "tau_syn_ex", "tau_syn_inh": "tau_syn_in"}
LEAKY = MEMBRANE | {"v_threshold": "V_th", "v_reset": "V_reset"}
ADEX = LEAKY | {"v_peak": "V_peak", "delta_t": "Delta_T", "a": "a", "b": "b", "tau_w": "tau_w"}
GATED = MEMBRANE | {"g_na": "g_Na", "g_k": "g_K", "e_na": "E_Na", "e_k": "E_K", "v_t": "V_T"}
IZHIKEVICH = {name: name for name in "abcd"} | {"v_peak": "V_th", "i_e": "I_e"}
FAMILIES = {
    "ConductanceLIF": Family("iaf_cond_exp", LEAKY, draw_leaky, lambda p: [p.v_rest, 0.0, 0.0], leaky_rates),
    "AdEx": Family("aeif_cond_exp", ADEX, draw_adex, lambda p: [p.v_rest, 0.0, 0.0, 0.0], adex_rates),
    "Izhikevich": Family("izhikevich", IZHIKEVICH, draw_izhikevich, lambda p: [p.c, p.b * p.c], izhikevich_rates),
    "Quadratic": Family("izhikevich", IZHIKEVICH, draw_quadratic, lambda p: [p.c, 0.0], izhikevich_rates),
    "HodgkinHuxley": Family("hh_cond_exp_traub", GATED, draw_hodgkin_huxley, at_rest, hodgkin_huxley_rates),
}


def random_case(family: str, rng: np.random.Generator, steps: int) -> Case:
    """Draw a neuron of a family and its input over `steps` steps."""
    model, ex, inh, amplitude = FAMILIES[family].draw(rng)
    return Case(
        model,
        {},
        [np.unique(rng.integers(1, steps, round(rate * steps * DT / 1000.0))) for rate in (200.0, 100.0)],
        [dyadic(ex * rng.uniform(0.3, 1.0)), dyadic(-inh * rng.uniform(0.3, 1.0))],
        np.sort(rng.choice(np.arange(1, steps - 30), 4, replace=False)),
        [dyadic(amplitude * share) for share in (*rng.uniform(-0.5, 1.0, 3), 0.0)],
    )


# ---- the three responses


def in_snn(case: Case, steps: int) -> Response:
    """Simulate with snn; spikes act after a delay of a step, currents, too."""
    net = snn.Network()
    cell = net.population("cell", 1, case.model)
    trains = net.spike_trains("trains", [train * DT for train in case.trains])
    for i, weight in enumerate(case.weights):
        net.connect(trains, cell, snn.Edges([i], [0]), weight=weight, delay=DT)
    begins = [(onset + 1) * DT for onset in case.onsets]
    for i, (start, stop) in enumerate(zip(begins, [*begins[1:], math.inf], strict=True)):
        current = net.current(f"current_{i}", [case.amplitudes[i]], start=start, stop=stop)
        net.connect(current, cell, snn.OneToOne())
    net.record(cell, "v", every=DT)
    recording = snn.Simulation(net, dt=DT).run(steps * DT)
    return Response(recording.spikes["cell"].steps, recording.traces[0].values[0, :, 0])


def in_nest(family: str, case: Case, steps: int) -> Response:
    """Simulate with NEST."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = DT
    values = {theirs: float(getattr(case.model, ours)) for ours, theirs in FAMILIES[family].names.items()}
    start = FAMILIES[family].initial(case.model)
    values |= {"V_m": start[0]} | ({"U_m": start[1]} if "a" in values and "c" in values else {})
    cell = nest.Create(FAMILIES[family].nest, params=values)

    def times(at: Any) -> list[float]:
        return np.round(np.asarray(at) * DT, 9).tolist()

    for train, weight in zip(case.trains, case.weights, strict=True):
        source = nest.Create("spike_generator", params={"spike_times": times(train)})
        nest.Connect(source, cell, syn_spec={"weight": weight, "delay": DT})
    course = {"amplitude_times": times(case.onsets), "amplitude_values": case.amplitudes}
    nest.Connect(nest.Create("step_current_generator", params=course), cell, syn_spec={"delay": DT})
    meter = nest.Create("multimeter", params={"interval": DT, "record_from": ["V_m"]})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, cell)
    nest.Connect(cell, recorder)
    nest.Simulate((steps + 30) * DT)  # recorders lag behind by a delay
    at, v = (np.asarray(meter.events[name]) for name in ("times", "V_m"))
    spikes = np.unique(np.rint(np.asarray(recorder.events["times"]) / DT).astype(int))
    return Response(spikes[spikes <= steps], v[np.argsort(at)][:steps])


def follow(rates: Callable, p: Any, current: float, hold: bool) -> Callable:
    """Return the equations as a function of time and state; a refractory neuron's v is held."""

    def changes(t: float, y: np.ndarray) -> list[float]:
        changed = rates(p, y, current)
        return [0.0, *changed[1:]] if hold else changed

    return changes


def reaches(peak: float) -> Any:
    """Return the event that ends a solution at the peak."""

    def event(t: float, y: np.ndarray) -> float:
        return y[0] - peak

    event.terminal, event.direction = True, 1.0
    return event


def reference(family: str, case: Case, steps: int) -> Response:
    """Solve the equations, from one arrival, change of the current, or spike to the next."""
    p, rates = case.model, FAMILIES[family].rates
    y = np.array(FAMILIES[family].initial(p), float)
    onsets = case.onsets + 1
    arrivals = [train + 1 for train in case.trains]
    peak = getattr(p, "v_peak", None)  # Izhikevich and AdEx are reset there and then
    reset, jump = (p.c, p.d) if hasattr(p, "c") else (getattr(p, "v_reset", None), getattr(p, "b", 0.0))
    refractory = round(getattr(p, "t_ref", 0.0) / DT)
    held = 0  # first step at whose end the neuron is free again
    spikes, v = [], np.zeros(steps)
    for k in range(steps):
        before = int(np.searchsorted(onsets, k, side="right"))
        current = case.amplitudes[before - 1] if before else 0.0
        passed, start, first = 0.0, y[0], None
        hold = k < held and reset is not None
        while passed < DT:
            peaks = [reaches(peak)] if peak is not None and not hold else None
            course = follow(rates, p, current, hold)
            solution = solve_ivp(course, (passed, DT), y, method="DOP853", rtol=1e-12, atol=1e-12, events=peaks)
            passed, y = solution.t[-1], solution.y[:, -1].copy()
            if solution.status:  # at the peak, or so near a pole that time has no smaller steps
                first, y[0], hold, held = k + 1, reset, refractory > 0, k + 1 + refractory
                y[-1] += jump
        for train, weight in zip(arrivals, case.weights, strict=True):
            if k + 1 in train:
                if hasattr(p, "e_ex"):
                    y[1 if weight > 0 else 2] += abs(weight)
                else:
                    y[0] += weight
        if peak is not None and y[0] >= peak and first is None and k + 1 > held:
            first, y[0] = k + 1, reset
            y[-1] += jump
        if hasattr(p, "v_t") and k >= held and y[0] >= p.v_t + 30.0 and y[0] < start:
            first, held = k + 1, k + 1 + refractory
        if peak is None and reset is not None and k >= held and y[0] >= p.v_threshold:
            first, y[0], held = k + 1, reset, k + 1 + refractory
        if first is not None:
            spikes.append(first)
        v[k] = y[0]
    return Response(np.array(spikes, int), v)


class Distance(NamedTuple):
    """Spikes that only one has, and the median and largest error of v in mV up to the first of those."""

    spikes: int
    median_v: float
    largest_v: float


def distance(found: Response, truth: Response) -> Distance:
    """Compare a response with the reference."""
    differing = np.setxor1d(found.spikes, truth.spikes)
    until = int(differing[0]) - 1 if len(differing) else len(truth.v)
    error = np.abs(found.v - truth.v)[:until]
    return Distance(len(differing), float(np.median(error)), float(np.max(error)))


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--duration", type=float, default=300.0, help="in ms")
    options = parser.parse_args()
    steps = round(options.duration / DT)
    for family in FAMILIES:
        rng, ours, theirs, spikes = np.random.default_rng(options.seed), [], [], 0
        for _ in range(options.cases):
            case = random_case(family, rng, steps)
            truth = reference(family, case, steps)
            spikes += len(truth.spikes)
            ours.append(distance(in_snn(case, steps), truth))
            theirs.append(distance(in_nest(family, case, steps), truth))
        result = {"benchmark": "nest_accuracy", "model": family, "cases": options.cases, "spikes": spikes}
        for name, found in (("snn", ours), ("nest", theirs)):
            result[f"{name}_differing_spikes"] = sum(one.spikes for one in found)
            result[f"{name}_median_dv_mv"] = float(np.median([one.median_v for one in found]))
            result[f"{name}_largest_dv_mv"] = max(one.largest_v for one in found)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
